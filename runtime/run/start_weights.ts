import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { adapterOrigin, continuesAdapter } from "../../compiler/model/index.ts";
import type { Plan, PlanModel } from "../../compiler/plan.ts";
import type { NativeEngine } from "../engine/addon.ts";
import { loadWeights } from "../engine/load_weights.ts";
import { readWeights } from "../engine/safetensors.ts";
import { type Checkpoint, checkpointName, loadCheckpoint } from "../train/checkpoint.ts";
import { Failure } from "./failure.ts";
import type { RunFolder } from "./folder.ts";

/** The base model's folder; null when the plan starts from nothing. @throws Failure when it is not on this machine. */
export function baseFolder(plan: Plan, base: string): string | null {
  const { path, from, initialize } = plan.model;
  if (initialize) return null;
  if (path === null) {
    throw new Failure(
      "input",
      `the weights of ${from ?? "the base model"} are not on this machine: the plan was made from its configuration alone`,
      'download the model and give its folder: model { from = "path/to/folder" }',
    );
  }
  const folder = isAbsolute(path) ? path : resolve(base, path);
  if (!existsSync(folder)) throw new Failure("input", `the base model's folder ${folder} does not exist`);
  return folder;
}

/**
 * Refuses a model that came without its weights, with part of them, or with those of another, while nothing has been tokenised yet. Only
 * headers are read.
 *
 * @throws Error naming what the folder lacks, or what of it does not fit the model
 */
export async function expectWeights(folder: string | null, model: PlanModel): Promise<void> {
  if (folder !== null) await readWeights(folder, model);
}

/** What an adapter says it stands on: the Hub's name of the base model, else its folder. */
export function baseName(plan: Plan, base: string): string | null {
  const { path, from } = plan.model;
  return path !== null && from === path ? baseFolder(plan, base) : from;
}

/** Folder of the weights that stage `index` goes on from: the stage's before it, or the base model's. */
export function weightsBefore(folder: RunFolder, plan: Plan, index: number, base: string): string | null {
  const before = plan.stages[index - 1];
  return before ? join(folder.stages, before.name) : baseFolder(plan, base);
}

/**
 * The last checkpoint of the stage before, where its adapters or moments are still needed. One from the middle of that stage, which is
 * the newest where the last can't be read, holds other moments than those the stage ended with.
 */
export function carried(newest: Checkpoint | null, plan: Plan, index: number): Checkpoint | null {
  const at = newest?.state;
  return at && at.stage_index === index - 1 && at.step === plan.stages[index - 1]!.steps ? newest : null;
}

export interface StartOptions {
  engine: NativeEngine;
  plan: Plan;
  folder: RunFolder;
  /** Folder that the plan's paths start from. */
  base: string;
  /** Stage to be trained. */
  index: number;
  /** The newest checkpoint of the run. */
  newest: Checkpoint | null;
}

/**
 * Puts into a fresh engine what a stage starts from, or what a checkpoint of it holds.
 *
 * Weights come from the folder of the stage before (or the base model, or the seed); an adapter that goes on, and AdamW's
 * moments where the recipe carries them, from the last checkpoint of the stage before.
 *
 * @returns steps of the stage that are done, and AdamW's count
 */
export async function loadStart(options: StartOptions): Promise<{ done: number; adamStep: number }> {
  const { engine, plan, folder, base, index, newest } = options;
  const stage = plan.stages[index]!;
  const resumed = newest?.state.stage_index === index ? newest : null;
  const before = carried(newest, plan, index);
  const adapts = stage.train.lora !== null;
  // Everything a full stage trains is in its checkpoint; adapters stand on weights that are not.
  if (!resumed || adapts) {
    const from = weightsBefore(folder, plan, adapterOrigin(plan.stages, index), base);
    if (from === null) await engine.initialize(plan.seed, plan.model.initialize!.std);
    else await loadWeights(engine, await readWeights(from, plan.model), "value", adapts);
  }
  if (resumed) {
    await loadCheckpoint(resumed, engine, true);
    return { done: resumed.state.step, adamStep: resumed.state.adam_step };
  }
  const carries = stage.train.optimizer.state === "carry";
  if (index > 0 && (carries || continuesAdapter(plan.stages, index))) {
    if (!before) throw lastCheckpointGone(folder, plan, index);
    await loadCheckpoint(before, engine, carries);
  }
  return { done: 0, adamStep: carries && before ? before.state.adam_step : 0 };
}

function lastCheckpointGone(folder: RunFolder, plan: Plan, index: number): Failure {
  const { name, steps } = plan.stages[index - 1]!;
  const path = join(folder.checkpoints, checkpointName(index - 1, steps));
  return new Failure(
    "run",
    `${path}, the last checkpoint of stage ${name}, is gone or damaged, and stage ${plan.stages[index]!.name} needs it`,
    `see whether it can be read now, or delete ${join(folder.stages, name)}: the stage is then trained again from what there is, to the same bytes`,
  );
}
