import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { adapterOrigin, promisedContext, sharesEmbeddings, standsOnBase } from "../../compiler/model/index.ts";
import type { Plan, PlanExport, PlanStage } from "../../compiler/plan.ts";
import { SafetensorsError } from "../../compiler/weights/index.ts";
import type { NativeAddon } from "../engine/addon.ts";
import { cancelOnStop } from "../engine/cancel.ts";
import { loadWeights } from "../engine/load_weights.ts";
import { expectTensors, readSafetensorsHeader, readWeights } from "../engine/safetensors.ts";
import type { Listener, StopSignal } from "../run/events.ts";
import { Failure } from "../run/failure.ts";
import { readBytes, writeFailure, writeFolder, writeSynced } from "../run/files.ts";
import { openRunFolder, readPlan } from "../run/folder.ts";
import { readOrigin } from "../run/shapes.ts";
import { baseFolder, baseName } from "../run/start_weights.ts";
import { adapterEngine, scoringEngine } from "../train/stage_engine.ts";
import { fillAdapterFolder, parameterName } from "./adapter_folder.ts";
import { fillModelFolder, readBaseConfig } from "./model_folder.ts";

export interface ExportOptions {
  addon: NativeAddon;
  /** Stage whose weights are exported; null: the last one that is done. */
  stage: string | null;
  /** Merged weights even where the plan says adapter. */
  merge: boolean;
  /** null: what the plan says. */
  dtype: PlanExport["dtype"] | null;
  listen: Listener;
  /** Ends it when asked to; nothing is at the target then. */
  stop: StopSignal;
  shardBytes?: number;
}

export interface ExportResult {
  folder: string;
  stage: string;
  kind: "model" | "adapter";
  dtype: PlanExport["dtype"];
  context: number;
  sentence: string;
}

/**
 * Writes the model of a run to a new folder: the whole model, or the adapter alone where a stage trained one and neither
 * the plan nor the caller asks to merge. What is written was read back and gives the plan's frequency table.
 *
 * @throws Failure when nothing is trained yet, the folder is taken, or no config.json can hold the table
 */
export async function exportRun(root: string, to: string, options: ExportOptions): Promise<ExportResult> {
  const folder = openRunFolder(resolve(root));
  const plan = readPlan(folder.plan);
  const target = resolve(to);
  expectNew(target, to);
  const done = plan.stages.filter((stage) => existsSync(join(folder.stages, stage.name)));
  const stage = options.stage === null ? done.at(-1) : done.find((candidate) => candidate.name === options.stage);
  if (!stage) {
    const known = done.map((candidate) => candidate.name).join(", ");
    if (options.stage === null)
      throw new Failure("input", `no stage of ${root} is done yet`, `go on with: ctx run --resume ${root}`);
    throw new Failure(
      "usage",
      `${root} has no finished stage ${options.stage}`,
      known === "" ? null : `finished: ${known}`,
    );
  }
  const from = join(folder.stages, stage.name);
  const merge = options.merge || plan.export.merge || stage.train.lora === null;
  const dtype = options.dtype ?? plan.export.dtype;
  const context = promisedContext(plan, plan.stages.indexOf(stage));
  const { base } = readOrigin(folder.origin);
  options.listen({ kind: "phase", title: `writing ${to}` });
  try {
    if (!merge) {
      const { addon, stop } = options;
      await writeAdapter(plan, stage, from, target, { addon, stop, dtype, base: baseName(plan, base) });
    } else {
      await writeModel(plan, from, target, {
        ...options,
        dtype,
        context,
        base: baseFolder(plan, base),
        rope: stage.rope,
      });
    }
  } catch (error) {
    if ((error as Partial<Failure> | null)?.kind === "interrupted")
      throw new Failure("interrupted", `stopped as asked; nothing was written to ${to}`, null, error);
    if (error instanceof SafetensorsError) throw new Failure("input", error.message, error.hint, error);
    throw writeFailure(to, error);
  }
  options.listen({ kind: "done", title: `wrote ${to}` });
  const reach = `${context.toLocaleString("en-US")} tokens`;
  const sentence = merge
    ? `${to} holds a ${dtype} model for ${reach}, after stage ${stage.name} of ${plan.recipe}.`
    : `${to} holds the ${dtype} LoRA adapter of stage ${stage.name} for PEFT; load the base model with the config.json beside it, which carries the RoPE for ${reach}.`;
  return { folder: target, stage: stage.name, kind: merge ? "model" : "adapter", dtype, context, sentence };
}

