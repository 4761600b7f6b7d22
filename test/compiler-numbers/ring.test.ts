import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  divides,
  drawRing,
  hiddenFromTokens,
  legalRings,
  nearestLengths,
  nearestRing,
  type RingLayout,
  ringBalance,
  ringSchedule,
  ringTraffic,
  stepPairs,
} from "../../compiler/ring/index.ts";

const layout = fc.constantFrom<RingLayout>("zigzag", "contiguous");

/** A ring, a length that divides over it, and where documents begin. */
const ringed = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }), layout)
  .chain(([ring, size, kind]) => {
    const length = size * 2 * ring;
    return fc.record({
      ring: fc.constant(ring),
      length: fc.constant(length),
      layout: fc.constant(kind),
      documents: fc
        .uniqueArray(fc.integer({ min: 1, max: length }), { maxLength: 8 })
        .map((cuts) => [0, ...cuts.filter((cut) => cut < length).sort((a, b) => a - b)]),
    });
  });

describe("ring schedule", () => {
  test("computes every visible pair exactly once and no other", () => {
    fc.assert(
      fc.property(ringed, ({ ring, length, layout, documents }) => {
        const times = Array.from({ length }, () => new Array<number>(length).fill(0));
        for (const steps of ringSchedule({ ring, length, layout, documents })) {
          for (const { blocks } of steps) {
            for (const { queries, keys, causal } of blocks) {
              for (let q = queries.from; q < queries.to; q++) {
                for (let k = keys.from; k < (causal ? q + 1 : keys.to); k++) times[q]![k]!++;
              }
            }
          }
        }
        const visible = times.map((row, q) => {
          const begin = documents.findLast((cut) => cut <= q)!;
          return row.map((_, k) => (k >= begin && k <= q ? 1 : 0));
        });
        expect(times).toEqual(visible);
      }),
    );
  });

  test("each rank meets every source once, its own first", () => {
    fc.assert(
      fc.property(ringed, (options) => {
        for (const [rank, steps] of ringSchedule(options).entries()) {
          expect(steps[0]!.source).toBe(rank);
          expect(new Set(steps.map((step) => step.source)).size).toBe(options.ring);
        }
      }),
    );
  });

  test("zigzag without documents: all ranks have the same work at every step", () => {
    fc.assert(
      fc.property(ringed, ({ ring, length }) => {
        const schedule = ringSchedule({ ring, length, layout: "zigzag" });
        const chunk = length / (2 * ring);
        for (const steps of schedule) {
          for (const [t, step] of steps.entries()) {
            expect(stepPairs(step)).toBe(2 * chunk * chunk + (t === 0 ? chunk : 0));
          }
        }
        expect(ringBalance(schedule).efficiency).toBe(1);
        expect(ringBalance(schedule).pairs).toBe((length * (length + 1)) / 2);
      }),
    );
  });

  test("contiguous wastes almost half", () => {
    const { efficiency } = ringBalance(ringSchedule({ ring: 8, length: 8192, layout: "contiguous" }));
    expect(efficiency).toBeCloseTo(9 / 16, 1);
  });

  test("a length that does not divide is refused", () => {
    expect(() => ringSchedule({ ring: 48, length: 1048576, layout: "zigzag" })).toThrow(/96 chunks/);
  });
});

describe("legal sizes", () => {
  test("1Mi over 48 ranks", () => {
    expect(nearestRing(1048576, 48, 512, "zigzag")).toBe(32);
    expect(nearestLengths(1048576, 48, "zigzag")).toEqual({ below: 1048512, above: 1048608 });
    expect(legalRings(96, 50, "zigzag")).toEqual([1, 2, 3, 4, 6, 8, 12, 16, 24, 48]);
    expect(nearestLengths(5, 48, "zigzag")).toEqual({ below: null, above: 96 });
    expect(nearestRing(7, 4, 8, "zigzag")).toBeNull();
  });

  test("nearest values are legal and nothing legal is nearer", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 64 }), layout, (length, ring, kind) => {
        const { below, above } = nearestLengths(length, ring, kind);
        for (const legal of [below, above]) expect(legal === null || divides(legal, ring, kind)).toBe(true);
        expect((below ?? 0) <= length && length <= above && above - (below ?? 0) <= 2 * ring).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

test("traffic and where it hides (Llama 3 8B)", () => {
  expect(ringTraffic(1, 8192, 2048, 2)).toEqual({ forward: 0, backward: 0 });
  const { forward, backward } = ringTraffic(8, 8192, 2048, 2);
  expect(forward).toBe(7 * 2 * 8192 * 1024 * 2);
  expect(backward).toBe(forward + 8 * 2 * 8192 * 1024 * 4);
  const shape = { keyValues: 2 * 8 * 128, pairFlops: 4 * 32 * 128 };
  expect(hiddenFromTokens(shape, 2, 600e12, 400e9)).toBe(750);
  expect(hiddenFromTokens(shape, 2, 600e12, 50e9)).toBe(6000);
});

test("drawing", () => {
  expect(drawRing({ ring: 2, length: 64, layout: "zigzag" })).toBe(
    [
      "zigzag ring of 2: step at which each block of the mask is computed",
      "  queries     keys 0  1  2  3",
      "  0  rank 0        0",
      "  1  rank 1        1  0",
      "  2  rank 1        1  0  0",
      "  3  rank 0        0  1  1  0",
    ].join("\n"),
  );
  expect(drawRing({ ring: 2, length: 64, layout: "zigzag", documents: [0, 32] })).toContain("2  rank 1        .  .  0");
  expect(() => drawRing({ ring: 19, length: 38, layout: "zigzag" })).toThrow(/too large/);
});
