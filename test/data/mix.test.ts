import fc from "fast-check";
import { expect, test } from "vitest";
import { dealRows } from "../../runtime/data/mix.ts";

const shares = fc
  .array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.map((p) => p / parts.reduce((a, b) => a + b)));

test("every source stays within its share of the rows dealt so far, to within the number of sources", () => {
  fc.assert(
    fc.property(shares, fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 8 }), (parts, steps, sequences) => {
      const plan = dealRows(
        parts.map((share, k) => ({ name: `s${k}`, share, synthetic: false })),
        steps,
        sequences,
      );
      const seen = parts.map(() => 0);
      for (let row = 0; row < steps * sequences; row++) {
        const k = plan.source[row]!;
        expect(plan.ordinal[row]).toBe(seen[k]!++);
        for (const [j, share] of parts.entries())
          expect(Math.abs(seen[j]! - share * (row + 1))).toBeLessThan(parts.length);
      }
      expect(seen).toEqual(plan.rows);
      // Over the stage: exact to one row, and for two sources to the nearest row.
      for (const [j, share] of parts.entries())
        expect(Math.abs(seen[j]! - share * steps * sequences)).toBeLessThanOrEqual(
          parts.length === 2 ? 0.5 + 1e-6 : parts.length - 1,
        );
    }),
  );
});

test("a synthetic source owed half a row a step is in every step, and no more often than that unless owed", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 32 }),
      fc.double({ min: 0.02, max: 0.9, noNaN: true }),
      (sequences, share) => {
        const steps = 50;
        const mix = [
          { name: "text", share: 1 - share, synthetic: false },
          { name: "keys", share, synthetic: true },
        ];
        const plan = dealRows(mix, steps, sequences);
        const perStep = Array.from(
          { length: steps },
          (_, s) => plan.source.subarray(s * sequences, (s + 1) * sequences).filter((k) => k === 1).length,
        );
        if (share * sequences >= 0.5) expect(Math.min(...perStep)).toBeGreaterThanOrEqual(1);
        const owed = share * sequences >= 0.5 ? Math.max(share * sequences, 1) : share * sequences;
        expect(Math.abs(plan.rows[1]! - owed * steps)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("one row a step: shares hold over the steps, nothing is starved", () => {
  const plan = dealRows(
    [
      { name: "text", share: 0.15, synthetic: false },
      { name: "keys", share: 0.85, synthetic: true },
    ],
    40,
    1,
  );
  expect(plan.rows).toEqual([6, 34]);
});
