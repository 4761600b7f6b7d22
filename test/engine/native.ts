import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { NativeAdamW, NativeBatch, NativeEngine, NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { documentPositions, documentStarts } from "../../runtime/engine/documents.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { modelShape } from "../../runtime/engine/model_shape.ts";
import { readModelFolder } from "../../runtime/engine/safetensors.ts";
import { caseFolder, type GoldenSequence } from "./golden.ts";

/** Of a first step. */
export const HYPER: NativeAdamW = {
  lr: 3e-3,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
  step: 1,
  loraPlusRatio: 1,
};

export type Overrides = Partial<Omit<NativeEngineOptions, "memory">> & {
  memory?: Partial<NativeEngineOptions["memory"]>;
};

/** A native engine that holds a golden case's weights, made for training on up to 1024 tokens. */
export async function goldenEngine(name: string, overrides: Overrides = {}): Promise<NativeEngine> {
  const folder = caseFolder(name);
  const { model } = readModelConfig(readFileSync(join(folder, "config.json"), "utf8"), folder);
  const { memory, ...rest } = overrides;
  const engine = loadAddon().createEngine({
    device: "cpu",
    threads: 2,
    ring: 1,
    model: modelShape(model!),
    memory: { maxTokens: 1024, train: true, checkpointEvery: 0, lossChunk: 100, kvCacheTokens: 0, ...memory },
    ...rest,
  });
  engine.setRope(Float64Array.from(model!.rope.inv_freq), model!.rope.attention_factor);
  await engine.load(await readModelFolder(folder), "value", false);
  return engine;
}

/** The sequence as a batch whose loss is the mean over its targets. */
export function toBatch({ ids, targets, documents }: GoldenSequence): NativeBatch & { weights: Float32Array } {
  const starts = documentStarts(documents, ids.length);
  const count = targets.filter((target) => target >= 0).length;
  return {
    ids: Int32Array.from(ids),
    positions: documentPositions(starts),
    starts,
    targets: Int32Array.from(targets),
    weights: Float32Array.from(targets, (target) => (target < 0 ? 0 : 1 / count)),
  };
}

/** theta = 10,000 for head_dim 8. */
export function setSmallRope(engine: NativeEngine): void {
  engine.setRope(
    Float64Array.from({ length: 4 }, (_, pair) => 10_000 ** (-pair / 4)),
    1,
  );
}

/**
 * A sequence of two documents, made up: another for each `shift`.
 *
 * @param weight of each target in the loss; default: the loss is their mean
 */
export function madeUpBatch(tokens: number, shift: number, vocab: number, weight = 1 / tokens): NativeBatch {
  const ids = Int32Array.from({ length: tokens }, (_, t) => (t * t + shift) % vocab);
  return {
    ids,
    positions: ids.map((_, t) => t),
    starts: ids.map((_, t) => (t < tokens / 3 ? 0 : Math.ceil(tokens / 3))),
    targets: ids.map((_, t) => ids[t + 1] ?? -100),
    weights: new Float32Array(tokens).fill(weight),
  };
}

/** Weighted sum of the scores: the loss. */
export function lossOf(nll: Float32Array, { weights }: { weights: Float32Array }): number {
  return nll.reduce((sum, value, token) => sum + value * weights[token]!, 0);
}

export async function readAll(engine: NativeEngine, slot: "value" | "gradient"): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const { name, trainable } of engine.parameters()) {
    if (slot === "value" || trainable) all.set(name, await engine.read(name, slot));
  }
  return all;
}

/** One accumulation's loss and gradients. */
export async function lossAndGradients(engine: NativeEngine, sequence: GoldenSequence) {
  const batch = toBatch(sequence);
  await engine.zeroGradients();
  const { nll } = await engine.accumulate(batch);
  return { loss: lossOf(nll, batch), gradients: await readAll(engine, "gradient") };
}

/** One string that differs when any bit of any tensor differs. */
export function digest(tensors: Map<string, Float32Array>): string {
  const hash = createHash("sha256");
  for (const [name, data] of tensors)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}
