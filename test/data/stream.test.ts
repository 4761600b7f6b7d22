import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlanDataset } from "../../runtime/data/data.ts";
import type { Row } from "../../runtime/data/row.ts";
import { IGNORE, KIND } from "../../runtime/data/row.ts";
import type { StepBatch } from "../../runtime/data/stream.ts";
import { filesSource, plan, stage, syntheticSource, temporaryFolder, writeTexts } from "./fixture.ts";

const folder = temporaryFolder();
writeTexts(folder, 23, (d) => 10 + ((d * 37) % 90));
const texts = filesSource("texts", ["*.txt"], { holdout_every: 5 });

/** Every number of a step, for comparing. */
function numbers(step: StepBatch): unknown {
  return step.microBatches.map(({ batch, kinds }) => [batch, kinds]);
}

function rowsOf(step: StepBatch, length: number): Row[] {
  return step.microBatches.flatMap(({ batch, kinds }) =>
    Array.from({ length: batch.ids.length / length }, (_, r) => {
      const part = <T extends { subarray(a: number, b: number): T }>(array: T) =>
        array.subarray(r * length, (r + 1) * length);
      return {
        ids: part(batch.ids),
        positions: part(batch.positions),
        starts: part(batch.starts).map((s) => s - r * length),
        targets: part(batch.targets),
        weights: Float64Array.from(part(batch.weights)),
        kinds: part(kinds),
      };
    }),
  );
}

describe("resume", () => {
  test("a step's batch is the same after a fresh open, in any order, and differs from other steps'", async () => {
    const stages = [
      stage({
        length: 128,
        steps: 9,
        sequences: 4,
        micro_batch: 2,
        mix: { texts: 0.7, keys: 0.3 },
        context: 512,
        chunks: 2,
      }),
      stage({ length: 256, steps: 5, sequences: 3, micro_batch: 1, mix: { texts: 0.5, keys: 0.5 } }),
    ];
    const p = plan({ sources: [texts, syntheticSource("keys", { repeats: 1 })], stages });
    const first = await PlanDataset.open(p, folder);
    const all: unknown[][] = [];
    for (const [i, s] of stages.entries()) {
      all.push([]);
      for (let step = 0; step < s.steps; step++) all[i]!.push(numbers(await first.stage(i).batch(step)));
    }
    first.close();
    expect(new Set(all.flat().map((b) => JSON.stringify(b))).size).toBe(14);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1 }), fc.nat(), async (i, n) => {
        const again = await PlanDataset.open(p, folder);
        const step = n % stages[i]!.steps;
        expect(numbers(await again.stage(i).batch(step))).toEqual(all[i]![step]);
        again.close();
      }),
      { numRuns: 10 },
    );
    const other = await PlanDataset.open({ ...p, seed: 2 }, folder);
    expect(numbers(await other.stage(0).batch(0))).not.toEqual(all[0]![0]);
    other.close();
  });

  test("a step outside the stage is refused", async () => {
    const data = await PlanDataset.open(
      plan({ sources: [texts], stages: [stage({ length: 32, steps: 2, sequences: 1, mix: { texts: 1 } })] }),
      folder,
    );
    await expect(data.stage(0).batch(2)).rejects.toThrow("steps 0 … 1");
    data.close();
  });
});

