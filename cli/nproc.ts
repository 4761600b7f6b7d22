import { spawn, spawnSync } from "node:child_process";
import { Failure } from "../runtime/run/failure.ts";

/**
 * `ctx run --nproc N`: starts itself N times on this machine through the MPI's own launcher, and ends as it ends.
 *
 * Ctrl-C once is passed on as SIGUSR2, which launchers hand to all ranks: the run finishes its step and saves. Twice ends the job.
 * (Given SIGINT, mpirun would kill all ranks within a second.)
 *
 * @param words the command's words without `--nproc N`
 * @returns the exit status
 */
export async function startRanks(count: number, words: string[]): Promise<number> {
  const child = spawn(
    "mpirun",
    [...launcherOptions(), "-n", String(count), process.execPath, process.argv[1]!, ...words],
    {
      // Its own process group: the terminal's Ctrl-C must reach this process alone.
      detached: true,
      stdio: "inherit",
      env: { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
    },
  );
  let interrupts = 0;
  const handle = () => child.kill(interrupts++ === 0 ? "SIGUSR2" : "SIGTERM");
  const abandon = () => child.kill("SIGTERM");
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  process.on("exit", abandon);
  const status = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
  process.off("exit", abandon);
  if (status !== 0 && interrupts === 0 && status > 3) {
    process.stderr.write(
      "\nA rank of the job died (see above). What was saved is intact: go on with ctx run --resume and the run folder.\n",
    );
  }
  return status;
}

/** What the installed mpirun needs to start as many ranks as asked for, each free to use its threads. */
function launcherOptions(): string[] {
  const { error, stdout } = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
  if (error) {
    throw new Failure(
      "run",
      "--nproc starts ranks with mpirun, and there is none",
      "install an MPI with its compiler (Debian: openmpi-bin libopenmpi-dev) and build again: npm run build",
    );
  }
  return /Open MPI|Open RTE/.test(stdout) ? ["--oversubscribe", "--bind-to", "none"] : [];
}
