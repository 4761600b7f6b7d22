// Attention by groups of heads: nothing may come of it but less memory.
import { expect, test } from "vitest";
import type { NativeEngine, NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

const TOKENS = 192;
type Options = NativeEngineOptions;

function make(
  headGroups: number,
  ring: number,
  model: Partial<Options["model"]>,
  rest: Partial<Options> = {},
): NativeEngine {
  const engine = loadAddon().createEngine({
    ...{ device: "cpu", threads: 2, ring },
    model: {
      ...{ vocabSize: 97, hiddenSize: 32, intermediateSize: 80, layers: 3, heads: 8, kvHeads: 4, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
      ...model,
    },
    ...rest,
    memory: {
      ...{ maxTokens: TOKENS, train: true, checkpointEvery: 1, lossChunk: 64, kvCacheTokens: 0 },
      ...rest.memory,
      headGroups,
    },
  });
  setSmallRope(engine);
  return engine;
}

/** Scores and gradients of two batches, and weights after a step with them. */
async function train(engine: NativeEngine) {
  await engine.initialize(5, 0.3);
  const losses = [];
  for (const [tokens, shift] of [
    [TOKENS, 1],
    [64, 2],
  ] as const)
    losses.push(digest(new Map([["nll", (await engine.accumulate(madeUpBatch(tokens, shift, 97))).nll]])));
  const gradients = await readAll(engine, "gradient");
  await engine.step({ ...HYPER, lr: 0.01 });
  const weights = digest(await readAll(engine, "value"));
  const { workspace } = engine.memory();
  await engine.close();
  return { losses, gradients, weights, workspace };
}

const cases: [name: string, model: Partial<Options["model"]>, rest?: Partial<Options>][] = [
  ["plain", {}],
  ["norms of queries and keys", { qkNorm: true }],
  ["biases", { qkvBias: true }],
  ["a sliding window", { slidingWindow: { tokens: 40, layers: [true, false, true] } }],
  [
    "adapters",
    {},
    { training: { lora: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"], seed: 1 }, alsoTrain: [] } },
  ],
  ["everything kept", {}, { memory: { checkpointEvery: 0 } as Options["memory"] }],
];

test.each(cases)("%s: the same bits in any number of groups, one rank and two", async (_, model, rest) => {
  for (const ring of [1, 2]) {
    const whole = await train(make(1, ring, model, rest));
    for (const groups of [2, 4]) {
      const grouped = await train(make(groups, ring, model, rest));
      expect(grouped.losses).toEqual(whole.losses);
      expect(digest(grouped.gradients)).toBe(digest(whole.gradients));
      expect(grouped.weights).toBe(whole.weights);
      expect(grouped.workspace).toBeLessThan(whole.workspace);
    }
  }
});

// The gradient of a group is rounded before the products that a whole one is rounded in.
test("bf16: gradients as near as rounding leaves them", async () => {
  const rest = { memory: { dtype: "bf16" } as Options["memory"] };
  const whole = await train(make(1, 1, { qkNorm: true, qkvBias: true }, rest));
  const grouped = await train(make(4, 1, { qkNorm: true, qkvBias: true }, rest));
  expect(grouped.losses[0]).toBe(whole.losses[0]);
  for (const [name, expected] of whole.gradients) {
    const got = grouped.gradients.get(name)!;
    const size = Math.hypot(...expected);
    const error = Math.hypot(...expected.map((value, i) => value - got[i]!));
    expect(error / size, name).toBeLessThan(4e-3);
  }
});

test("groups that do not divide the key-value heads are refused", () => {
  expect(() => make(3, 1, {})).toThrow(/memory plan: headGroups is 3, expected a divisor of the 4 key-value heads/);
  expect(() => make(0, 1, {})).toThrow(/headGroups is 0/);
});
