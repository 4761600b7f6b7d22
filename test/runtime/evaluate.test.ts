import fc from "fast-check";
import { expect, test } from "vitest";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { NativeBatch, NativeScore } from "../../runtime/engine/addon.ts";
import { bucketEdges } from "../../runtime/evaluate/buckets.ts";
import { flatBatches } from "../../runtime/evaluate/flat_batch.ts";
import { checkGate } from "../../runtime/evaluate/gate.ts";
import { needleMap } from "../../runtime/evaluate/needle.ts";
import { perplexityByPosition } from "../../runtime/evaluate/perplexity.ts";
import { share } from "../../runtime/evaluate/wilson.ts";
import { rowCost, type WorkDone } from "../../runtime/evaluate/work.ts";
import { StopSignal } from "../../runtime/run/events.ts";

/** A model that knows token 7 always follows, at a cost that grows with the position. */
const knowsSeven = {
  async score(batch: NativeBatch): Promise<NativeScore> {
    const n = batch.ids.length;
    const nll = new Float32Array(n);
    const correct = new Uint8Array(n);
    for (let t = 0; t < n; t++) {
      if (batch.targets![t] === -100) continue;
      correct[t] = batch.targets![t] === 7 ? 1 : 0;
      nll[t] = batch.positions[t]!;
    }
    return { nll, correct };
  },
};

const quiet = { name: "sample", progress: () => {}, cost: (length: number) => length, stop: new StopSignal() };

test("Wilson's interval, against published values", () => {
  // Newcombe (1998), Table I: 81 of 263 and 0 of 20.
  const some = share(81, 263);
  expect(some.low).toBeCloseTo(0.2553, 4);
  expect(some.high).toBeCloseTo(0.3662, 4);
  expect(share(0, 20).low).toBe(0);
  expect(share(0, 20).high).toBeCloseTo(0.1611, 4);
  expect(share(20, 20).low).toBeCloseTo(0.8389, 4);
});

test("sequences are laid end to end, each with its own positions and view, and none is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 2, max: 33 }), { minLength: 1, maxLength: 20 }), (lengths) => {
      const sequences = lengths.map((length, n) => ({
        ids: Int32Array.from({ length }, (_, t) => n * 100 + t),
        from: 1,
        to: length,
      }));
      const batches = flatBatches(sequences, 32);
      expect(batches.flatMap(({ placed }) => placed.map((place) => place.sequence))).toEqual(sequences);
      for (const { batch, placed } of batches) {
        expect(batch.ids.length).toBeLessThanOrEqual(32);
        for (const { sequence, offset } of placed) {
          const length = sequence.ids.length - 1;
          const own = (values: Int32Array) => [...values.subarray(offset, offset + length)];
          expect(own(batch.ids)).toEqual([...sequence.ids.subarray(0, length)]);
          expect(own(batch.targets!)).toEqual([...sequence.ids.subarray(1)]);
          expect(own(batch.positions)).toEqual(Array.from({ length }, (_, t) => t));
          expect(own(batch.starts)).toEqual(new Array(length).fill(offset));
        }
      }
    }),
  );
});

test("a needle counts only when all its answer tokens are right", async () => {
  const settings = { lengths: [16, 32], depths: [0, 1], samples: 5, haystack: "text", digits: 2 };
  const result = await needleMap(settings, {
    engines: [knowsSeven],
    maxTokens: 64,
    sample: async (length, depth, number) => {
      const ids = new Int32Array(length).fill(1);
      ids[length - 2] = 7;
      // At depth 0 every sample's second answer token is another; at depth 1 only sample 4's.
      ids[length - 1] = depth === 0 || number === 4 ? 3 : 7;
      return { ids, from: length - 2, to: length };
    },
    ...quiet,
  });
  expect(result.cells.map((cell) => [cell.length, cell.depth, cell.correct])).toEqual([
    [16, 0, 0],
    [16, 1, 4],
    [32, 0, 0],
    [32, 1, 4],
  ]);
  expect(result.lengths.map((entry) => entry.accuracy)).toEqual([0.4, 0.4]);
  expect(result.overall.total).toBe(20);
});

test("what is done of an evaluation counts by the rows' lengths", async () => {
  const seen: WorkDone[] = [];
  const sample = async (length: number) => ({ ids: new Int32Array(length), from: length - 2, to: length });
  const settings = { lengths: [16, 32], depths: [0, 1], samples: 2, haystack: "text", digits: 2 };
  const options = { ...quiet, engines: [knowsSeven], maxTokens: 64, cost: (length: number) => length ** 2 };
  await needleMap(settings, { ...options, sample, progress: (done) => seen.push(done) });
  expect(seen.map(({ done, total, part }) => [done, total, part])).toEqual([
    [2, 8, 0.1],
    [4, 8, 0.2],
    [6, 8, 0.6],
    [8, 8, 1],
  ]);
  const rows = rowCost(readModelConfig(JSON.stringify(TINY), "tiny").model!);
  expect(rows(4096) / rows(2048)).toBeGreaterThan(3);
  expect(rows(512) / rows(256)).toBeLessThan(2.5);
  // Windows that there is no text for are done with.
  const windows = async (length: number) => (length === 64 ? [] : [new Int32Array(length + 1)]);
  const perplexity = { files: [], source: "text", lengths: [64, 128], samples: 1 };
  const last: WorkDone[] = [];
  await perplexityByPosition(perplexity, { ...options, maxTokens: 256, windows, progress: (done) => last.push(done) });
  expect(last).toEqual([{ done: 2, total: 2, part: 1 }]);
});

