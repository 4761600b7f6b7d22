// One case of the fuzzer: a changed file, what became of it, and what must hold: an end within ten seconds, a sentence that names the
// file and says what to do, no stack trace, no crash, nothing read outside the folder.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { faultEnvironment } from "../faults/shim.ts";
import { type Ended, launch } from "../soak/tiny_cli.ts";
import { Dice } from "./mutate.ts";
import { KNOWN, type Subject } from "./subjects.ts";

/** Milliseconds after which a reader hangs, and a command must at least hear Ctrl-C. */
export const PATIENCE = 10_000;

/** Writes the changed file of case `seed` into `folder`, a copy of the seed folder. */
export function writeCase(subject: Subject, seeds: string, folder: string, seed: number): string {
  const file = join(folder, subject.file);
  const changed = subject.mutate(readFileSync(join(seeds, subject.file)), new Dice(seed));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, changed);
  return file;
}

/** What is wrong with how the reader took a changed file; null: nothing, whether it was read or refused. */
export async function readCase(subject: Subject, seeds: string, folder: string, seed: number): Promise<string | null> {
  const file = writeCase(subject, seeds, folder, seed);
  const began = process.cpuUsage();
  try {
    await subject.read!(file, folder);
  } catch (error) {
    const { name, message, stack } = error as Error;
    if (!KNOWN.has(name)) return `${stack ?? `${name}: ${message}`}`;
    if (!named(subject, message)) return `the message names no file: ${message}`;
    if (!(error as { hint?: string | null }).hint) return `no remedy: ${message}`;
  }
  // Of the processor: a machine that stood still for a while is no fault of the reader.
  const { user, system } = process.cpuUsage(began);
  const took = (user + system) / 1000;
  return took > PATIENCE ? `took ${Math.round(took / 1000)} s` : null;
}

/** The changed file, its folder, or one that it leads to. */
function named(subject: Subject, text: string): boolean {
  const folder = dirname(subject.file);
  return [
    basename(subject.file),
    `${basename(folder)}/`,
    `${basename(folder)} `,
    `${basename(folder)}:`,
    ".safetensors",
    "looked under",
  ].some((name) => text.includes(name));
}

/** As `readCase`, for a command in a folder of its own below `place`, in which nothing else may be read. */
export async function commandCase(
  subject: Subject,
  words: string[],
  seeds: string,
  place: string,
  seed: number,
  library: string | null,
): Promise<string | null> {
  const folder = join(place, "case");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  // Only what was changed may be at fault: other kinds of files that would be refused are left out.
  cpSync(seeds, folder, { recursive: true, filter: (path) => basename(path) !== "adapter_config.json" });
  for (const name of ["secret", "secret.safetensors"]) writeFileSync(join(place, name), "nobody asked for this");
  writeCase(subject, seeds, folder, seed);
  const watch =
    library && faultEnvironment(library, { folder: place, kinds: ["open-read", "open-write"], at: 0, error: "EIO" });
  const ended = await withPatience(words, folder, watch ? watch.env : {});
  const outside = watch
    ? watch.operations().find(({ path }) => !`${normalize(path)}/`.startsWith(`${folder}/`))
    : undefined;
  if (outside) return `opened ${outside.path}`;
  return typeof ended === "string" ? ended : complaint(subject, ended);
}

/**
 * A command that takes long (a plan may ask for it) must end soon after Ctrl-C. Time is that of the processor, so that a machine that
 * stands still for a while is no fault of the command; but nothing waits for minutes.
 */
async function withPatience(words: string[], folder: string, env: NodeJS.ProcessEnv): Promise<Ended | string> {
  const { pid, kill, ended } = launch(words, folder, { NODE_OPTIONS: "--max-old-space-size=1500", ...env });
  let result: Ended | undefined;
  ended.then((value) => {
    result = value;
  });
  const began = performance.now();
  let spent = 0;
  const passes = async (milliseconds: number, from: number, since: number) => {
    while (!result && spent - from < milliseconds && performance.now() - since < 12 * PATIENCE) {
      await new Promise((wake) => setTimeout(wake, 50));
      spent = processorTime(pid) ?? spent;
    }
    return result === undefined;
  };
  if (await passes(PATIENCE, 0, began)) {
    kill("SIGINT");
    if (await passes(PATIENCE, spent, performance.now())) {
      kill("SIGKILL");
      return `hung: ${(await ended).stderr}`;
    }
  }
  return result!;
}

/** Milliseconds that a process has had of processors (Linux: ticks of 10 ms); undefined where that is not told. */
function processorTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return undefined;
  }
}

function complaint(subject: Subject, { status, signal, stderr }: Ended): string | null {
  if (signal !== null) return `killed by ${signal}: ${stderr}`;
  if (/^\s+at .*:\d+|node:internal/m.test(stderr)) return `a stack trace: ${stderr}`;
  if (status === 0 || status === 130) return null;
  const said = stderr.slice(Math.max(0, stderr.indexOf("error: ")));
  if (![1, 2, 3].includes(status!) || !said.startsWith("error: ")) return `status ${status}: ${stderr}`;
  if (!/^ {2}→ (?!--debug)/m.test(said)) return `no remedy: ${said}`;
  // A plan's fields are about much else; what is wrong with its form is told of the file.
  if (!subject.name.startsWith("plan") && !named(subject, said)) return `the message names no file: ${said}`;
  return null;
}
