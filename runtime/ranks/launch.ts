import { Failure } from "../run/failure.ts";

/** This process's place among those that were started together. */
export interface Launch {
  /** What started them, for people. */
  launcher: string;
  rank: number;
  size: number;
  /** How to start the ranks so that they find each other, or this process so that it is alone. */
  remedy: string;
}

/** Environment variables of a launcher: rank and number of ranks. */
interface Launcher {
  name: string;
  rank: string;
  size: string[];
  remedy: string;
  /** Whether they are those of a launched process: a shell may have inherited them. */
  counts?: (env: NodeJS.ProcessEnv) => boolean;
}

/** The first whose variables are set counts: mpirun may have been called in a step of Slurm's. */
const LAUNCHERS: Launcher[] = [
  {
    name: "mpirun (Open MPI)",
    rank: "OMPI_COMM_WORLD_RANK",
    size: ["OMPI_COMM_WORLD_SIZE"],
    remedy: "unset OMPI_COMM_WORLD_RANK to run this process alone",
  },
  {
    name: "mpiexec (MPICH)",
    rank: "PMI_RANK",
    size: ["PMI_SIZE"],
    remedy: "unset PMI_RANK to run this process alone",
  },
  {
    name: "srun (Slurm)",
    rank: "SLURM_PROCID",
    // In a step of its own number of tasks the second may still be that of the whole job.
    size: ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"],
    remedy: "srun --mpi=pmix (srun --mpi=list names what there is); unset SLURM_STEP_ID to run this process alone",
    counts: ({ SLURM_STEP_ID }) => SLURM_STEP_ID !== undefined && Number(SLURM_STEP_ID) < FIRST_STEP_OF_SLURMS_OWN,
  },
];

/**
 * Steps that Slurm starts by itself have the highest numbers (slurm.h: 0xfffffffb is a batch script, 0xfffffffa the shell of salloc): one
 * process, although the variables speak of all tasks of the job.
 */
const FIRST_STEP_OF_SLURMS_OWN = 0xfffffff0;

/**
 * How this process was started; null when it is alone.
 *
 * @throws Failure for launchers that give no way to speak to each other
 */
export function launchOf(env: NodeJS.ProcessEnv): Launch | null {
  for (const launcher of LAUNCHERS) {
    if (launcher.counts?.(env) === false) continue;
    const rank = whole(env[launcher.rank]);
    const size = whole(launcher.size.map((name) => env[name]).find((text) => text !== undefined));
    if (rank === null || size === null) continue;
    if (size <= 1) return null;
    return { launcher: launcher.name, rank, size, remedy: launcher.remedy };
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

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
