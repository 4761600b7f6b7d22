/** What other tools call what `ctx` does under another name → how it is called here. */
const elsewhere: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "ctx new": ["init", "create", "scaffold"],
    "ctx check": ["lint", "validate", "verify"],
    "ctx fmt": ["format"],
    "ctx plan": ["compile", "build", "show", "dry-run"],
    "ctx plan --diff": ["diff"],
    "ctx run": ["train", "start", "launch", "finetune"],
    "ctx run --resume FOLDER": ["resume", "continue"],
    "ctx eval": ["evaluate", "test", "measure"],
    "ctx report": ["compare"],
    "ctx export": ["convert"],
    "ctx export --merge": ["merge"],
    "ctx doctor": ["info", "env", "status"],
  }).flatMap(([here, names]) => names.map((name) => [name, here] as const)),
);

/** What commander says of a wrong command line, with the command that is meant where it has another name. */
export function withCommandHere(message: string): string {
  const [, name = ""] = /unknown command '([^']*)'/.exec(message) ?? [];
  const here = elsewhere.get(name);
  if (here === undefined) return message;
  const [first = ""] = message.split("\n");
  return `${first}\n  → it is called ${here}\n`;
}
