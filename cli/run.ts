import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { canonicalJson } from "../compiler/lower/canonical.ts";
import type { Plan } from "../compiler/plan.ts";
import { loadAddon } from "../runtime/engine/load.ts";
import { endJob, follow, type Job, joinJob, threadsOfRank } from "../runtime/ranks/job.ts";
import { launchOf } from "../runtime/ranks/launch.ts";
import { carryOut } from "../runtime/run/carry_out.ts";
import { checkMachine, expectCuda } from "../runtime/run/check_machine.ts";
import { Failure } from "../runtime/run/failure.ts";
import { writeAtomic, writeJson } from "../runtime/run/files.ts";
import {
  createRunFolder,
  discardIfFresh,
  openRunFolder,
  type RunFolder,
  type RunOrigin,
  readPlan,
} from "../runtime/run/folder.ts";
import { refusePlanned } from "../runtime/run/refuse_planned.ts";
import { describeDifferences, planDifferences } from "../runtime/run/resume.ts";
import { readOrigin } from "../runtime/run/shapes.ts";
import { baseFolder, expectWeights } from "../runtime/run/start_weights.ts";
import type { Machine } from "../runtime/train/stage_engine.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { addMachineOptions, type MachineOptions, positiveInteger, threadsOf } from "./machine_options.ts";
import { leaveStatus, startRanks } from "./nproc.ts";
import { exitStatus, printFailure, printJson } from "./outcome.ts";
import { planFrom } from "./plan_from.ts";
import { processorName } from "./processor.ts";
import { Progress } from "./progress.ts";
import { packageVersion } from "./version.ts";

interface Options extends MachineOptions {
  out?: string;
  set: string[];
  resume?: string;
  checkpointEvery?: number;
  nproc?: number;
  json?: boolean;
  quiet?: boolean;
}

/** What asks the leader of a job to stop after its step. */
const JOB_SIGNALS: NodeJS.Signals[] = ["SIGINT", "SIGUSR2"];

/** What ends a job at once. So mpirun ends one that has lost a rank, and Slurm one whose time is over: no step can be finished then. */
const JOB_ENDINGS: NodeJS.Signals[] = ["SIGTERM"];

