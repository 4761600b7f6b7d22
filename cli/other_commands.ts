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

/** The command that is meant by an unknown one, as a sentence; `told` is what commander says of it. */
export function commandHere(told: string): string | undefined {
  const [, name = ""] = /unknown command '([^']*)'/.exec(told) ?? [];
  const here = elsewhere.get(name);
  return here === undefined ? undefined : `it is called ${here}`;
}

/** What commander says of a wrong command line, with the command that is meant where it has another name. */
export function withCommandHere(told: string): string {
  const here = commandHere(told);
  const [first = ""] = told.split("\n");
  return here === undefined ? told : `${first}\n  → ${here}\n`;
}
