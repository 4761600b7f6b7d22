import fc from "fast-check";
import { expect, test } from "vitest";
import { Documents } from "../../runtime/data/documents.ts";
import { Random } from "../../runtime/data/random.ts";
import type { TokenFile } from "../../runtime/data/token_file.ts";

/** Documents of these lengths whose tokens are numbered through, so that each shows where it comes from. */
function numbered(lengths: number[]): Documents {
  const offsets = Float64Array.from([0, ...lengths]);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  const read = (from: number, count: number) => Uint32Array.from({ length: count }, (_, i) => from + i);
  const file = { offsets, read } as unknown as TokenFile;
  return new Documents("the text", file, [...lengths.keys()], { bos: null, eos: null });
}

test("windows share no token, are as many as fit, and stay within a document where all can", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(),
      (lengths, length, count, seed) => {
        const total = lengths.reduce((a, b) => a + b);
        fc.pre(total >= length);
        const windows = numbered(lengths).windows(length, count, Random.of(seed));
        expect(windows.length).toBe(Math.min(count, Math.floor(total / length)));
        for (const window of windows) {
          expect(window.length).toBe(length);
          for (const [t, token] of window.entries()) expect(token).toBe(window[0]! + t);
        }
        const tokens = windows.flatMap((window) => [...window]);
        expect(new Set(tokens).size).toBe(tokens.length);
        const within = lengths.reduce((sum, n) => sum + Math.floor(n / length), 0) >= count;
        const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b));
        const document = (token: number) => ends.findIndex((end) => token < end);
        if (within) for (const window of windows) expect(document(window[0]!)).toBe(document(window.at(-1)!));
      },
    ),
  );
});

test("windows are drawn from all of the text, the same for the same seed", () => {
  const documents = numbered([1000]);
  const first = (seed: number) => documents.windows(10, 5, Random.of(seed))[0]![0];
  expect(first(1)).toBe(first(1));
  const starts = new Set(Array.from({ length: 200 }, (_, seed) => documents.windows(10, 1, Random.of(seed))[0]![0]!));
  expect(Math.min(...starts)).toBeLessThan(30);
  expect(Math.max(...starts)).toBeGreaterThan(960);
});

test("text that is shorter than one window is refused", () => {
  expect(() => numbered([3, 4]).windows(8, 2, Random.of(1))).toThrow(/the text has 7 tokens of text, fewer than the 8/);
});
