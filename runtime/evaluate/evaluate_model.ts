import { scoredTokens } from "../../compiler/memory/index.ts";
import type { PlanEvaluate, PlanModel, PlanRope } from "../../compiler/plan.ts";
import type { PlanDataset } from "../data/data.ts";
import { needleSample } from "../data/needle.ts";
import { Random } from "../data/random.ts";
import type { NativeEngine } from "../engine/addon.ts";
import { cancelOnStop } from "../engine/cancel.ts";
import { loadWeights } from "../engine/load_weights.ts";
import { readWeights } from "../engine/safetensors.ts";
import type { Listener, StopSignal } from "../run/events.ts";
import { scoringDevices } from "../train/gpus.ts";
import { type Machine, scoringEngine } from "../train/stage_engine.ts";
import { evaluatedDocuments, perplexityDocuments } from "./evaluated_text.ts";
import type { Sequence } from "./flat_batch.ts";
import { checkGate } from "./gate.ts";
import { needleMap } from "./needle.ts";
import { perplexityByPosition } from "./perplexity.ts";
import type { EvaluationResult } from "./result.ts";
import { sideBySide } from "./side_by_side.ts";
import { rowCost, type WorkDone } from "./work.ts";

export interface EvaluateOptions {
  machine: Machine;
  /** `before`, or a stage's name. */
  name: string;
  /** Folder of the weights. */
  folder: string;
  model: PlanModel;
  rope: PlanRope;
  /** Length that the weights were trained for; a gate looks no further. */
  context: number;
  evaluate: PlanEvaluate;
  /** Most that score side by side. */
  devices: number;
  data: PlanDataset;
  seed: number;
  listen: Listener;
  stop: StopSignal;
}

/**
 * Runs a plan's evaluation on weights from files, in engines of its own that only score: one, or one on each GPU.
 *
 * @throws Failure of kind "interrupted" when asked to stop: half an evaluation says nothing
 */
export async function evaluateModel(options: EvaluateOptions): Promise<EvaluationResult> {
  const engines: NativeEngine[] = [];
  try {
    for (const devices of scoringDevices(options.machine, options.devices))
      engines.push(scoringEngine(options.machine, options.model, scoredTokens(options.evaluate), devices));
    const cancel = () => engines.forEach((engine) => void engine.cancel());
    return await cancelOnStop({ cancel }, options.stop, () => evaluateIn(engines, options));
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

async function evaluateIn(engines: readonly NativeEngine[], options: EvaluateOptions): Promise<EvaluationResult> {
  const { evaluate, listen } = options;
  const began = performance.now();
  const maxTokens = scoredTokens(evaluate);
  const weights = await readWeights(options.folder, options.model);
  await sideBySide(engines, engines, async (engine) => {
    engine.setRope(Float64Array.from(options.rope.inv_freq), options.rope.attention_factor);
    await loadWeights(engine, weights, "value", false);
  });
  const shared = { name: options.name, engines, maxTokens, stop: options.stop, cost: rowCost(options.model) };
  const progressIn = (unit: string) => (done: WorkDone) => listen({ kind: "progress", ...done, unit });
  let needle: EvaluationResult["needle"] = null;
  if (evaluate.needle) {
    listen({ kind: "phase", title: `needle test, ${options.name}` });
    const progress = progressIn("questions");
    needle = await needleMap(evaluate.needle, { ...shared, progress, sample: needles(options) });
    listen({
      kind: "done",
      title: `needle test, ${options.name}: ${(needle.overall.accuracy * 100).toFixed(1)}% right`,
    });
  }
  let perplexity: EvaluationResult["perplexity"] = null;
  if (evaluate.perplexity) {
    listen({ kind: "phase", title: `perplexity, ${options.name}` });
    const progress = progressIn("windows");
    const windows = await perplexityWindows(options);
    perplexity = await perplexityByPosition(evaluate.perplexity, { ...shared, progress, windows });
    const short = perplexity.lengths.filter(({ windows }) => windows < evaluate.perplexity!.samples);
    for (const { length, windows } of short) {
      const text = `the held-out text has room for ${windows} windows of ${length} tokens, not ${evaluate.perplexity.samples}`;
      listen({ kind: "note", text });
    }
    const far = perplexity.lengths.at(-1);
    listen({
      kind: "done",
      title: `perplexity, ${options.name}: ${far?.perplexity.toFixed(2)} over whole windows of ${far?.length} tokens`,
    });
  }
  return {
    version: 1,
    name: options.name,
    model: options.folder,
    rope: { method: options.rope.method, theta: options.rope.theta, attention_factor: options.rope.attention_factor },
    context: options.context,
    needle,
    perplexity,
    gate: evaluate.gate ? checkGate(evaluate.gate, options.context, needle, perplexity) : null,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Samples that depend on seed, length, depth and number alone: every model gets the same questions. */
function needles({ data, evaluate, seed }: EvaluateOptions) {
  const settings = evaluate.needle!;
  const haystack = evaluatedDocuments(data, settings.haystack);
  return async (length: number, depth: number, number: number): Promise<Sequence> => {
    const random = Random.of(seed, "needle test", length, depth, number);
    const text = haystack.text(length, random);
    const sample = await needleSample(text, length, depth, settings.digits, random, data.tokenizer);
    return { ids: sample.ids, from: sample.answerStart, to: sample.answerStart + sample.answerLength };
  };
}

/** Windows that depend on seed and length alone, each opened by bos where the tokenizer has one. */
async function perplexityWindows({ data, evaluate, seed }: EvaluateOptions) {
  const settings = evaluate.perplexity!;
  const documents = await perplexityDocuments(data, settings);
  const { bos } = data.tokenizer;
  return async (length: number, count: number): Promise<Int32Array[]> => {
    const random = Random.of(seed, "perplexity", length);
    if (bos === null) return documents.windows(length + 1, count, random);
    return documents.windows(length, count, random).map((text) => Int32Array.from([bos, ...text]));
  };
}