describe("packing", () => {
  test("over an epoch every token is an input once, and all but each document's first are targets once", async () => {
    for (const documents of ["mask", "join"] as const)
      for (const length of [32, 57, 200]) {
        const open = async (steps: number) => {
          const stages = [stage({ length, steps, sequences: 2, micro_batch: 1, mix: { texts: 1 } })];
          return PlanDataset.open(plan({ sources: [texts], stages, documents }), folder);
        };
        const probe = await open(1);
        const { train } = probe.sources.get("texts")!;
        const steps = Math.ceil(train.tokens / (2 * length));
        const data = await open(steps);
        const inputs: number[] = [];
        const targets: number[] = [];
        for (let step = 0; step < steps; step++)
          for (const row of rowsOf(await data.stage(0).batch(step), length))
            for (let t = 0; t < length && inputs.length < train.tokens; t++) {
              inputs.push(row.ids[t]!);
              if (row.targets[t] !== IGNORE) targets.push(row.targets[t]!);
              // Within a document, a target is the next input.
              if (t + 1 < length && row.targets[t] !== IGNORE) expect(row.ids[t + 1]).toBe(row.targets[t]);
            }
        const expected = Array.from({ length: train.count }, (_, i) => [...train.read(i)]);
        expect(inputs.sort()).toEqual(expected.flat().sort());
        expect(targets.sort()).toEqual(expected.flatMap((d) => d.slice(1)).sort());
        probe.close();
        data.close();
      }
  });

  test("mask: a token sees its own document only, and positions restart there; join: the row is one sequence", async () => {
    const stages = [stage({ length: 300, steps: 4, sequences: 2, mix: { texts: 1 } })];
    const masked = await PlanDataset.open(plan({ sources: [texts], stages, documents: "mask" }), folder);
    const joined = await PlanDataset.open(plan({ sources: [texts], stages, documents: "join" }), folder);
    const { bos } = masked.tokenizer;
    for (let step = 0; step < 4; step++) {
      for (const row of rowsOf(await masked.stage(0).batch(step), 300)) {
        for (let t = 0; t < 300; t++) {
          // Documents begin with bos in this tokenizer and nothing else does.
          if (row.ids[t] === bos) expect(row.starts[t]).toBe(t);
          else expect(row.starts[t]).toBe(t === 0 ? 0 : row.starts[t - 1]);
          expect(row.positions[t]).toBe(t - row.starts[t]!);
          if (t > 0 && row.starts[t] !== row.starts[t - 1]) expect(row.targets[t - 1]).toBe(IGNORE);
        }
      }
      for (const row of rowsOf(await joined.stage(0).batch(step), 300)) {
        expect([...row.starts]).toEqual(Array(300).fill(0));
        expect(row.positions[299]).toBe(299);
      }
    }
    masked.close();
    joined.close();
  });

  test("overflow = drop leaves out documents longer than a row", async () => {
    const stages = [stage({ length: 150, steps: 30, sequences: 1, mix: { texts: 1 } })];
    const data = await PlanDataset.open(plan({ sources: [texts], stages, overflow: "drop" }), folder);
    const { train } = data.sources.get("texts")!;
    const short = Array.from({ length: train.count }, (_, i) => train.length(i)).filter((n) => n <= 150);
    expect(short.length).toBeGreaterThan(0);
    expect(short.length).toBeLessThan(train.count);
    // Two epochs of the short documents and nothing else.
    const seen: number[] = [];
    for (let step = 0; step < 30; step++) seen.push(...(await data.stage(0).batch(step)).microBatches[0]!.batch.ids);
    const epoch = short.reduce((a, b) => a + b);
    const sorted = (ids: number[]) => [...ids].sort((a, b) => a - b);
    const members = Array.from({ length: train.count }, (_, i) => [...train.read(i)]).filter(
      (ids) => ids.length <= 150,
    );
    expect(sorted(seen.slice(0, epoch))).toEqual(sorted(members.flat()));
    expect(sorted(seen.slice(epoch, 2 * epoch))).toEqual(sorted(members.flat()));
    data.close();
    const none = await PlanDataset.open(
      plan({
        sources: [texts],
        stages: [stage({ length: 8, steps: 1, sequences: 1, mix: { texts: 1 } })],
        overflow: "drop",
      }),
      folder,
    );
    expect(() => none.stage(0)).toThrow("source texts has no documents of at most 8 tokens");
    none.close();
  });

  test("a later stage goes on where the earlier one stopped", async () => {
    const part = (length: number, steps: number) => stage({ length, steps, sequences: 1, mix: { texts: 1 } });
    const whole = await PlanDataset.open(plan({ sources: [texts], stages: [part(64, 6)], documents: "join" }), folder);
    const split = await PlanDataset.open(
      plan({ sources: [texts], stages: [part(64, 2), part(128, 2)], documents: "join" }),
      folder,
    );
    const ids: number[] = [];
    for (let step = 0; step < 6; step++) ids.push(...(await whole.stage(0).batch(step)).microBatches[0]!.batch.ids);
    const again: number[] = [];
    for (const i of [0, 1])
      for (const step of [0, 1]) again.push(...(await split.stage(i).batch(step)).microBatches[0]!.batch.ids);
    expect(again).toEqual(ids);
    whole.close();
    split.close();
  });
});

test("overflow = drop: stages of different lengths repeat nothing before all was seen", async () => {
  const many = temporaryFolder();
  writeTexts(many, 90, (d) => 4 + ((d * 37) % 90));
  const stages = [200, 500, 300].map((length) => stage({ length, steps: 2, sequences: 1, mix: { texts: 1 } }));
  const data = await PlanDataset.open(plan({ sources: [texts], stages, overflow: "drop" }), many);
  const { train } = data.sources.get("texts")!;
  const documents = Array.from({ length: train.count }, (_, i) => train.read(i).join());
  const short = documents.filter((_, i) => train.length(i) <= 200);
  expect(short.length).toBeLessThan(documents.length);
  expect(short.join().split(",").length).toBeGreaterThan(2000);
  // Documents begin with bos in this tokenizer and nothing else does; one that begins in a row may go on in the next.
  const came: string[] = [];
  for (const [i, { length }] of stages.entries()) {
    for (const step of [0, 1]) {
      const [row] = rowsOf(await data.stage(i).batch(step), length);
      for (const id of row!.ids) {
        if (id === data.tokenizer.bos) came.push(String(id));
        else came.push(`${came.pop()},${id}`);
      }
    }
  }
  const whole = came.filter((text) => documents.includes(text));
  expect(whole.length).toBeGreaterThan(5);
  expect(new Set(whole).size).toBe(whole.length);
  data.close();
});

