import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import type { NativeAddon, NativeEngine, NativeEngineOptions, NativeRanks } from "../engine/addon.ts";
import { bytes } from "../report/format.ts";
import { Failure, messageOf } from "../run/failure.ts";
import { memoryLimit } from "../run/memory_limits.ts";
import { type Launch, launchOf } from "./launch.ts";

/**
 * A run by several processes. Rank 0 leads: it alone reads data, writes files, evaluates and prints. The others are hands: they make
 * the engines that it makes and do what it asks of them, so they need neither the recipe nor its data nor the run's folder.
 */
export interface Job {
  ranks: NativeRanks;
  launch: Launch;
  /** Of each process, where the user said how many; null: its share of its machine's cores. */
  threads: number | null;
  /** The others may wait for what will not come: the job cannot end in good order any more. */
  broken: boolean;
}

/** What the leader tells the others. */
type Word = { kind: "hello"; version: string } | { kind: "engine"; options: NativeEngineOptions } | { kind: "end" };

/**
 * Joins the processes that were started together with this one; null when it is alone.
 *
 * @param version of the product: all ranks must run the same
 * @param threads of each process; null: its share of its machine's cores
 * @throws Failure when they cannot speak to each other
 */
export function joinJob(
  addon: NativeAddon,
  env: NodeJS.ProcessEnv,
  version: string,
  threads: number | null,
): Job | null {
  const launch = launchOf(env);
  if (launch === null) return null;
  let ranks: NativeRanks;
  try {
    ranks = addon.joinRanks();
  } catch (error) {
    throw new Failure(
      "run",
      `started by ${launch.launcher} as rank ${launch.rank} of ${launch.size}, but there is no MPI for it: ${messageOf(error)}`,
      "install an MPI with its compiler (Debian: openmpi-bin libopenmpi-dev) and build again: npm run build",
      error,
    );
  }
  if (ranks.size !== launch.size) {
    throw new Failure(
      "run",
      `${launch.launcher} started ${launch.size} processes, but ${ranks.library}, which ctx was built with, sees ${ranks.size}: they are not of the same MPI`,
      `start with the mpirun of that MPI, or build ctx with the other one (MPICC=… npm run build); ${launch.remedy}`,
    );
  }
  const job = { ranks, launch, threads, broken: false };
  if (ranks.rank === 0) tell(job, { kind: "hello", version });
  return job;
}

/** Threads of this process. */
export function threadsOfRank({ ranks, threads }: Job): number {
  return threads ?? ranks.processors;
}

/** Makes an engine on all ranks; the leader's is returned. */
export function crewEngine(addon: NativeAddon, job: Job, options: NativeEngineOptions): NativeEngine {
  const shared = { ...options, processes: true };
  tell(job, { kind: "engine", options: shared });
  try {
    return addon.createEngine({ ...shared, threads: threadsOfRank(job) });
  } catch (error) {
    job.broken = true; // the others may wait for this rank's part in it
    throw error;
  }
}

/**
 * What all ranks but the first do, until the leader has ended.
 *
 * @throws Error when this rank cannot do what it is asked for; the whole job must end then
 */
export async function follow(addon: NativeAddon, job: Job, version: string): Promise<void> {
  for (;;) {
    const word = JSON.parse(job.ranks.hear()) as Word;
    if (word.kind === "end") return;
    if (word.kind === "hello") {
      if (word.version !== version)
        throw new Failure(
          "run",
          `this is ctx ${version}, rank 0 runs ${word.version}`,
          "install the same on all hosts",
        );
      continue;
    }
    const engine = followersEngine(addon, job, onThisHost(word.options));
    await engine.follow();
    await engine.close();
  }
}

/** @throws Failure when this host cannot have its share of the engine */
function followersEngine(addon: NativeAddon, job: Job, options: NativeEngineOptions): NativeEngine {
  const { offload } = options.memory;
  // Engines are made by all ranks at the same time: now none on this host has one yet.
  const limit = memoryLimit();
  let engine: NativeEngine;
  try {
    engine = addon.createEngine({ ...options, threads: threadsOfRank(job) });
  } catch (error) {
    if (offload?.to !== "file") throw error;
    const hint = `layer inputs of this rank wait in ${offload.folder}: set TMPDIR on this host to a folder on a disk that has the room`;
    throw new Failure("run", messageOf(error), hint, error);
  }
  // Its pages are taken as they are first written to, so it is not too late. The leader looked at its own host alone.
  const { total, offloaded, hostGradients, hostMoments } = engine.memory();
  const waiting = (offload?.to === "host" ? offloaded : 0) + hostGradients + hostMoments;
  const arena = options.device === "cuda" ? 0 : total; // a GPU has given it, or refused
  const needed = job.ranks.here * (arena + waiting);
  if (limit && needed > limit.bytes) {
    throw new Failure(
      "run",
      `the ${job.ranks.here} ranks here need ${bytes(needed)} of memory, and ${limit.what} has ${bytes(limit.bytes)} left`,
      "start fewer ranks on this host, or more in all: each then holds less",
    );
  }
  return engine;
}

/** The run's folder, where layer inputs may wait on disk, is the leader's; where this host does not see it, its own temporary folder serves. */
function onThisHost(options: NativeEngineOptions): NativeEngineOptions {
  const { offload } = options.memory;
  if (offload?.to !== "file" || existsSync(offload.folder)) return options;
  return { ...options, memory: { ...options.memory, offload: { ...offload, folder: tmpdir() } } };
}

/** Ends the job with this process: in good order, or all at once where the others wait for something that will not come. */
export function endJob({ ranks, broken }: Job, status: number): void {
  if (broken || !ranks.allDone()) ranks.abort(status === 0 ? 1 : status);
  if (ranks.rank === 0) ranks.tell(JSON.stringify({ kind: "end" } satisfies Word));
  ranks.leave();
}

/** Data-parallel groups of a stage. @throws Failure when the ranks do not divide into its rings */
export function groupsOf(job: Job | null | undefined, ring: number, stage: string): number {
  if (!job) return 1;
  const { size } = job.ranks;
  if (size % ring === 0) return size / ring;
  throw new Failure(
    "usage",
    `stage ${stage} cuts a sequence over ring = ${ring} ranks, and ${size} were started: they do not divide into rings`,
    `start a multiple of ${ring}, or set parallel { ring = ${greatestDivisor(size, ring)} }`,
  );
}

/** The largest ring up to `ring` that divides `size`. */
function greatestDivisor(size: number, ring: number): number {
  for (let divisor = Math.min(ring, size); ; divisor--) if (size % divisor === 0) return divisor;
}

function tell({ ranks }: Job, word: Word): void {
  ranks.tell(JSON.stringify(word));
}
