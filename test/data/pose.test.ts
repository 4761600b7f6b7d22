import fc from "fast-check";
import { expect, test } from "vitest";
import { posePositions } from "../../runtime/data/pose.ts";
import { Random } from "../../runtime/data/random.ts";

/** Where positions jump, and by how much in all so far. */
function jumps(positions: Int32Array): { at: number; skip: number }[] {
  const found = [];
  for (let t = 1; t < positions.length; t++)
    if (positions[t]! - positions[t - 1]! !== 1) found.push({ at: t, skip: positions[t]! - t });
  return found;
}

test("positions ascend from 0, stay below the context, and jump at most chunks - 1 times", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 64 }),
      fc.nat(1000),
      fc.integer({ min: 1, max: 8 }),
      fc.integer(),
      (length, more, k, seed) => {
        const chunks = Math.min(k, length);
        const positions = posePositions(length, length + more, chunks, Random.of(seed));
        expect(positions[0]).toBe(0);
        for (let t = 1; t < length; t++) expect(positions[t]!).toBeGreaterThan(positions[t - 1]!);
        expect(positions[length - 1]!).toBeLessThan(length + more);
        const found = jumps(positions);
        expect(found.length).toBeLessThan(chunks);
        if (chunks === 2 && found[0]) expect(found[0].at).toBeLessThanOrEqual((length + 1) >> 1);
      },
    ),
  );
});

test("two chunks: cut and skip take every value the authors' sampling can give, uniformly", () => {
  // Lc = 8, Lt = 32: cut in 1 … 4 (randint(1, (8 + 1) // 2)), skip in 0 … 24.
  const cuts = new Map<number, number>();
  const skips = new Array(25).fill(0);
  const n = 25_000;
  for (let i = 0; i < n; i++) {
    const positions = posePositions(8, 32, 2, Random.of(i));
    skips[positions[7]! - 7]++;
    for (const { at } of jumps(positions)) cuts.set(at, (cuts.get(at) ?? 0) + 1);
  }
  expect([...cuts.keys()].sort()).toEqual([1, 2, 3, 4]);
  for (const count of cuts.values()) expect(Math.abs(count / n - 0.24)).toBeLessThan(0.015);
  // Chi-square with 24 degrees of freedom: 51.2 is the 0.1% point.
  expect(skips.reduce((sum, c) => sum + (c - n / 25) ** 2 / (n / 25), 0)).toBeLessThan(51.2);
});

test("the cut can be told to fall between two places", () => {
  for (let i = 0; i < 500; i++)
    for (const chunks of [2, 3, 5]) {
      const found = jumps(posePositions(40, 4000, chunks, Random.of(i), { from: 31, to: 33 })).map((j) => j.at);
      if (found.length === chunks - 1) expect(found.some((at) => at >= 31 && at <= 33)).toBe(true);
    }
  // An empty range is no wish.
  expect(posePositions(40, 4000, 2, Random.of(1), { from: 33, to: 31 })).toEqual(
    posePositions(40, 4000, 2, Random.of(1)),
  );
});

test("impossible requests are refused", () => {
  expect(() => posePositions(8, 4, 2, Random.of(1))).toThrow(
    "PoSE can't cut 8 tokens into 2 chunks within 4 positions",
  );
  expect(() => posePositions(4, 8, 5, Random.of(1))).toThrow("into 5 chunks");
});
