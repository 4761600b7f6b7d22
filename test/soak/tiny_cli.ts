// A run of a second through the real command line, and what it must come to whatever happened on the way.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { corpus, plan } from "../runtime/tiny_plan.ts";

/** The program as users start it; `npm test` and the soak programs build it first. They are started in the repository. */
const program = resolve("dist", "cli", "ctx.js");

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Launched {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** From now on nobody reads what it tells. */
  closeStderr(): void;
  ended: Promise<Ended>;
}

/**
 * Starts `ctx <words>`; the environment is ours, without colours, and `env`.
 *
 * @param limit options of the shell's `ulimit`, such as `-n 32`
 */
export function launch(words: string[], cwd: string, env: NodeJS.ProcessEnv = {}, limit?: string): Launched {
  const { FORCE_COLOR: _, ...own } = process.env;
  const limited = limit === undefined ? [] : ["sh", "-c", `ulimit ${limit}; exec "$0" "$@"`];
  const [command, ...rest] = [...limited, process.execPath, program, ...words];
  const child = spawn(command!, rest, { cwd, env: { ...own, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { pid: child.pid!, kill: (signal) => child.kill(signal), closeStderr: () => child.stderr.destroy(), ended };
}

export const ctx = (words: string[], cwd: string, env: NodeJS.ProcessEnv = {}) => launch(words, cwd, env).ended;

/** A folder with text and `plan.json`: two stages of a few steps, a checkpoint after every second, an evaluation. */
export function tinyFolder(steps: [number, number] = [4, 3]): string {
  const folder = corpus();
  const made = plan();
  for (const [k, stage] of made.stages.entries()) {
    stage.steps = steps[k]!;
    stage.tokens = stage.steps * stage.sequences * stage.length;
  }
  made.stages[1]!.evaluate = {
    needle: null,
    perplexity: { files: [], source: "text", lengths: [64], samples: 1 },
    gate: null,
  };
  writeFileSync(join(folder, "plan.json"), JSON.stringify(made));
  return folder;
}

const COMMON = ["--threads", "1", "--checkpoint-every", "2"];

/** Begins a run in `root`, or goes on where one of a plan was begun there. */
export function runOrResume(folder: string, root: string): string[] {
  const begun = existsSync(join(root, "plan.json"));
  return begun ? ["run", "--resume", root, ...COMMON] : ["run", join(folder, "plan.json"), "--out", root, ...COMMON];
}

/** SHA-256 of what a finished run must come to: every file of its stages, its metrics and evaluations without clocks and paths. */
export function outcomeOf(root: string): { [file: string]: string } {
  const found: { [file: string]: string } = {};
  const stages = join(root, "stages");
  for (const file of filesBelow(stages)) found[relative(root, file)] = digest(readFileSync(file));
  const steps = readMetrics(join(root, "metrics.jsonl")).map((line) =>
    JSON.stringify({ ...line, time: 0, seconds: 0, tokens_per_second: 0, rss_bytes: 0 }),
  );
  found["metrics.jsonl"] = digest(steps.join("\n"));
  for (const file of filesBelow(join(root, "eval"))) {
    const text = readFileSync(file, "utf8").replaceAll(root, "RUN");
    found[relative(root, file)] = digest(text.replace(/"seconds": [\d.e-]+/g, '"seconds": 0'));
  }
  return found;
}

/** Every file below a folder; none where there is no folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

function digest(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * What stands in a run folder under its final name though it is not whole: every stage and evaluation there must be the one of
 * the undisturbed run, every checkpoint must have the bytes that it says.
 */
export function halfWritten(root: string, whole: { [file: string]: string }): string[] {
  const here = outcomeOf(root);
  const faults: string[] = [];
  const stagesHere = new Set(
    Object.keys(here).filter((file) => file.startsWith("stages/") && !file.includes("/.writing-")),
  );
  const stageOf = (file: string) => file.split("/")[1]!;
  for (const file of Object.keys(whole)) {
    if (file.startsWith("eval/") && here[file] !== undefined && here[file] !== whole[file])
      faults.push(`${file} differs`);
    if (!file.startsWith("stages/")) continue;
    const present = [...stagesHere].some((other) => stageOf(other) === stageOf(file));
    if (present && here[file] !== whole[file]) faults.push(`${file} is missing or differs`);
  }
  const checkpoints = join(root, "checkpoints");
  for (const name of existsSync(checkpoints) ? readdirSync(checkpoints) : []) {
    if (name.startsWith(".writing-")) continue;
    faults.push(...checkpointFaults(join(checkpoints, name)));
  }
  return faults;
}

function checkpointFaults(folder: string): string[] {
  try {
    const state = JSON.parse(readFileSync(join(folder, "state.json"), "utf8"));
    const files = Object.entries(state.files as { [name: string]: string });
    return files
      .filter(([name, sum]) => digest(readFileSync(join(folder, name))) !== sum)
      .map(([name]) => `${folder}/${name} differs from its checksum`);
  } catch (error) {
    return [`${folder}: ${(error as Error).message}`];
  }
}

/** The files in which two outcomes differ. */
export function differences(a: { [file: string]: string }, b: { [file: string]: string }): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return names.filter((name) => a[name] !== b[name]).map((name) => `${name} differs from that of the undisturbed run`);
}
