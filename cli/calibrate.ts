import { cpus } from "node:os";
import type { CpuMeasured } from "../compiler/cost/hardware.ts";
import { loadAddon } from "../runtime/engine/load.ts";
import { collectRun, type RunRecord } from "../runtime/report/collect.ts";
import { type Reached, reachedRate } from "../runtime/report/reached.ts";
import { Failure } from "../runtime/run/failure.ts";
import { type Calibration, readCalibration, writeCalibration } from "./calibration.ts";
import { processorName } from "./processor.ts";

/** Peaks are the best of so many tries: what else runs on the machine can only make them smaller. */
const TRIES = 2;

/**
 * Measures the peak of all cores, in fp32 and in bf16, takes the share of it that training reaches from runs made here, and
 * keeps both for the plans that are made on this machine. Without runs, what earlier ones showed stays.
 *
 * @param roots run folders
 * @throws Failure where the engine can't measure, or a run was not made by all of this machine
 */
export function calibrate(roots: readonly string[]): Calibration {
  const machine = { processor: processorName(), cores: Math.max(1, cpus().length) };
  const runs = roots.map(collectRun);
  for (const run of runs) expectMadeHere(run, machine);
  const peak = measurePeak(machine.cores);
  const before = readCalibration();
  const same = before?.processor === machine.processor && before.cores === machine.cores;
  const efficiency = { ...(same && before.efficiency), ...efficiencyOf(runs, peak) };
  const calibration: Calibration = { version: 1, ...machine, peak, efficiency };
  writeCalibration(calibration);
  return calibration;
}

function measurePeak(threads: number): CpuMeasured["peak"] {
  const addon = loadAddon();
  if (addon.startableThreads(threads) < threads) {
    throw new Failure("run", `this process can't start ${threads} threads`, "raise the limit on processes (ulimit -u)");
  }
  const best = (dtype: "f32" | "bf16") =>
    Math.round(Math.max(...Array.from({ length: TRIES }, () => addon.cpuPeak(dtype, threads))));
  return { f32: best("f32"), bf16: best("bf16") };
}

function expectMadeHere(run: RunRecord, { processor, cores }: { processor: string; cores: number }): void {
  const { machine } = run.origin;
  const refuse = (problem: string, hint: string): never => {
    throw new Failure("input", `${run.folder} ${problem}`, hint);
  };
  if (run.plan.hardware.kind !== "cpu") refuse("ran on GPUs", "only runs on this machine's processor count here");
  if (!machine) refuse("does not say what it computed on", "it is of an earlier version: run its recipe again");
  if (machine!.processor !== processor)
    refuse(`ran on another processor, ${machine!.processor}`, "name runs of this machine");
  if (machine!.threads !== cores) {
    refuse(`computed with ${machine!.threads} of this machine's ${cores} threads`, "name runs that used them all");
  }
  if (run.stages.every(({ steps }) => steps.length === 0)) refuse("has no steps yet", "name runs that trained");
}

/** Mean share of the peak. It is at most 1: of rows that hold several documents the plan counts more work than was done. */
function efficiencyOf(runs: readonly RunRecord[], peak: CpuMeasured["peak"]): CpuMeasured["efficiency"] {
  const rates = runs.map(reachedRate);
  const mean = (dtype: keyof Reached) => {
    const shares = rates.flatMap((rate) => (rate[dtype] === undefined ? [] : [rate[dtype] / peak[dtype]]));
    const share = shares.reduce((sum, value) => sum + value, 0) / shares.length;
    return shares.length > 0 ? { [dtype]: Number(Math.min(1, Math.max(0.001, share)).toFixed(3)) } : {};
  };
  return { ...mean("f32"), ...mean("bf16") };
}
