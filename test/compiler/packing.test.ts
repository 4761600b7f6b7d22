import { expect, test } from "vitest";
import { causalPairs, packedPairs } from "../../compiler/cost/index.ts";
import { bytesPerToken } from "../../compiler/survey/index.ts";
import { planOf, tinyFiles } from "./recipes.ts";

const model = 'model { from = "models/tiny" }\n';
const stage = "stage a { length = 4Ki  steps = 10  batch = 2 }\n";

/** Texts of a few hundred tokens each. */
const short = Object.fromEntries(Array.from({ length: 40 }, (_, k) => [`short/${k}.txt`, "x".repeat(2000)]));
/** A file that goes on beyond what is looked at, and one that shows no lengths. */
const few = { "few/a.jsonl": `{"text": "${"x".repeat(1000)}"}\n`.repeat(3), "shut/a.parquet": "PAR1" };
const files = { ...tinyFiles, ...short, ...few };

const plan = (data: string, more = "") => planOf(`${model}data {\n${data}\n}\n${more}${stage}`, {}, files);
const shortText = 'source short { files = "short/*.txt" }';
const shortPairs = packedPairs(new Array(40).fill(2000 / bytesPerToken(plan(shortText))), 4096);

test("attention is counted over the documents of a row, and the plan says so", () => {
  const { stages, defaults } = plan(shortText);
  const full = Math.round(shortPairs);
  expect(stages[0]!.attended).toEqual({ full, windowed: full });
  const joined = plan(`${shortText}\n documents = join`).stages[0]!;
  expect(stages[0]!.flops.attention / joined.flops.attention).toBeCloseTo(full / causalPairs(4096), 6);
  expect(stages[0]!.flops.linear).toBe(joined.flops.linear);
  expect(stages[0]!.seconds).toBeLessThan(joined.seconds);
  const note = defaults.find(({ path }) => path === "stage a.attention");
  expect(note).toMatchObject({ value: expect.stringMatching(/^\d.*% of a whole row's$/) });
  expect(note!.from).toContain("documents of short share rows");
});

test("rows count as whole where documents see each other, fill them, or are not known", () => {
  const counted = (data: string) => plan(data).stages[0]!.attended;
  expect(counted(`${shortText}\n documents = join`)).toBeUndefined();
  expect(counted('source long { files = "text/a.txt" }')).toBeUndefined();
  expect(counted('source few { files = "few/*.jsonl" }')).toBeUndefined();
  expect(counted('source shut { files = "shut/*.parquet" }')).toBeUndefined();
});

test("a mix counts each source by its share; synthetic rows are one document", () => {
  const synthetic = "source recall { synthesize = needle(haystack: short) }\n mix = { short: 25%, recall: 75% }";
  const { attended } = plan(`${shortText}\n${synthetic}`).stages[0]!;
  const pairs = 0.25 * shortPairs + 0.75 * causalPairs(4096);
  expect(attended!.full).toBe(Math.round(pairs));
});

test("a filter and overflow = drop leave documents out", () => {
  const mixed = 'source both { files = "*/*.txt"  filter = tokens >= 1Ki }';
  const long = plan(`${mixed}\n overflow = split`).stages[0]!.attended;
  // Those that are left fill their rows, and whole ones are not noted; the 40 short ones are filtered.
  expect(long).toBeUndefined();
  const dropped = plan('source both { files = "*/*.txt" }\n overflow = drop').stages[0]!.attended;
  expect(dropped!.full).toBe(Math.round(shortPairs));
});
