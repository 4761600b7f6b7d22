import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Whether ranks as processes can be tested: mpirun is there, and the library over it was built. */
export const hasMpi =
  spawnSync("mpirun", ["--version"]).status === 0 && existsSync(resolve("native", "build", "libctx_mpi.so"));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

const version = (program: string) => spawnSync(program, ["--version"], { encoding: "utf8" }).stdout ?? "";

/** The MPI that is tested: the one whose mpirun comes first on the PATH, which ctx must be built with. */
export const isOpenMpi = /Open ?(MPI|RTE)/.test(version("mpirun"));

/** Runs as root, more ranks than cores, none bound to one. */
const OPEN = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"];
export const MPIRUN = ["mpirun", ...(isOpenMpi ? OPEN : [])];

/** What mpirun hands to all ranks. */
export const STOP: NodeJS.Signals = isOpenMpi ? "SIGUSR2" : "SIGINT";

/** The launcher of another MPI than the one that is tested, where Debian's alternatives have it. */
export const STRANGER = (isOpenMpi ? ["mpirun.mpich"] : ["mpirun.openmpi", ...OPEN]) as [string, ...string[]];
export const hasStranger = version(STRANGER[0]) !== "";

/** A program and its output; `said` is what it has written to stderr so far. */
export function start(
  words: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended>; said(): string } {
  const { FORCE_COLOR: _, ...own } = process.env;
  const child = spawn(words[0]!, words.slice(1), { cwd, env: { ...own, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (data) => (stdout += data));
  child.stderr!.on("data", (data) => (stderr += data));
  const ended = new Promise<Ended>((done) => child.on("close", (status) => done({ status, stdout, stderr })));
  return { child, ended, said: () => stderr };
}

/** `program` by `count` ranks. */
export const ranks = (count: number, program: string[], cwd: string, env: NodeJS.ProcessEnv = {}) =>
  start([...MPIRUN, "-n", String(count), ...program], cwd, env);

/** Processes of node below a launcher (MPICH's has one more of its own in between), by number. */
export function ranksOf(launcher: number): number[] {
  const found: { pid: number; parent: number; node: boolean }[] = [];
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      found.push({ pid: Number(name), parent, node: stat.includes("(node)") });
    } catch {} // ended meanwhile
  }
  const below = (parent: number): number[] =>
    found.filter((each) => each.parent === parent).flatMap(({ pid, node }) => (node ? [pid] : below(pid)));
  return below(launcher).sort((a, b) => a - b);
}
