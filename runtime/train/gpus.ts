import type { PlanStage } from "../../compiler/plan.ts";
import { groupsOf } from "../ranks/job.ts";
import type { Machine } from "./stage_engine.ts";

/**
 * The GPU of each rank that computes a stage in this process, as `NativeEngineOptions.devices` has it; none where one GPU, or no GPU, does all of it.
 * Of the plan's rings as many are made as the GPUs hold. A ring of more ranks than there are GPUs has several ranks on each, neighbours
 * together.
 */
export function gpusOf({ addon, device, job }: Machine, { parallel }: PlanStage): number[] {
  if (device !== "cuda" || job) return [];
  const gpus = addon.describe().cuda.devices.length;
  const { ring, data_parallel: rings } = parallel;
  const ranks = ring * Math.min(rings, Math.max(1, Math.floor(gpus / ring)));
  if (gpus < 2 || ranks < 2) return [];
  return Array.from({ length: ranks }, (_, rank) => Math.floor((rank * Math.min(gpus, ranks)) / ranks));
}

/**
 * Devices of each engine of an evaluation, as `NativeEngineOptions.devices` has them: the GPUs that this process sees, at most so many, score side
 * by side. Of a job the leader alone scores, on all that it sees: the others have closed their engines by then.
 */
export function scoringDevices({ addon, device }: Machine, most: number): number[][] {
  const gpus = device === "cuda" ? addon.describe().cuda.devices.length : 1;
  return Array.from({ length: Math.max(1, Math.min(gpus, most)) }, (_, gpu) => (gpu > 0 ? [gpu] : []));
}

/**
 * Processes of a job that compute on this one's GPU: those of a machine take the GPUs that they see in turn. Where each sees one alone because
 * its launcher chose it (`CUDA_VISIBLE_DEVICES`), it is taken for its own.
 */
export function processesOnGpu({ addon, job }: Machine, env: NodeJS.ProcessEnv = process.env): number {
  const gpus = addon.describe().cuda.devices.length;
  const { here } = job!.ranks;
  return gpus === 1 && env.CUDA_VISIBLE_DEVICES !== undefined ? 1 : Math.ceil(here / Math.max(1, gpus));
}

/** Whether this process's GPU reaches those of other processes by NCCL, not through the host's memory. Theirs must be able to, too. */
export function hasPeers({ addon }: Machine): boolean {
  return /^NCCL \d/.test(addon.cudaPeers());
}

/** Data-parallel groups that take micro batches of a stage side by side. @throws Failure when a job's ranks do not divide into its rings */
export function groupsHere(machine: Machine, stage: PlanStage): number {
  const { ring } = stage.parallel;
  if (machine.job) return groupsOf(machine.job, ring, stage.name);
  return Math.max(1, gpusOf(machine, stage).length / ring);
}

/** Who carries a plan for GPUs out on a CPU, for "here …". */
export function describeCpu({ job }: Machine): string {
  return job ? `${job.ranks.size} processes do all of it on CPUs` : "one process does all of it on the CPU";
}

/** Who carries a stage out, for "here …". */
export function describeGpus(machine: Machine, stage: PlanStage): string {
  if (machine.job) return `${machine.job.ranks.size} processes do all of it, each on one GPU`;
  const gpus = gpusOf(machine, stage);
  if (gpus.length === 0) return "one GPU does all of it";
  const used = new Set(gpus).size;
  return used === gpus.length ? `${used} GPUs do all of it` : `${used} GPUs do all of it, as ${gpus.length} ranks`;
}