/** The model of the quickstart. */
const TINY = {
  ...{ model_type: "llama", vocab_size: 1024, hidden_size: 128, intermediate_size: 384, num_hidden_layers: 3 },
  ...{ num_attention_heads: 4, max_position_embeddings: 256, rope_theta: 10000 },
};

test("engines that share an evaluation change nothing but its time, whoever is slow", async () => {
  const settings = { lengths: [16, 32], depths: [0, 0.5, 1], samples: 5, haystack: "text", digits: 2 };
  const sample = async (length: number, depth: number, number: number) => {
    const ids = Int32Array.from({ length }, (_, t) => (t * (number + 3)) % 11);
    ids[length - 1] = (number + Math.round(2 * depth)) % 3 === 0 ? 7 : 3;
    return { ids, from: length - 1, to: length };
  };
  const perplexity = { files: [], source: "text", lengths: [24, 128], samples: 9 };
  const windows = async (length: number, count: number) =>
    Array.from({ length: count }, (_, k) => Int32Array.from({ length: length + 1 }, (_, t) => (t * t + k) % 17));
  /** A loss that no two orders add up to alike. */
  const late = (milliseconds: number) => ({
    score: async (batch: NativeBatch): Promise<NativeScore> => {
      await new Promise((wake) => setTimeout(wake, milliseconds));
      const { nll, correct } = await knowsSeven.score(batch);
      return { nll: nll.map((x, t) => x * Math.fround(1 / 3) + batch.ids[t]! * 1e-7), correct };
    },
  });
  const both = async (delays: number[]) => {
    const options = { ...quiet, engines: delays.map(late), maxTokens: 40 };
    const { cells } = await needleMap(settings, { ...options, sample });
    const { lengths } = await perplexityByPosition(perplexity, { ...options, maxTokens: 130, windows });
    return { cells, lengths };
  };
  const alone = await both([0]);
  for (const delays of [
    [5, 0],
    [0, 3, 1, 2],
    [9, 0, 0, 0, 0, 0, 0, 0],
  ])
    expect(await both(delays)).toEqual(alone);
  // The first failure ends it, once those that had begun are done.
  let running = 0;
  let asked = 0;
  const failing = {
    score: async (batch: NativeBatch): Promise<NativeScore> => {
      asked++;
      running++;
      await new Promise((wake) => setTimeout(wake, 2 * asked));
      running--;
      if (asked > 2) throw new Error("no more");
      return knowsSeven.score(batch);
    },
  };
  const options = { ...quiet, engines: [failing, failing, failing], maxTokens: 40, sample };
  await expect(needleMap(settings, options)).rejects.toThrow("no more");
  expect(running).toBe(0);
  expect(asked).toBeLessThan(7);
});

test("perplexity by position puts each token into its bucket", async () => {
  expect(bucketEdges(200)).toEqual([0, 64, 128, 200]);
  expect(bucketEdges(64)).toEqual([0, 64]);
  const result = await perplexityByPosition(
    { files: [], source: "text", lengths: [128], samples: 3 },
    {
      engines: [knowsSeven],
      maxTokens: 256,
      windows: async (length) => [new Int32Array(length + 1), new Int32Array(length + 1)],
      ...quiet,
    },
  );
  const [at] = result.lengths;
  // The cost of a token is its position: 0 … 127.
  expect(at).toMatchObject({ length: 128, windows: 2, tokens: 256, nll: 63.5 });
  expect(at!.buckets.map(({ from, to, tokens, nll, error }) => [from, to, tokens, nll, error])).toEqual([
    [0, 64, 128, 31.5, 0],
    [64, 128, 128, 95.5, 0],
  ]);
});

test("a gate looks at the weakest length within the stage's own", async () => {
  const cell = (length: number, correct: number) => ({ length, depth: 0, ...share(correct, 10) });
  const needle = {
    settings: { lengths: [16, 32, 64], depths: [0], samples: 10, haystack: "text", digits: 2 },
    cells: [cell(16, 10), cell(32, 9), cell(64, 0)],
    lengths: [cell(16, 10), cell(32, 9), cell(64, 0)],
    overall: share(19, 30),
    seconds: 0,
  };
  const gate = { needle: 0.95, perplexity: null, otherwise: "stop" as const };
  expect(checkGate(gate, 16, needle, null).passed).toBe(true);
  expect(checkGate(gate, 32, needle, null)).toMatchObject({
    passed: false,
    reasons: [expect.stringContaining("90.0% at 32 tokens")],
  });
  expect(checkGate({ ...gate, perplexity: 20 }, 16, needle, null)).toMatchObject({ passed: false });
  // Short windows have a worse perplexity, and say nothing about the stage's length.
  const window = (length: number, perplexity: number) => ({
    length,
    windows: 1,
    tokens: length,
    nll: Math.log(perplexity),
    perplexity,
    buckets: [],
  });
  const perplexity = {
    settings: { files: [], source: "text", lengths: [16, 32, 64], samples: 1 },
    lengths: [window(16, 21), window(32, 19), window(64, 90)],
    seconds: 0,
  };
  expect(checkGate({ ...gate, needle: null, perplexity: 20 }, 32, null, perplexity)).toMatchObject({
    passed: true,
    reasons: ["perplexity 19.00 over windows of 32 tokens, at most 20 asked for"],
  });
  expect(checkGate({ ...gate, needle: null, perplexity: 18 }, 32, null, perplexity).passed).toBe(false);
});
