import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Plan, PlanEvaluate } from "../../compiler/plan.ts";
import { PlanDataset } from "../../runtime/data/data.ts";
import { checkText } from "../../runtime/run/check_text.ts";
import { corpus, evaluate, plan, start } from "./tiny_run.ts";

const base = corpus();

/** What the check says about a plan, over the small corpus of six files; "fine" when it says nothing. */
async function found(made: Plan, folder = base): Promise<string> {
  const data = await PlanDataset.open(made, folder);
  try {
    await checkText(made, data, null);
    return "fine";
  } catch (error) {
    return (error as Error).message;
  } finally {
    data.close();
  }
}

/** The small plan with another evaluation after its second stage. */
function evaluating(change: Partial<PlanEvaluate>): Plan {
  const made = plan();
  const [first, second] = made.stages;
  return { ...made, stages: [first!, { ...second!, evaluate: { ...evaluate, ...change } }] };
}

function holding(every: number, made = plan()): Plan {
  const [text, ...rest] = made.data.sources;
  return { ...made, data: { ...made.data, sources: [{ ...text!, holdout_every: every }, ...rest] } };
}

test("a plan whose text suffices passes", async () => {
  expect(await found(plan())).toBe("fine");
});

test("a source without a held-out document is refused, one that holds none out is read whole", async () => {
  expect(await found(holding(20))).toMatch(/source text has 6 documents to train on and none to evaluate on/);
  expect(await found(holding(0))).toBe("fine");
});

test("a needle longer than its text is refused", async () => {
  const needle = { ...evaluate.needle!, lengths: [16, 64], digits: 18 };
  expect(await found(evaluating({ needle }))).toMatch(
    /the evaluation after stage second hides needles in 16 tokens, but with this tokenizer .* take \d+/,
  );
});

test("lengths beyond the held-out text are refused", async () => {
  const needle = { ...evaluate.needle!, lengths: [1_000_000] };
  expect(await found(evaluating({ needle }))).toMatch(/needs 1000000 tokens of text .* has \d+/);
  const perplexity = { ...evaluate.perplexity!, lengths: [1_000_000] };
  expect(await found(evaluating({ perplexity }))).toMatch(/needs 1000001 tokens of text .* has \d+/);
});

test("files of an evaluation are read too", async () => {
  const folder = corpus();
  writeFileSync(join(folder, "short.md"), "men row out");
  const perplexity = { ...evaluate.perplexity!, files: ["short.md"], source: null };
  expect(await found(evaluating({ perplexity }), folder)).toMatch(/short\.md has \d+/);
});

test("a later stage whose synthetic rows do not fit is refused", async () => {
  const made = plan();
  const [first, second] = made.stages;
  const [text, recall] = made.data.sources;
  const many = { ...recall!, synthesize: { ...recall!.synthesize!, repeats: 50 } };
  const stages = [
    { ...first!, mix: { text: 1 } },
    { ...second!, mix: { recall: 1 } },
  ];
  expect(await found({ ...made, data: { ...made.data, sources: [text!, many] }, stages })).toMatch(
    /source recall: needle with 50 question\(s\) needs \d+ tokens, but a row has 128/,
  );
});

test("a run that lacks held-out text ends before it trains", async () => {
  const root = join(corpus(), "run");
  await expect(start(holding(20), base, { root })).rejects.toMatchObject({ kind: "input" });
  expect(existsSync(join(root, "metrics.jsonl"))).toBe(false);
});
