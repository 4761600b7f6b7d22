import { Failure } from "../run/failure.ts";

/** This process's place among those that were started together. */
export interface Launch {
  /** What started them, for people. */
  launcher: string;
  rank: number;
  size: number;
  /** How many of them are on this machine; null when the launcher does not say. */
  localSize: number | null;
}

/** Environment variables of a launcher: rank, number of ranks, number on this machine. */
interface Launcher {
  name: string;
  rank: string;
  size: string;
  localSize: string | null;
  /** Must be set besides, where the others also are outside of a launched process. */
  needs?: string;
}

/** The first whose variables are set counts. A Slurm batch script has all but the step's number, which only srun sets. */
const LAUNCHERS: Launcher[] = [
  {
    name: "mpirun (Open MPI)",
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    localSize: "OMPI_COMM_WORLD_LOCAL_SIZE",
  },
  { name: "mpiexec (MPICH)", rank: "PMI_RANK", size: "PMI_SIZE", localSize: "MPI_LOCALNRANKS" },
  { name: "srun (Slurm)", rank: "SLURM_PROCID", size: "SLURM_NTASKS", localSize: null, needs: "SLURM_STEP_ID" },
];

/**
 * How this process was started; null when it is alone.
 *
 * @throws Failure for launchers that give no way to speak to each other
 */
export function launchOf(env: NodeJS.ProcessEnv): Launch | null {
  for (const launcher of LAUNCHERS) {
    if (launcher.needs !== undefined && env[launcher.needs] === undefined) continue;
    const [rank, size] = [whole(env[launcher.rank]), whole(env[launcher.size])];
    if (rank === null || size === null) continue;
    if (size <= 1) return null;
    const localSize =
      launcher.localSize === null ? tasksPerNode(env.SLURM_STEP_TASKS_PER_NODE) : whole(env[launcher.localSize]);
    return { launcher: launcher.name, rank, size, localSize };
  }
  const copies = whole(env.WORLD_SIZE);
  if (copies !== null && copies > 1 && env.RANK !== undefined) {
    throw new Failure(
      "usage",
      `started as one of ${copies} processes by RANK and WORLD_SIZE, but ranks of ctx speak to each other over MPI`,
      "start them with mpirun or srun, or on one machine with --nproc; unset WORLD_SIZE to run alone",
    );
  }
  return null;
}

/** Slurm's list of tasks a node, "4" or "4(x2)"; null where nodes differ ("4(x2),3"): which one this is it does not say. */
function tasksPerNode(text: string | undefined): number | null {
  const found = /^(\d+)(\(x\d+\))?$/.exec(text ?? "");
  return found ? Number(found[1]) : null;
}

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
