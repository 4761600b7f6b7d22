// One stage's worth of work for peak_memory.test.ts: `node … <case as JSON>`. Prints the most memory that the process held beyond what it
// held before its engine was made, and what the ledger says.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { deviceLedger, type LedgerOptions, offloadedBytes } from "../../compiler/memory/index.ts";
import { watchMemory } from "../../runtime/bench/peak_memory.ts";
import type { NativeEngineOptions, NativeSlot } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { writeTensors } from "../../runtime/export/shards.ts";
import { saveCheckpoint } from "../../runtime/train/checkpoint.ts";

export interface PeakCase {
  /** Half as wide. */
  narrow: boolean;
  layers: number;
  tokens: number;
  ring: number;
  checkpointEvery: number;
  dtype: "f32" | "bf16";
  lora: boolean;
  offload: boolean;
  train: boolean;
}

export interface PeakResult {
  peak: number;
  ledger: number;
  /** Layer inputs in a file, which are not in memory. */
  offloaded: number;
}

const given = process.argv[2];
if (given === undefined) {
  process.stderr.write("usage: peak_worker <case>\n");
  process.exit(2);
}
const { narrow, layers, tokens, ring, checkpointEvery, dtype, lora, offload, train } = JSON.parse(given) as PeakCase;
// Where every layer is kept, the bytes of a token grow with width times depth, its products with the square of the width.
const shape = {
  ...{ vocab: 4096, headDim: 64, layers },
  ...(narrow ? { hidden: 128, ffn: 352, heads: 2, kvHeads: 1 } : { hidden: 256, ffn: 704, heads: 4, kvHeads: 2 }),
};
const targets = ["q_proj", "v_proj", "down_proj"];
const addon = loadAddon();
const folder = mkdtempSync(join(process.cwd(), "native", "build", "peak-"));
const batch = {
  ids: Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % shape.vocab),
  positions: Int32Array.from({ length: tokens }, (_, i) => i),
  // Documents of 256 tokens: the memory is that of one, the time is not.
  starts: Int32Array.from({ length: tokens }, (_, i) => i - (i % 256)),
  targets: Int32Array.from({ length: tokens }, (_, i) => ((i + 1) * 7919) % shape.vocab),
  weights: new Float32Array(tokens).fill(1 / tokens),
};
const memory: NativeEngineOptions["memory"] = {
  ...{ maxTokens: tokens, train, checkpointEvery, lossChunk: 512, kvCacheTokens: 0, dtype },
  ...(offload && { offload: { to: "file", folder } as const }),
};
const peak = watchMemory();
const engine = addon.createEngine({
  device: "cpu",
  threads: 2,
  ring,
  memory,
  model: {
    ...{ vocabSize: shape.vocab, hiddenSize: shape.hidden, intermediateSize: shape.ffn, layers: shape.layers },
    ...{
      heads: shape.heads,
      kvHeads: shape.kvHeads,
      headDim: shape.headDim,
      rmsNormEps: 1e-5,
      tieWordEmbeddings: true,
    },
  },
  ...(lora && { training: { lora: { rank: 8, alpha: 16, targets, seed: 1 } } }),
});
engine.setRope(
  Float64Array.from({ length: 32 }, (_, i) => 10_000 ** (-i / 32)),
  1,
);
await engine.initialize(1, 0.02);
if (train) {
  for (let step = 1; step <= 2; step++) {
    await engine.accumulate(batch);
    const rates = { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 };
    await engine.step({ ...rates, clipNorm: 1, step, loraPlusRatio: 1 });
  }
  const state = { stage: "peak", stage_index: 0, step: 2, global_step: 2, adam_step: 2, plan_sha256: "" };
  await saveCheckpoint(folder, engine, state);
  const whole = engine.parameters().filter(({ name }) => !name.includes("lora_"));
  const slot: NativeSlot = lora ? "merged" : "value";
  const tensors = whole.map(({ name, shape }) => ({ name, parameter: name, slot, dtype: "F32" as const, shape }));
  await writeTensors(engine, folder, tensors, "model", Number.POSITIVE_INFINITY);
} else {
  await engine.score(batch);
}
const options: LedgerOptions = {
  ...{ maxTokens: tokens, train, checkpointEvery, lossChunk: 512, kvCacheTokens: 0, dtype, ring, offload },
  ...(lora && { lora: { rank: 8, targets } }),
};
const model = {
  ...{ vocab_size: shape.vocab, hidden_size: shape.hidden, intermediate_size: shape.ffn, layers: shape.layers },
  ...{ heads: shape.heads, kv_heads: shape.kvHeads, head_dim: shape.headDim, tie_word_embeddings: true },
};
const result: PeakResult = {
  peak: peak(),
  ledger: deviceLedger(model, options).total,
  offloaded: offloadedBytes(model, options),
};
await engine.close();
rmSync(folder, { recursive: true });
process.stdout.write(JSON.stringify(result));
