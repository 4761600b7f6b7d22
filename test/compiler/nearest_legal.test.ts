// The nearest legal values that diagnostics propose: each one, put in, mends what it is proposed for.
import fc from "fast-check";
import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { emptyHost } from "../../compiler/host.ts";

const division = ["CTX7001", "CTX7002", "CTX7003", "CTX7005", "CTX7009"];
const budget = ["CTX4003"];

function found(recipe: string, codes: readonly string[]) {
  return analyze(recipe, emptyHost).diagnostics.filter(({ code }) => codes.includes(code));
}

const head = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }
memory { checkpoint = every(1)  loss_chunk = 1_024  mlp_tile = none  offload = none }
`;

const small = (most: number) => fc.integer({ min: 1, max: most });
const property = (name: string, value: number | undefined) => (value === undefined ? "" : `${name} = ${value}`);

/** One slip away from rows that divide, or two, or none. */
const slip = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.integer({ min: -3, max: 3 }));
const shape = fc
  .record({
    ...{ groups: small(8), ring: fc.constantFrom(1, 2, 3, 4, 6, 8, 16, 24), micro: small(4), times: small(3) },
    ...{ blocks: fc.integer({ min: 4, max: 512 }), slips: fc.array(slip, { minLength: 5, maxLength: 5 }) },
    ...{
      written: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      layout: fc.constantFrom("zigzag", "contiguous"),
    },
  })
  .map(({ groups, ring, micro, times, blocks, slips, written, layout }) => {
    const off = (value: number, k: number) => Math.max(1, value + slips[k]!);
    const kept = (value: number, k: number) => (written[k] ? value : undefined);
    return {
      length: off(blocks * 2 * ring * 16, 0),
      batch: off(groups * micro * times, 1),
      devices: kept(off(groups * ring, 2), 0),
      ring: kept(off(ring, 3), 1),
      micro: kept(off(micro, 4), 2),
      layout,
    };
  });
type Shape = typeof shape extends fc.Arbitrary<infer S> ? S : never;
const parallelText = ({ devices, ring, micro, layout }: Shape) =>
  `parallel { ${property("devices", devices)}  ${property("ring", ring)}  ${property("micro_batch", micro)}  layout = ${layout} }\n`;
const length = fc.integer({ min: 1000, max: 200_000 });
const hardware = fc.constantFrom(
  "",
  "hardware { preset = h100  devices = 64  memory = 9TB }\n",
  "hardware { preset = h100  memory = 9TB }\n",
);
const stageText = (name: string, { length, batch }: { length: number; batch: number }) =>
  `stage ${name} { length = ${length}  steps = 50  batch = ${batch} }\n`;

test("a stage with one of them put in divides", () => {
  let proposed = 0;
  fc.assert(
    fc.property(hardware, shape, (machine, rows) => {
      const recipe = head + machine + parallelText(rows) + stageText("a", rows);
      for (const { fixes } of found(recipe, division)) {
        for (const { title, edits } of fixes) {
          proposed++;
          const left = found(applyEdits(recipe, edits).text, division);
          expect(
            left.map(({ code, message }) => `${title}: ${code} ${message}`),
            recipe,
          ).toEqual([]);
        }
      }
    }),
    { numRuns: 150, seed: 7 },
  );
  expect(proposed).toBeGreaterThan(60);
});

test("no value between the written and a proposed one divides", () => {
  fc.assert(
    fc.property(shape, (rows) => {
      const recipe = head + parallelText(rows) + stageText("a", rows);
      for (const { fixes } of found(recipe, division)) {
        for (const { edits } of fixes.filter(({ title }) => /^(ring|batch|micro_batch) /.test(title))) {
          const [edit] = edits;
          const [from, to] = [Number(recipe.slice(edit!.start, edit!.end)), Number(edit!.text)];
          for (let value = Math.min(from, to) + 1; value < Math.max(from, to); value++) {
            const other = applyEdits(recipe, [{ ...edit!, text: String(value) }]).text;
            expect(found(other, division), `${value}\n${recipe}`).not.toEqual([]);
          }
        }
      }
    }),
    { numRuns: 60, seed: 7 },
  );
});

test("a value that several stages read suits them all", () => {
  let proposed = 0;
  fc.assert(
    fc.property(shape, shape, (first, second) => {
      const layout = parallelText(first);
      const recipe = head + layout + stageText("a", first) + stageText("b", second);
      const shared = head.length + layout.length;
      for (const { at, fixes } of found(recipe, division)) {
        for (const { edits } of fixes.filter(({ edits }) => edits[0]!.start < shared)) {
          proposed++;
          const left = found(applyEdits(recipe, edits).text, division);
          expect(
            left.filter((other) => other.at.start < shared),
            recipe,
          ).toEqual([]);
          expect(at.start).toBeLessThan(shared);
        }
      }
    }),
    { numRuns: 100, seed: 7 },
  );
  expect(proposed).toBeGreaterThan(20);
});

test("a curriculum's tokens are not taken for its lengths", () => {
  const recipe = `${head}parallel { ring = 48 }\ncurriculum { lengths = [32Ki, 64Ki]  tokens = 100M  batch = 16 }\n`;
  const [first] = found(recipe, ["CTX7001"]);
  for (const { edits } of first!.fixes) {
    expect(["48", "32Ki"]).toContain(recipe.slice(edits[0]!.start, edits[0]!.end));
  }
  expect(first!.fixes.map(({ title }) => title)).toContain("length = 32,736");
  const range = recipe.replace("[32Ki, 64Ki]", "32Ki..64Ki x2");
  expect(found(range, ["CTX7001"])[0]!.fixes.map(({ title }) => title)).toEqual(["ring = 32", "ring = 64"]);
});

test("each correction of a contradicting budget mends it", () => {
  fc.assert(
    fc.property(length, small(64), small(200), fc.integer({ min: 1, max: 1e9 }), (rows, batch, steps, tokens) => {
      const recipe = `${head}stage a { length = ${rows}  steps = ${steps}  batch = ${batch}  tokens = ${tokens} }\n`;
      const contradiction = found(recipe, budget);
      const product = rows * batch * steps;
      expect(contradiction.length).toBe(Math.abs(product - tokens) > 0.005 * product ? 1 : 0);
      for (const { edits } of contradiction[0]?.fixes ?? []) {
        expect(found(applyEdits(recipe, edits).text, budget), recipe).toEqual([]);
      }
    }),
    { numRuns: 150, seed: 7 },
  );
});

test("the card of Gradient's 1M model: a batch of 16 is what its tokens ask for", () => {
  const recipe = `${head}stage s1m { length = 1Mi  steps = 50  batch = 8  tokens = 838_860_800 }\n`;
  const [contradiction] = found(recipe, budget);
  expect(contradiction?.message).toBe("50 steps of 8 × 1Mi are 419,430,400 tokens, not 838,860,800");
  expect(contradiction?.fixes.map(({ title }) => title)).toEqual(["batch = 16", "steps = 100", "tokens = 419,430,400"]);
});

test("Yi's 5B tokens in steps of 4M are 1,221 steps, not 100", () => {
  const recipe = `${head}stage s200k { length = 200Ki  steps = 100  batch = 20  tokens = 5B }\n`;
  const [contradiction] = found(recipe, budget);
  expect(contradiction?.fixes.map(({ title }) => title)).toEqual([
    "batch = 244",
    "steps = 1,221",
    "tokens = 409,600,000",
  ]);
});

test("a length or batch is not changed where steps and tokens are both written", () => {
  const titles = (budget: string) =>
    found(`${head}parallel { ring = 48 }\nstage a { length = 64Ki  batch = 4  ${budget} }\n`, [
      "CTX7001",
    ])[0]!.fixes.map(({ title }) => title);
  expect(titles("steps = 25")).toContain("length = 65,568");
  expect(titles("tokens = 6_553_600")).toContain("length = 65,568");
  expect(titles("steps = 25  tokens = 6_553_600")).toEqual(["ring = 32", "ring = 64"]);
});
