import fc from "fast-check";
import { expect, test } from "vitest";
import { Random } from "../../runtime/data/random.ts";

test("xoshiro128**: the first outputs from state 1, 2, 3, 4 by hand and by the reference implementation", () => {
  const random = new Random(Uint32Array.of(1, 2, 3, 4));
  // rotl(2 × 5, 7) × 9 = 11520; then s1 = 0 gives 0.
  expect([random.next(), random.next(), random.next(), random.next()]).toEqual([11520, 0, 5927040, 70819200]);
});

test("the same parts give the same numbers, different parts different ones", () => {
  expect(Random.of(1, "a", 2).next()).toBe(Random.of(1, "a", 2).next());
  const firsts = new Set<number>();
  for (let seed = 0; seed < 10; seed++)
    for (let row = 0; row < 1000; row++) firsts.add(Random.of(seed, "row", row).next());
  expect(firsts.size).toBeGreaterThan(9_990);
});

test("between is uniform and within bounds", () => {
  const random = Random.of("uniform");
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 20_000; i++) counts[random.between(3, 12) - 3]++;
  // Chi-square with 9 degrees of freedom: 27.9 is the 0.1% point.
  expect(counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9);
  // First draws of neighbouring rows must be independent too: each row has its own generator.
  const rows = new Array(10).fill(0);
  for (let row = 0; row < 20_000; row++) rows[Random.of(7, "synthetic", 0, "keys", row).between(0, 9)]++;
  expect(rows.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9);
});

test("permutations and samples", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 300 }), (seed, n) => {
      const order = Random.of(seed).permutation(n);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      const count = seed === 0 ? 0 : Math.abs(seed) % (n + 1);
      const sample = Random.of(seed).distinct(count, 5, 5 + n - 1);
      expect(new Set(sample).size).toBe(count);
      for (const [i, x] of sample.entries()) {
        expect(x >= 5 && x < 5 + n).toBe(true);
        if (i > 0) expect(x).toBeGreaterThan(sample[i - 1]!);
      }
    }),
  );
  expect(() => Random.of(1).between(3, 2)).toThrow(RangeError);
});
