// Sliding windows over a ring: a window may lie within one chunk, reach over many, or see everything, and what no row of a rank sees is
// left out. Whatever the width, the ring computes what one rank does.
import { expect, test } from "vitest";
import type { NativeEngine } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { distance, norm } from "./golden.ts";
import { lossOf, madeUpBatch, readAll, setSmallRope } from "./native.ts";

const TOKENS = 96;

function make(ring: number, tokens: number): NativeEngine {
  const engine = loadAddon().createEngine({
    ...{ device: "cpu", threads: 2, ring },
    model: {
      ...{ vocabSize: 61, hiddenSize: 32, intermediateSize: 48, layers: 2, heads: 4, kvHeads: 2, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
      slidingWindow: { tokens, layers: [true, false] },
    },
    memory: { maxTokens: TOKENS, train: true, checkpointEvery: 1, lossChunk: 32, kvCacheTokens: 0 },
  });
  setSmallRope(engine);
  return engine;
}

/** Loss and gradients of one long document, and of two that share a row. */
async function computed(ring: number, window: number) {
  const engine = make(ring, window);
  await engine.initialize(7, 0.3);
  const batch = madeUpBatch(TOKENS, 1, 61);
  const whole = { ...batch, starts: new Int32Array(TOKENS) };
  const packed = { ...batch, starts: Int32Array.from({ length: TOKENS }, (_, i) => (i < 37 ? 0 : 37)) };
  const losses = [];
  for (const each of [whole, packed])
    losses.push(lossOf((await engine.accumulate(each)).nll, { weights: each.weights! }));
  const gradients = await readAll(engine, "gradient");
  await engine.close();
  return { losses, gradients };
}

test.each([2, 5, 12, 13, 30, 95, 96])("a window of %i of 96 tokens, over rings of 2, 3 and 4", async (window) => {
  const one = await computed(1, window);
  for (const ring of [2, 3, 4]) {
    const many = await computed(ring, window);
    for (const [k, loss] of many.losses.entries()) expect(Math.abs(loss / one.losses[k]! - 1)).toBeLessThan(1e-6);
    for (const [name, gradient] of one.gradients) {
      const error = distance(many.gradients.get(name)!, gradient) / (norm(gradient) / Math.sqrt(gradient.length));
      expect(error, `${name}, ring ${ring}`).toBeLessThan(1e-4);
    }
  }
});

test("the width of the window counts: each gives another loss", async () => {
  const losses = await Promise.all([1, 5, 30, 96].map(async (window) => (await computed(4, window)).losses[0]));
  expect(new Set(losses.map((loss) => loss!.toFixed(5))).size).toBe(4);
});

test("a window of one token leaves queries and keys nothing to learn, in the layers that have it", async () => {
  for (const ring of [1, 4]) {
    const { gradients } = await computed(ring, 1);
    for (const map of ["q_proj", "k_proj"]) {
      expect(norm(gradients.get(`model.layers.0.self_attn.${map}.weight`)!)).toBeLessThan(1e-5);
      expect(norm(gradients.get(`model.layers.1.self_attn.${map}.weight`)!)).toBeGreaterThan(0.1);
    }
  }
});
