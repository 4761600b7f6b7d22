import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** Whether ranks as processes can be tested: mpirun is there, and the library over it was built. */
export const hasMpi =
  spawnSync("mpirun", ["--version"]).status === 0 && existsSync(resolve("native", "build", "libctx_mpi.so"));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs as root, more ranks than cores, none bound to one. */
export const MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"];

/** A program and its output, in a process group of its own. */
export function start(
  words: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const { FORCE_COLOR: _, ...own } = process.env;
  const child = spawn(words[0]!, words.slice(1), { cwd, env: { ...own, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (data) => (stdout += data));
  child.stderr!.on("data", (data) => (stderr += data));
  const ended = new Promise<Ended>((done) => child.on("close", (status) => done({ status, stdout, stderr })));
  return { child, ended };
}

/** `program` by `count` ranks. */
export const ranks = (count: number, program: string[], cwd: string, env: NodeJS.ProcessEnv = {}) =>
  start([...MPIRUN, "-n", String(count), ...program], cwd, env);
