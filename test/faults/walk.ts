// One file operation of a command fails; what must hold then.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ctx, differences, type Ended, filesBelow, halfWritten, outcomeOf, runOrResume } from "../soak/tiny_cli.ts";
import { errorFor, type Fault, faultEnvironment, type Operation } from "./shim.ts";

/** A finished run and the folder with its plan and text. */
export interface Subject {
  library: string;
  folder: string;
  /** Root of a run that nothing disturbed, and what it came to. */
  root: string;
  whole: { [file: string]: string };
}

/** The operations of a command, nothing failing. */
export async function operationsOf(
  library: string,
  words: string[],
  cwd: string,
  fault: Pick<Fault, "folder" | "kinds" | "path">,
): Promise<Operation[]> {
  const { env, operations } = faultEnvironment(library, {
    folder: fault.folder,
    kinds: fault.kinds,
    ...(fault.path === undefined ? {} : { path: fault.path }),
    at: 0,
    error: "EIO",
  });
  const { status, stderr } = await ctx(words, cwd, env);
  if (status !== 0) throw new Error(`ctx ${words.join(" ")} ended with ${status}: ${stderr}`);
  return operations();
}

/**
 * What a person was told is wrong with: status, the place (of any operation that failed), the remedy, no stack trace. Empty: all is well.
 */
function tellingFaults(ended: Ended, failed: Operation[], statuses: number[]): string[] {
  const faults: string[] = [];
  if (ended.signal !== null) return [`killed by ${ended.signal}`];
  if (!statuses.includes(ended.status!)) faults.push(`status ${ended.status}, expected ${statuses.join(" or ")}`);
  if (ended.status === 0) return faults;
  const { stderr } = ended;
  const paths = failed.flatMap(({ path }) => [path, dirname(path)]);
  const names = paths
    .flatMap((path) => [path, path.replace(/\.writing-\d+-/, "")])
    .map((path) => basename(path.replace(/\.tmp-\d+(-[0-9a-f]+)?$|\.\d+\.tmp$/, "")));
  const said = stderr.slice(Math.max(0, stderr.indexOf("error: ")));
  if (!said.startsWith("error: ")) faults.push("no error is named");
  if (!names.some((name) => said.includes(name)))
    faults.push(`the message names none of ${[...new Set(names)].join(", ")}`);
  if (!/^ {2}→ (?!--debug)/m.test(said)) faults.push("no remedy");
  if (/^\s+at .*:\d+/m.test(stderr)) faults.push("a stack trace");
  return faults.map((fault) => `${fault}; it said: ${said.trim() || "nothing"}`);
}

/**
 * A run in `root` with one failing operation, then the run again without. It must end with status 3 (or 1 for what it
 * reads) or not be hurt at all, leave nothing half-written under its own name, and end with the bytes of the undisturbed run.
 */
export async function failRun(subject: Subject, root: string, fault: Fault, statuses = [3]): Promise<string[]> {
  const { env, operations } = faultEnvironment(subject.library, fault);
  const ended = await ctx(runOrResume(subject.folder, root), subject.folder, env);
  const [operation] = operations();
  if (!operation) return ["nothing failed"];
  const faults = tellingFaults(ended, operations(), [0, ...statuses]);
  faults.push(...halfWritten(root, subject.whole));
  const again = ended.status === 0 ? ended : await ctx(runOrResume(subject.folder, root), subject.folder);
  if (again.status !== 0) faults.push(`gone on with, it ended with ${again.status ?? again.signal}: ${again.stderr}`);
  else faults.push(...differences(outcomeOf(root), subject.whole));
  return faults;
}

/** `ctx export` with one failing operation: nothing may be at the target, or the whole of it, and it must work again. */
export async function failExport(subject: Subject, to: string, fault: Fault): Promise<string[]> {
  const words = ["export", subject.root, "--to", to, "--quiet"];
  const { env, operations } = faultEnvironment(subject.library, fault);
  const ended = await ctx(words, subject.folder, env);
  const [operation] = operations();
  if (!operation) return ["nothing failed"];
  const faults = tellingFaults(ended, operations(), [0, 3]);
  // Where nothing can be taken away any more, the whole of it may stay.
  const stays = fault.sticky === true && fault.kinds.includes("rename") && existsSync(to);
  if (ended.status !== 0 && !stays) {
    if (existsSync(to) && readdirSync(to).length > 0) faults.push(`${to} holds ${readdirSync(to).join(", ")}`);
    const again = await ctx(words, subject.folder);
    if (again.status !== 0) faults.push(`done again, it ended with ${again.status}: ${again.stderr}`);
  }
  const weights = readFileSync(join(subject.root, "stages", "second", "model.safetensors"));
  const exported = join(to, "model.safetensors");
  if (!existsSync(exported) || !readFileSync(exported).equals(weights)) faults.push("the exported weights differ");
  return faults;
}

/** `ctx report --out` with one failing operation: the file there before stays, or the new one is whole. */
export async function failReport(subject: Subject, file: string, fault: Fault): Promise<string[]> {
  const before = existsSync(file) ? readFileSync(file, "utf8") : null;
  const { env, operations } = faultEnvironment(subject.library, fault);
  const ended = await ctx(["report", subject.root, "--out", file, "--quiet"], subject.folder, env);
  const [operation] = operations();
  if (!operation) return ["nothing failed"];
  const faults = tellingFaults(ended, operations(), [0, 3]);
  const after = existsSync(file) ? readFileSync(file, "utf8") : null;
  if (after !== before && !after?.trimEnd().endsWith("</html>")) faults.push(`${file} is half written`);
  // What can't be removed stays, under a name that nothing reads.
  const unremovable = operations().flatMap(({ kind, path }) => (kind === "remove" ? [path] : []));
  const left = filesBelow(dirname(file)).filter((path) => path !== file && !unremovable.includes(path));
  if (left.length > 0) faults.push(`left behind: ${left.join(", ")}`);
  return faults;
}

/** The fault for a listed operation; every third one lasts, as a full disk does. */
export function faultAt(operation: Operation, fault: Pick<Fault, "folder" | "kinds">): Fault {
  const error = errorFor(operation);
  return { ...fault, at: operation.number, error, sticky: error !== "SHORT" && operation.number % 3 === 0 };
}