function expectNew(target: string, to: string): void {
  if (!existsSync(target)) return;
  const isFolder = statSync(target).isDirectory();
  if (isFolder && readdirSync(target).length === 0) return;
  throw new Failure("usage", `${to} ${isFolder ? "is not empty" : "is a file"}`, "name a new folder with --to");
}

/** Converts through an engine that only reads and writes. */
async function writeModel(
  plan: Plan,
  from: string,
  target: string,
  options: ExportOptions & {
    dtype: PlanExport["dtype"];
    context: number;
    base: string | null;
    rope: Plan["stages"][number]["rope"];
  },
): Promise<void> {
  const weights = await readWeights(from, plan.model);
  const engine = scoringEngine({ addon: options.addon, device: "cpu", threads: 1 }, plan.model, 16);
  try {
    const fill = (aside: string) =>
      fillModelFolder(aside, {
        engine,
        plan,
        rope: options.rope,
        context: options.context,
        dtype: options.dtype,
        tokenizer: from,
        baseConfig: readBaseConfig(options.base),
        ...(options.shardBytes === undefined ? {} : { shardBytes: options.shardBytes }),
      });
    await cancelOnStop(engine, options.stop, async () => {
      await loadWeights(engine, weights, "value", false);
      await writeFolder(target, fill);
    });
  } finally {
    await engine.close();
  }
}

/** The adapter's own file was written in fp32; what goes out is in the dtype that was asked for. */
async function writeAdapter(
  plan: Plan,
  stage: PlanStage,
  from: string,
  target: string,
  options: { addon: NativeAddon; stop: StopSignal; dtype: PlanExport["dtype"]; base: string | null },
): Promise<void> {
  const { addon, stop, dtype, base } = options;
  const adapter = join(from, "adapter", "adapter_model.safetensors");
  const { lora } = stage.train;
  if (!lora || !standsOnBase(plan, plan.stages.indexOf(stage))) {
    const origin = adapterOrigin(plan.stages, plan.stages.indexOf(stage));
    const made = origin > 0 ? "that an earlier stage trained" : "that this run began with, from nothing";
    throw new Failure(
      "input",
      `the adapter of stage ${stage.name} stands on weights ${made}, so it is of no use by itself`,
      "export the merged weights with --merge",
    );
  }
  if (sharesEmbeddings(plan.model, lora)) {
    throw new Failure(
      "input",
      "this adapter trains the embeddings in full, and the model's output shares them: PEFT would load them into one of the two places only",
      "export the merged weights with --merge",
    );
  }
  const engine = adapterEngine({ addon, device: "cpu", threads: 1 }, plan, stage);
  try {
    const tensors = await readSafetensorsHeader(adapter);
    const named = tensors.map((tensor) => ({ ...tensor, name: parameterName(tensor.name) }));
    const trained = engine.parameters().filter(({ trainable }) => trainable);
    const sources = expectTensors(adapter, named, trained, `the adapter of stage ${stage.name}`);
    const fill = async (aside: string) => {
      await fillAdapterFolder(aside, engine, lora, dtype, base);
      // PEFT keeps no config of the model: without this one the base would run with its old frequency table.
      writeSynced(join(aside, "config.json"), readBytes(join(from, "config.json")));
    };
    await cancelOnStop(engine, stop, async () => {
      await loadWeights(engine, sources, "value", true);
      await writeFolder(target, fill);
    });
  } finally {
    await engine.close();
  }
}
