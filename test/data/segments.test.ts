import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../runtime/data/random.ts";
import { IGNORE, KIND } from "../../runtime/data/row.ts";
import { segmentRow } from "../../runtime/data/segments.ts";

describe("copy rows", () => {
  test("every target follows the same token as somewhere before, and stays in the segment", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 300 }),
        fc.integer({ min: 2, max: 24 }),
        fc.integer({ min: 0, max: 8 }),
        fc.integer(),
        (length, longest, gap, seed) => {
          // A vocabulary so large that chance repeats are out of the question.
          const row = segmentRow(length, 1_000_000_000, [2, longest], gap, Random.of(seed));
          let targets = 0;
          for (let t = 0; t < length; t++) {
            const target = row.targets[t]!;
            expect(row.weights[t]).toBe(target === IGNORE ? 0 : 1);
            expect(row.kinds[t]).toBe(target === IGNORE ? KIND.text : KIND.answer);
            if (target === IGNORE) continue;
            targets++;
            expect(target).toBe(row.ids[t + 1]);
            const seen = row.ids.indexOf(row.ids[t]!);
            expect(seen).toBeLessThan(t);
            expect(row.ids[seen + 1]).toBe(target);
          }
          expect(targets).toBeGreaterThan(0);
        },
      ),
    );
  });

  test("gaps vary, so no fixed distance predicts a repeat", () => {
    const row = segmentRow(256, 1_000_000_000, [6, 6], 8, Random.of("gaps"));
    const distances = new Set<number>();
    for (let t = 0; t < 256; t++) if (row.weights[t]) distances.add(t - row.ids.lastIndexOf(row.ids[t]!, t - 1));
    expect(distances.size).toBeGreaterThan(3);
  });

  test("a row too short for a repeat is refused", () => {
    expect(() => segmentRow(32, 100, [16, 16], 8, Random.of(1))).toThrow(/need 48 tokens, but a row has 32/);
  });
});