describe("holdout", () => {
  test("held-out documents are never trained on, and never lie in a haystack", async () => {
    const special = temporaryFolder();
    // A word of its own in each document; every fifth is held out.
    writeTexts(special, 20, () => 40);
    const stages = [stage({ length: 200, steps: 20, sequences: 2, mix: { texts: 0.5, keys: 0.5 } })];
    const sources = [filesSource("texts", ["*.txt"], { holdout_every: 5 }), syntheticSource("keys", {})];
    const data = await PlanDataset.open(plan({ sources, stages }), special);
    const source = data.sources.get("texts")!;
    expect([source.train.count, source.holdout.count]).toEqual([16, 4]);
    const heldOut = await Promise.all([0, 1, 2, 3].map((i) => data.tokenizer.decode(source.holdout.read(i), true)));
    expect(heldOut.map((t) => /d(\d+)w/.exec(t)![1])).toEqual(["2", "7", "12", "17"]);
    for (let step = 0; step < 20; step++)
      for (const row of rowsOf(await data.stage(0).batch(step), 200)) {
        const text = await data.tokenizer.decode(row.ids, true);
        expect(text).not.toMatch(/ d(2|7|12|17)w/);
      }
    data.close();
  });
});

describe("weights", () => {
  test("add up to 1 over a step's micro batches, and are 0 exactly where there is no target", async () => {
    const stages = [stage({ length: 160, steps: 6, sequences: 6, micro_batch: 4, mix: { texts: 0.5, keys: 0.5 } })];
    const sources = [texts, syntheticSource("keys", { answer_weight: 7, text_weight: 0.5 })];
    const data = await PlanDataset.open(plan({ sources, stages }), folder);
    for (let step = 0; step < 6; step++) {
      const { microBatches, tokens } = await data.stage(0).batch(step);
      expect(microBatches.map((m) => m.batch.ids.length)).toEqual([640, 320]);
      expect(tokens).toBe(960);
      let sum = 0;
      for (const { batch } of microBatches)
        for (const [t, w] of batch.weights.entries()) {
          sum += w;
          expect(w > 0).toBe(batch.targets[t] !== IGNORE);
        }
      expect(sum).toBeCloseTo(1, 5);
    }
    data.close();
  });
});

describe("PoSE rows", () => {
  test("text rows skip within the context; the skip of a question row lies between needle and last question", async () => {
    const stages = [
      stage({ length: 160, steps: 40, sequences: 2, mix: { texts: 0.5, keys: 0.5 }, context: 2048, chunks: 2 }),
    ];
    const data = await PlanDataset.open(
      plan({ sources: [texts, syntheticSource("keys", { at_end: 1 })], stages }),
      folder,
    );
    let far = 0;
    for (let step = 0; step < 40; step++)
      for (const row of rowsOf(await data.stage(0).batch(step), 160)) {
        let cuts = 0;
        for (let t = 1; t < 160; t++) {
          expect(row.positions[t]!).toBeGreaterThan(row.positions[t - 1]!);
          if (row.positions[t]! - row.positions[t - 1]! > 1) cuts++;
        }
        expect(row.positions[0]).toBe(0);
        expect(row.positions[159]!).toBeLessThan(2048);
        expect(cuts).toBeLessThanOrEqual(1);
        if (!row.kinds.includes(KIND.answer)) continue;
        const needle = row.kinds.lastIndexOf(KIND.prompt);
        const question = row.kinds.indexOf(KIND.answer);
        const stretch = row.positions[question]! - row.positions[needle]! - (question - needle);
        expect(stretch).toBe(row.positions[159]! - 159);
        if (stretch > 1000) far++;
      }
    expect(far).toBeGreaterThan(8);
    data.close();
  });

  test("copy rows begin at position 0 and are cut anywhere", async () => {
    const stages = [stage({ length: 160, steps: 30, sequences: 2, mix: { copies: 1 }, context: 2048, chunks: 2 })];
    const data = await PlanDataset.open(
      plan({ sources: [texts, syntheticSource("copies", { kind: "copy" })], stages }),
      folder,
    );
    for (let step = 0; step < 30; step++)
      for (const { positions } of rowsOf(await data.stage(0).batch(step), 160)) {
        expect(positions[0]).toBe(0);
        expect(positions[159]!).toBeLessThan(2048);
      }
    data.close();
  });
});
