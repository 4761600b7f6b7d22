import type { PlanStage } from "../../compiler/plan.ts";
import type { StepBatch } from "../data/stream.ts";
import type { NativeEngine } from "../engine/addon.ts";
import type { Listener, StopSignal } from "../run/events.ts";
import type { StepMetrics } from "../track/metrics.ts";
import { Divergence } from "./divergence.ts";
import { LossTally } from "./loss_tally.ts";
import { scheduleFactor } from "./schedule.ts";

export interface StageOptions {
  engine: NativeEngine;
  stage: PlanStage;
  /** What step `step` (from 0) learns from: a pure function of the plan, so that a resumed run sees the same. */
  batch: (step: number) => Promise<StepBatch>;
  /** Steps of this stage that are done already. */
  done: number;
  /** Steps of the run, and AdamW's count, before this stage's first step. */
  globalBefore: number;
  adamBefore: number;
  /** Data-parallel groups that take micro batches side by side. Default: 1. */
  groups?: number;
  /** Takes each step's metrics. */
  record: (metrics: StepMetrics) => void;
  /** Saves the state after `step` steps. Returns the folder. */
  checkpoint: (step: number) => Promise<string>;
  /** Folder of the newest checkpoint there is at the start. */
  lastCheckpoint: string | null;
  /** Save after every so many steps; null: about once a minute. */
  checkpointEvery: number | null;
  listen: Listener;
  stop: StopSignal;
}

/** Seconds between checkpoints when no number of steps is asked for. */
const CHECKPOINT_SECONDS = 60;

/**
 * Trains one stage from `done` steps on, to its end or until a stop is asked for. Either way the state is saved last.
 * The weights depend on the plan and the data alone: not on threads, clocks, or where the run was cut in two.
 *
 * A step whose loss or gradient norm is not finite changes no weight and is told. No checkpoint is taken after it: a run that goes on
 * does these steps again, and counts them alike.
 *
 * @returns false when it was stopped
 * @throws Failure when several steps in a row were so; the last checkpoint stays as it was.
 */
export async function trainStage(options: StageOptions): Promise<boolean> {
  const { stage, listen } = options;
  const began = performance.now();
  const divergence = new Divergence(stage);
  let savedAt = performance.now();
  let saved = options.done;
  let folder = options.lastCheckpoint;
  for (let step = options.done; step < stage.steps; step++) {
    if (options.stop.requested) {
      const good = step - divergence.inRow;
      if (saved < good) await options.checkpoint(good);
      return false;
    }
    const { metrics, wrong } = await trainStep(options, step);
    options.record(metrics);
    const elapsed = (performance.now() - began) / 1000;
    const secondsLeft = (elapsed / (step + 1 - options.done)) * (stage.steps - step - 1);
    listen({ kind: "step", metrics, steps: stage.steps, secondsLeft });
    if (wrong === null) divergence.used();
    else listen({ kind: "note", text: divergence.skipped({ step: step + 1, ...wrong }, folder) });
    const due =
      options.checkpointEvery === null
        ? performance.now() - savedAt > CHECKPOINT_SECONDS * 1000
        : (step + 1) % options.checkpointEvery === 0;
    if (due && wrong === null && step + 1 < stage.steps) {
      folder = await options.checkpoint(step + 1);
      saved = step + 1;
      savedAt = performance.now();
    }
  }
  await options.checkpoint(stage.steps);
  return true;
}

/** What of a step was not finite. */
type Wrong = { what: "loss" | "gradient norm"; value: number };

/** One optimizer step: micro batches, clipping, AdamW. `step` counts from 0. `wrong`: why it changed no weight. */
async function trainStep(options: StageOptions, step: number): Promise<{ metrics: StepMetrics; wrong: Wrong | null }> {
  const { engine, stage } = options;
  const began = performance.now();
  const { microBatches, tokens } = await options.batch(step);
  const tally = new LossTally();
  const { groups = 1 } = options;
  for (let from = 0; from < microBatches.length; from += groups) {
    const together = microBatches.slice(from, from + groups);
    const batches = together.map(({ batch }) => batch);
    const scores = batches.length > 1 ? await engine.accumulateAll(batches) : [await engine.accumulate(batches[0]!)];
    for (const [k, score] of scores.entries()) tally.add(together[k]!, score);
  }
  const losses = tally.result();
  const { optimizer } = stage.train;
  const lr = optimizer.lr * scheduleFactor(stage.train.schedule, step, stage.steps);
  const hyper = {
    lr,
    beta1: optimizer.betas[0],
    beta2: optimizer.betas[1],
    eps: optimizer.eps,
    weightDecay: optimizer.weight_decay,
    clipNorm: stage.train.clip ?? Number.POSITIVE_INFINITY,
    step: options.adamBefore + step + 1,
    loraPlusRatio: stage.train.lora?.plus_ratio ?? 1,
  };
  let wrong: Wrong | null = null;
  let norm: number | null = null;
  if (losses.loss === null) {
    await engine.zeroGradients();
    wrong = { what: "loss", value: tally.sum };
  } else {
    // The engine leaves the weights as they are where the norm is not finite.
    const { gradNorm } = await engine.step(hyper);
    if (Number.isFinite(gradNorm)) norm = gradNorm;
    else wrong = { what: "gradient norm", value: gradNorm };
  }
  const seconds = (performance.now() - began) / 1000;
  const metrics: StepMetrics = {
    stage: stage.name,
    step: step + 1,
    global_step: options.globalBefore + step + 1,
    ...losses,
    lr,
    grad_norm: norm,
    tokens,
    tokens_per_second: tokens / seconds,
    seconds,
    memory_bytes: engine.memory().total,
    rss_bytes: process.resourceUsage().maxRSS * 1024,
    time: new Date().toISOString(),
  };
  return { metrics, wrong };
}
