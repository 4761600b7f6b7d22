import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  baseFrequencies,
  classifyPairs,
  criticalBase,
  float32AngleError,
  float32AngleErrorAt,
  type JsonObject,
  obtainableLength,
  readHuggingFaceRope,
  ropeTable,
  similarity,
} from "../../compiler/rope/index.ts";

const dims = fc.constantFrom(8, 16, 32, 64, 80, 128);
const thetas = fc.double({ min: 100, max: 1e8, noNaN: true });
const contexts = fc.integer({ min: 16, max: 100_000 });
const scales = fc.double({ min: 1, max: 64, noNaN: true });
/** Any table at all: frequencies from 0 to π, in any order. */
const tables = (pairs: number) =>
  fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: Math.PI, noNaN: true })), {
    minLength: pairs,
    maxLength: pairs,
  });

describe("what a table does to trained pairs", () => {
  test("every pair has one class, and the counts are those of the classes", () => {
    fc.assert(
      fc.property(tables(16), tables(16), contexts, contexts, (trained, stage, context, length) => {
        const pairs = classifyPairs(trained, context, stage, length);
        expect(pairs.classes).toHaveLength(16);
        for (const name of ["unchanged", "interpolated", "raised", "extrapolated", "stopped"] as const) {
          expect(pairs[name]).toBe(pairs.classes.filter((entry) => entry === name).length);
        }
        const { unchanged, interpolated, raised, extrapolated, stopped } = pairs;
        expect(unchanged + interpolated + raised + extrapolated + stopped).toBe(16);
      }),
    );
  });

  test("by the angles themselves: a pair is extrapolated when it reaches one that training did not show", () => {
    fc.assert(
      fc.property(
        tables(12),
        tables(12),
        fc.integer({ min: 2, max: 400 }),
        fc.integer({ min: 2, max: 400 }),
        (trained, stage, context, length) => {
          const { classes, furthest, unfinished, unfinished_before } = classifyPairs(trained, context, stage, length);
          let worst = 1;
          classes.forEach((entry, i) => {
            // Continuous positions: the arc that a pair passes through within its context.
            const seen = trained[i]! * context;
            const reached = stage[i]! * length;
            const newAngle = seen < 2 * Math.PI && reached > seen * (1 + 1e-6);
            expect(entry === "extrapolated", `pair ${i}`).toBe(newAngle);
            if (newAngle && seen > 0) worst = Math.max(worst, reached / seen);
            if (entry === "stopped") expect([stage[i], trained[i]! > 0]).toEqual([0, true]);
            if (entry === "interpolated") expect(stage[i]).toBeLessThan(trained[i]!);
            if (entry === "raised") expect(stage[i]).toBeGreaterThan(trained[i]!);
          });
          expect(furthest).toBeCloseTo(worst, 9);
          expect(unfinished).toBe(stage.filter((frequency) => frequency * length < 2 * Math.PI).length);
          expect(unfinished_before).toBe(trained.filter((frequency) => frequency * context < 2 * Math.PI).length);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a table that is kept within its length changes nothing", () => {
    fc.assert(
      fc.property(thetas, dims, contexts, fc.double({ min: 0.01, max: 1, noNaN: true }), (theta, d, context, share) => {
        const table = baseFrequencies(theta, d);
        const pairs = classifyPairs(table, context, table, Math.max(1, Math.floor(context * share)));
        expect(pairs.unchanged).toBe(d / 2);
        expect(pairs.furthest).toBe(1);
      }),
    );
  });

  test("linear interpolation by the scale, and the critical base, extrapolate no pair; half of that does", () => {
    fc.assert(
      fc.property(thetas, dims, contexts, scales, (theta, d, context, scale) => {
        const trained = baseFrequencies(theta, d);
        const length = context * scale;
        const linear = ropeTable({ method: "linear", theta, d, factor: scale }).inv_freq;
        const pairs = classifyPairs(trained, context, linear, length);
        expect(pairs.extrapolated).toBe(0);
        expect(pairs.interpolated + pairs.unchanged).toBe(d / 2);
        expect(pairs.unfinished).toBe(pairs.unfinished_before);
        const critical = criticalBase(theta, context, length);
        if (Number.isFinite(critical) && context > 7) {
          const table = baseFrequencies(critical * (1 + 1e-6), d);
          expect(classifyPairs(trained, context, table, length).extrapolated).toBe(0);
        }
        if (scale > 2 && pairs.unfinished_before > 0) {
          const short = ropeTable({ method: "linear", theta, d, factor: scale / 2 }).inv_freq;
          const { extrapolated, furthest } = classifyPairs(trained, context, short, length);
          expect(extrapolated).toBe(pairs.unfinished_before);
          expect(furthest).toBeCloseTo(2, 6);
        }
      }),
    );
  });

  test("what is extrapolated at a length is so at every longer one, and turns further", () => {
    fc.assert(
      fc.property(tables(16), tables(16), contexts, contexts, scales, (trained, stage, context, length, more) => {
        const near = classifyPairs(trained, context, stage, length);
        const far = classifyPairs(trained, context, stage, length * more);
        near.classes.forEach((entry, i) => {
          if (entry === "extrapolated") expect(far.classes[i]).toBe("extrapolated");
        });
        expect(far.furthest).toBeGreaterThanOrEqual(near.furthest);
        expect(far.unfinished).toBeLessThanOrEqual(near.unfinished);
      }),
    );
  });

  test("transformers' own tables: those that scale by their lengths' ratio leave no pair outside", () => {
    interface Case {
      name: string;
      head_dim: number;
      max_position_embeddings: number;
      rope_parameters: JsonObject;
      forward_at: number | null;
      inv_freq_ref: number[];
    }
    const golden: { cases: Case[] } = JSON.parse(
      readFileSync(new URL("../golden/rope_golden.json", import.meta.url), "utf8"),
    );
    let looked = 0;
    for (const { name, head_dim: d, rope_parameters: parameters, inv_freq_ref: table } of golden.cases) {
      const original = parameters.original_max_position_embeddings;
      const { factor, rope_type: type, rope_theta: theta } = parameters;
      if (type !== "yarn" || typeof original !== "number" || typeof factor !== "number") continue;
      const trained = baseFrequencies(Number(theta), d);
      const pairs = classifyPairs(trained, original, table, original * factor);
      // YaRN's ramp ends at the first whole pair that makes no turn; with truncate = false a little before it.
      expect(pairs.extrapolated, name).toBeLessThanOrEqual(parameters.truncate === false ? 1 : 0);
      expect(pairs.unfinished, name).toBe(pairs.unfinished_before);
      const { rope } = readHuggingFaceRope(
        { rope_parameters: parameters, max_position_embeddings: original * factor },
        d,
        original * factor,
      );
      expect(classifyPairs(trained, original, rope!.inv_freq, original * factor).classes, name).toEqual(pairs.classes);
      looked++;
    }
    expect(looked).toBeGreaterThan(8);
  });
});

describe("obtainable length of any table", () => {
  const brute = (table: readonly number[], limit: number) => {
    let length = 0;
    while (length < limit && similarity(table, length + 1) >= 0) length++;
    return length;
  };

  test("is what trying every distance gives, whatever the table", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }).chain(tables), (table) => {
        expect(obtainableLength(table, 3000)).toBe(brute(table, 3000));
      }),
      { numRuns: 200 },
    );
  });

  test("of scaled tables", () => {
    const spec = fc.oneof(
      fc.record({
        method: fc.constant("yarn" as const),
        betaFast: fc.constantFrom(4, 8, 32),
        betaSlow: fc.constantFrom(0.5, 1, 2),
      }),
      fc.record({
        method: fc.constant("llama3" as const),
        lowFreqFactor: fc.constantFrom(1, 2),
        highFreqFactor: fc.constantFrom(2, 4, 8),
      }),
      fc.record({ method: fc.constant("linear" as const) }),
    );
    fc.assert(
      fc.property(spec, thetas, dims, fc.constantFrom(2, 8, 16), (part, theta, d, factor) => {
        const table = ropeTable({ ...part, theta, d, factor, original: 512 } as Parameters<
          typeof ropeTable
        >[0]).inv_freq;
        expect(obtainableLength(table, 20_000)).toBe(brute(table, 20_000));
      }),
      { numRuns: 60 },
    );
  });

  test("a search that would take too long finds nothing wrong, and leaves nothing for the next", () => {
    const table = baseFrequencies(10_000, 128);
    expect(obtainableLength(table, 4096)).toBe(1706);
    const budget = { left: 64 * 100 };
    expect(obtainableLength(table, 4096, budget)).toBe(4096);
    expect(obtainableLength(table, 4096, budget)).toBe(4096);
    expect(obtainableLength(table, 4096, { left: 64 * 1000 })).toBe(1706);
  });

  test("is found in few evaluations for the largest published tables", () => {
    const table = ropeTable({
      method: "yarn",
      theta: 500_000,
      d: 128,
      factor: 512,
      original: 8192,
      betaFast: 4,
    }).inv_freq;
    // Cosines: one for each pair at every 57th distance, where all of them would be 158 million.
    expect(obtainableLength(table, 4_194_304, { left: 3_000_000 })).toBe(2_476_532);
  });
});

describe("float32 angles carried out", () => {
  // Measured with transformers' float32 code against 80-bit angles, last 4096 positions before each length.
  test.each([
    [500_000, 131072, 9.34e-3],
    [500_000, 1048576, 7.48e-2],
    [500_000, 4194304, 2.99e-1],
    [500_000, 16777216, 1.2],
    [45218125210, 131072, 6.65e-3],
    [45218125210, 1048576, 5.33e-2],
    [45218125210, 4194304, 2.13e-1],
  ])("theta %d at %d", (theta, length, measured) => {
    const table = { theta, inv_freq: baseFrequencies(theta, 128) };
    expect(float32AngleErrorAt(table, length, 0) / measured).toBeCloseTo(1, 1);
    expect(float32AngleErrorAt(table, length, 0)).toBeLessThanOrEqual(float32AngleError(table.inv_freq, length));
  });
});
