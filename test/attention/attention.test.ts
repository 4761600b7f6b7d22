// `attention` of the library: the kernels and the ring behind it, through the addon.
import { expect, test } from "vitest";
import { attention } from "../../index.ts";

const HEADS = 4;
const KV_HEADS = 2;
const HEAD_DIM = 6;

/** Numbers from a fixed linear congruential generator, in [−1, 1). */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const inputs = (tokens: number) => ({
  q: numbers(tokens * HEADS * HEAD_DIM, 1),
  k: numbers(tokens * KV_HEADS * HEAD_DIM, 2),
  v: numbers(tokens * KV_HEADS * HEAD_DIM, 3),
  dO: numbers(tokens * HEADS * HEAD_DIM, 4),
});

/** Softmax attention in float64, straight from its definition. `sees(i, j)`: query i sees key j. */
function reference(
  { q, k, v }: { [name: string]: ArrayLike<number> },
  tokens: number,
  sees: (i: number, j: number) => boolean,
) {
  const o = new Float64Array(tokens * HEADS * HEAD_DIM);
  const lse = new Float64Array(HEADS * tokens);
  for (let head = 0; head < HEADS; head++) {
    const kv = Math.floor((head * KV_HEADS) / HEADS);
    for (let i = 0; i < tokens; i++) {
      const weights = new Float64Array(tokens);
      for (let j = 0; j < tokens; j++) {
        if (!sees(i, j)) continue;
        let score = 0;
        for (let d = 0; d < HEAD_DIM; d++)
          score += q![(i * HEADS + head) * HEAD_DIM + d]! * k![(j * KV_HEADS + kv) * HEAD_DIM + d]!;
        weights[j] = Math.exp(score / Math.sqrt(HEAD_DIM));
      }
      const sum = weights.reduce((a, b) => a + b, 0);
      lse[head * tokens + i] = Math.log(sum);
      for (let j = 0; j < tokens; j++)
        for (let d = 0; d < HEAD_DIM; d++)
          o[(i * HEADS + head) * HEAD_DIM + d]! += (weights[j]! / sum) * v![(j * KV_HEADS + kv) * HEAD_DIM + d]!;
    }
  }
  return { o, lse };
}

function distance(x: ArrayLike<number>, y: ArrayLike<number>): number {
  expect(x.length).toBe(y.length);
  return Math.max(...Array.from(x, (value, i) => Math.abs(value - y[i]!)));
}

const SHAPE = { heads: HEADS, kvHeads: KV_HEADS, headDim: HEAD_DIM };

test.each([
  { name: "causal", options: {}, sees: (i: number, j: number) => j <= i },
  { name: "full", options: { causal: false }, sees: () => true },
  {
    name: "documents",
    options: { documents: [0, 17, 40] },
    sees: (i: number, j: number) => j <= i && [17, 40].every((start) => i < start || j >= start),
  },
])("$name attention is softmax(q kᵀ) v, on one rank and on a ring", async ({ options, sees }) => {
  const tokens = 64;
  const { q, k, v } = inputs(tokens);
  const want = reference({ q, k, v }, tokens, sees);
  for (const ring of [1, 2, 4]) {
    const { o, lse } = await attention(q, k, v, { ...SHAPE, ...options, ring, threads: 2 });
    expect(distance(o, want.o)).toBeLessThan(2e-6);
    expect(distance(lse, want.lse)).toBeLessThan(2e-6);
  }
});

test("backward is the slope of forward, and a ring gives the same", async () => {
  const tokens = 24;
  const { q, k, v, dO } = inputs(tokens);
  const options = { ...SHAPE, documents: [0, 9] };
  const { backward } = await attention(q, k, v, options);
  const gradients = await backward(dO);
  const sees = (i: number, j: number) => j <= i && (i < 9 || j >= 9);
  const loss = (changed: { [name: string]: ArrayLike<number> }) =>
    reference({ q, k, v, ...changed }, tokens, sees).o.reduce((sum, value, i) => sum + value * dO[i]!, 0);
  const cases = [
    { name: "q", x: q, gradient: gradients.dq },
    { name: "k", x: k, gradient: gradients.dk },
    { name: "v", x: v, gradient: gradients.dv },
  ];
  for (const { name, x, gradient } of cases) {
    for (let at = 0; at < x.length; at += 13) {
      const up = Float64Array.from(x);
      const down = Float64Array.from(x);
      up[at]! += 1e-5;
      down[at]! -= 1e-5;
      expect(gradient[at]!).toBeCloseTo((loss({ [name]: up }) - loss({ [name]: down })) / 2e-5, 4);
    }
  }
  const ring = await (await attention(q, k, v, { ...options, ring: 2 })).backward(dO);
  for (const name of ["dq", "dk", "dv"] as const) expect(distance(ring[name], gradients[name])).toBeLessThan(1e-5);
});

test("arguments that don't go together are refused by name", async () => {
  const { q, k, v, dO } = inputs(16);
  await expect(attention(q, k, v, { ...SHAPE, headDim: 0 })).rejects.toThrow(/headDim must be a whole number above 0/);
  await expect(attention(q, k, v, { ...SHAPE, kvHeads: 3 })).rejects.toThrow(/heads \(4\) must be a positive multiple/);
  await expect(attention(q, k.subarray(1), v, SHAPE)).rejects.toThrow(/k must hold 16 x 12 numbers, got 191/);
  await expect(attention(q, k, v, { ...SHAPE, causal: false, documents: [0, 4] })).rejects.toThrow(/causal/);
  const { backward } = await attention(q, k, v, SHAPE);
  await expect(backward(dO.subarray(24))).rejects.toThrow(/dO must hold 16 x 24 numbers/);
});