/** `ctx run`. */
export function register(program: Command): void {
  const command = program
    .command("run")
    .description("carry a recipe or a plan out: train, evaluate, report")
    .argument("[file]", "recipe.ctx or plan.json; not needed with --resume")
    .option("--out <dir>", "run folder (default: runs/<recipe>/<n>)")
    .option("--set <name=value>", "set a param of the recipe; may be repeated", collect, [])
    .option("--resume <dir>", "go on with the run in this folder")
    .option(
      "--checkpoint-every <steps>",
      "save after every so many steps (default: about once a minute)",
      positiveInteger,
    );
  addMachineOptions(command)
    .option("--nproc <n>", "train with so many processes on this machine, over MPI", positiveInteger)
    .option("--json", "print one JSON document at the end")
    .option("--quiet", "show no progress")
    .action(run);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

async function run(file: string | undefined, options: Options): Promise<void> {
  if (file === undefined && options.resume === undefined) {
    throw new Failure("usage", "ctx run needs a recipe, a plan, or --resume with a run's folder");
  }
  if (options.resume !== undefined && options.out !== undefined) {
    throw new Failure("usage", "--resume goes on in the run's own folder; it cannot be combined with --out");
  }
  const launch = launchOf(process.env);
  const launched = launch !== null;
  if (launched && options.nproc !== undefined)
    throw new Failure(
      "usage",
      `--nproc starts processes, and this is already one of ${launch.size} that ${launch.launcher} started`,
      `leave --nproc out; ${launch.remedy}`,
    );
  if (options.nproc !== undefined && options.nproc > 1) {
    process.exitCode = await startRanks(options.nproc, withoutNproc(process.argv.slice(2)));
    return;
  }
  const early = launched ? rememberSignals() : () => false;
  const job = launched ? joinJob(loadAddon(), process.env, packageVersion(), options.threads ?? null) : null;
  if (job && job.ranks.rank > 0) return serve(job);
  if (job)
    process.on("exit", (status) => {
      const left = leaveStatus(status);
      endJob(job, status);
      // In good order, whatever the status: launchers have a paragraph to say about every other one.
      if (left) process.exitCode = 0;
    });
  await lead(file, options, job, early);
}

/** Until the run hears them, signals to stop must not end a rank. The function returned tells whether there were any, and ends this. */
function rememberSignals(): () => boolean {
  let asked = false;
  const remember = () => {
    asked = true;
  };
  for (const signal of JOB_SIGNALS) process.on(signal, remember);
  return () => {
    for (const signal of JOB_SIGNALS) process.off(signal, remember);
    return asked;
  };
}

/** `--nproc 4` and `--nproc=4` taken out. */
function withoutNproc(words: string[]): string[] {
  return words.filter((word, index) => !/^--nproc(=|$)/.test(word) && words[index - 1] !== "--nproc");
}

/** A rank above 0. It stops when the leader does, which hears the same signals; what it cannot do ends the job. */
async function serve(job: Job): Promise<void> {
  for (const signal of JOB_SIGNALS) process.on(signal, () => {});
  try {
    await follow(loadAddon(), job, packageVersion());
  } catch (error) {
    process.stderr.write(`rank ${job.ranks.rank} on ${job.ranks.host}:\n`);
    printFailure(error, false);
    job.ranks.abort(exitStatus(error));
  }
  endJob(job, 0);
}

async function lead(
  file: string | undefined,
  options: Options,
  job: Job | null,
  askedEarly: () => boolean,
): Promise<void> {
  const threads = job ? threadsOfRank(job) : threadsOf(options);
  const started =
    options.resume === undefined
      ? await start(file!, options, { addon: loadAddon(), threads, job })
      : await resume(options.resume, file, options);
  const { plan, folder, base } = started;
  const progress = new Progress((options.quiet || options.json) ?? false);
  const shown = folder.root.startsWith(`${process.cwd()}/`) ? folder.root.slice(process.cwd().length + 1) : folder.root;
  const stop = stopOnInterrupt(
    () => {
      const again = job ? "" : "; press Ctrl-C again to stop at once";
      progress.listen({ kind: "note", text: `stopping after this step${again}` });
    },
    () => {
      if (job) job.broken = true;
      progress.close();
      const text = `stopped at once; what was saved before is intact: go on with ctx run --resume ${shown}`;
      progress.listen({ kind: "note", text });
    },
    job ? JOB_SIGNALS : undefined,
    job ? JOB_ENDINGS : undefined,
  );
  if (askedEarly()) stop.request();
  try {
    progress.listen({ kind: "note", text: `run folder ${shown}` });
    if (job) progress.listen({ kind: "note", text: describeJob(job) });
    const outcome = await carryOut({
      plan,
      folder,
      base,
      machine: {
        addon: loadAddon(),
        device: options.device ?? plan.hardware.kind,
        threads,
        job,
      },
      machineChecked: options.resume === undefined,
      checkpointEvery: options.checkpointEvery ?? null,
      listen: progress.listen,
      stop,
    });
    progress.close();
    if (options.json) printJson({ run: folder.root, ...outcome });
    else if (!options.quiet) process.stdout.write(`\n${outcome.sentence}\n${outcome.report}\n`);
    if (outcome.status === "gated") process.exitCode = 3;
  } catch (error) {
    progress.close();
    // A start that failed before anything was computed leaves no number used up behind.
    const interrupted = (error as Partial<Failure> | null)?.kind === "interrupted";
    if (options.resume === undefined && options.out === undefined && !interrupted) discardIfFresh(folder);
    throw withResume(error, shown);
  }
}

function describeJob(job: Job): string {
  const { ranks } = job;
  const here = ranks.here === ranks.size ? "" : `, ${ranks.here} on this machine`;
  return `${ranks.size} ranks over ${ranks.library}${here}, ${threadsOfRank(job)} ${threadsOfRank(job) === 1 ? "thread" : "threads"} each`;
}

interface Started {
  plan: Plan;
  folder: RunFolder;
  base: string;
}

async function start(file: string, options: Options, machine: Omit<Machine, "device">): Promise<Started> {
  if (options.device === "cuda") expectCuda(machine.addon);
  const { plan, base, recipe } = await planFrom(file, options.set, { quiet: false, device: options.device });
  refusePlanned(plan);
  // Before there is a folder: what can't begin here leaves none behind.
  const baseModel = baseFolder(plan, base);
  checkMachine(plan, { ...machine, device: options.device ?? plan.hardware.kind }, baseModel);
  await expectWeights(baseModel, plan.model);
  const threads = machine.threads * (machine.job?.ranks.size ?? 1);
  const folder = createRunFolder(plan.recipe, options.out ?? null);
  const origin: RunOrigin = {
    base,
    started_from: file,
    options: options.set.flatMap((setting) => ["--set", setting]),
    started: new Date().toISOString(),
    version: packageVersion(),
    machine: { processor: processorName(), threads },
  };
  try {
    writeJson(folder.origin, origin);
    if (recipe !== null) writeAtomic(folder.recipe, readFileSync(recipe));
    // Last, and whole: a folder with a plan is a run.
    writeAtomic(folder.plan, canonicalJson(plan));
    // From here on it is the file that counts, down to the order of its keys: a resumed run has no other.
    return { plan: readPlan(folder.plan), folder, base };
  } catch (error) {
    if (options.out === undefined) discardIfFresh(folder);
    throw error;
  }
}

/** The plan of the run's folder; a recipe named besides must compile to the same one. */
async function resume(root: string, file: string | undefined, options: Options): Promise<Started> {
  const folder = openRunFolder(resolve(root));
  const plan = readPlan(folder.plan);
  const { base } = readOrigin(folder.origin);
  if (file !== undefined) {
    const { plan: now } = await planFrom(file, options.set, { quiet: false, device: options.device });
    const differences = planDifferences(plan, now);
    if (differences.length > 0) {
      throw new Failure(
        "input",
        `${file} is no longer the plan of ${root}:\n${describeDifferences(differences)}`,
        `undo these changes, or start a new run without --resume; ctx plan --diff ${join(root, "plan.json")} ${file} tells all of them`,
      );
    }
  } else if (options.set.length > 0) {
    throw new Failure("usage", "--set needs the recipe; a resumed run keeps its plan");
  }
  return { plan, folder, base };
}

/** Tells how to go on, wherever going on makes sense. */
function withResume(error: unknown, folder: string): unknown {
  const failure = error as Partial<Failure> | null;
  if (failure?.kind === "interrupted") {
    return new Failure("interrupted", (error as Error).message, `go on with: ctx run --resume ${folder}`, error);
  }
  return error;
}
