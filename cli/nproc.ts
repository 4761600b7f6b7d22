import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAddon } from "../runtime/engine/load.ts";
import { Failure, messageOf } from "../runtime/run/failure.ts";
import { STATUS } from "./outcome.ts";

/** Names the file in which the first rank leaves its exit status: MPICH's launcher at times loses it, Open MPI's makes ten lines of it. */
const STATUS_FILE = "CTX_NPROC_STATUS";

/** For the first rank, as it ends. Returns whether `--nproc` will read it there: no room for it, and the launcher's own status must do. */
export function leaveStatus(status: number): boolean {
  const file = process.env[STATUS_FILE];
  if (file === undefined) return false;
  try {
    writeFileSync(file, String(status));
    return true;
  } catch {
    return false;
  }
}

/** What to do where there is no MPI, or not the right one. */
const INSTALL = "install an MPI with its compiler (Debian: openmpi-bin libopenmpi-dev) and build again: npm run build";

/** The largest status that a rank of ours ends with when it is not interrupted; launchers give larger ones to those that die. */
const LARGEST_STATUS = 3;

/**
 * `ctx run --nproc N`: starts itself N times on this machine through the MPI's own launcher, and ends as it ends.
 *
 * Ctrl-C once is passed on as a signal that the launcher hands to all ranks: the run finishes its step and saves. Twice ends the job, as
 * does a terminal that is closed.
 *
 * @param words the command's words without `--nproc N`
 * @returns the exit status
 * @throws Failure where there is no launcher, or one of another MPI than ctx was built with
 */
export async function startRanks(count: number, words: string[]): Promise<number> {
  const { options, stop } = launcher();
  const command = [...options, "-n", String(count), process.execPath, ...process.execArgv, process.argv[1]!, ...words];
  const notes = mkdtempSync(join(tmpdir(), "ctx-nproc-"));
  const left = join(notes, "status");
  const child = spawn("mpirun", command, {
    // Its own process group: the terminal's Ctrl-C must reach this process alone. Nor is what is typed for the ranks.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...ofThisMachine(process.env),
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      [STATUS_FILE]: left,
    },
  });
  let interrupts = 0;
  const handle = () => child.kill(interrupts++ === 0 ? stop : "SIGTERM");
  const abandon = () => {
    interrupts++;
    child.kill("SIGTERM");
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  process.on("SIGHUP", abandon);
  process.on("exit", abandon);
  const ended = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const status = ended === 0 && existsSync(left) ? Number(readFileSync(left, "utf8")) : ended;
  rmSync(notes, { recursive: true, force: true });
  process.off("exit", abandon);
  if (interrupts > 0 && (status === null || status > LARGEST_STATUS)) return STATUS.interrupted;
  if (status !== null && (status <= LARGEST_STATUS || status === STATUS.interrupted)) return status;
  process.stderr.write(
    "\nA rank of the job died (see above). What was saved is intact: go on with ctx run --resume and the run folder.\n",
  );
  return STATUS.run;
}

/**
 * Without what batch systems and other launchers have set: by it mpirun would start ranks on the other nodes of an allocation, or take
 * itself for a part of the job that this process belongs to.
 */
export function ofThisMachine(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // Settings of a user's own stay: *_MCA_*.
  const foreign = /^(SLURM|PBS|LSB|LSF|SGE|PMI|HYDI|HYDRA)_|^(PMIX|PRTE)_(?!MCA_)|^(PE_HOSTFILE|MPI_LOCAL\w+)$/;
  const ofMpirun = /^OMPI_(COMM_WORLD_|APP_CTX_|FILE_LOCATION$|UNIVERSE_SIZE$|MCA_(ess|orte_|pmix$))/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name) && !ofMpirun.test(name)));
}

interface LauncherUse {
  /** What it needs to start as many ranks as asked for, each free to use its threads. */
  options: string[];
  /** What it hands to all ranks without ending itself. */
  stop: NodeJS.Signals;
}

/** How to use the installed mpirun. */
function launcher(): LauncherUse {
  const { error, stdout } = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
  if (error) throw new Failure("run", "--nproc starts ranks with mpirun, and there is none", INSTALL);
  const open = isOpenMpi(stdout);
  const library = builtWith();
  if (open !== isOpenMpi(library)) {
    const found = stdout.split("\n")[0]!.trim();
    throw new Failure(
      "run",
      `ctx was built with ${library}, but the mpirun on the PATH is of another MPI: ${found}`,
      "put that MPI's mpirun first on the PATH, or build ctx with this one's compiler: MPICC=… npm run build",
    );
  }
  // Given SIGINT, Open MPI's kills all ranks within a second; given SIGUSR2, MPICH's dies of it.
  return open
    ? { options: ["--oversubscribe", "--bind-to", "none"], stop: "SIGUSR2" }
    : { options: [], stop: "SIGINT" };
}

function isOpenMpi(text: string): boolean {
  return /Open ?(MPI|RTE)|open-mpi\.org/i.test(text);
}

function builtWith(): string {
  try {
    return loadAddon().ranksLibrary();
  } catch (error) {
    throw new Failure("run", `--nproc needs ctx built with an MPI: ${messageOf(error)}`, INSTALL, error);
  }
}
