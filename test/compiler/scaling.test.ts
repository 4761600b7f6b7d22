// The work of a compilation grows with the recipe and no faster. Counted, not timed: the same on every machine.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { Limits } from "../../compiler/evaluate/limits.ts";
import { Scope } from "../../compiler/evaluate/scope.ts";
import { emptyHost } from "../../compiler/index.ts";
import { Trace } from "../../compiler/lower/trace.ts";
import { deviceLedger } from "../../compiler/memory/ledger.ts";
import { baseFrequencies } from "../../compiler/rope/base.ts";
import { distance } from "../../grammar/closest.ts";

vi.mock("../../compiler/memory/ledger.ts", { spy: true });
vi.mock("../../compiler/rope/base.ts", { spy: true });
vi.mock("../../grammar/closest.ts", { spy: true });

beforeEach(() => {
  vi.spyOn(Limits.prototype, "enter");
  vi.spyOn(Scope.prototype, "lookup");
  vi.spyOn(Trace.prototype, "set");
  vi.spyOn(Trace.prototype, "exact");
});
afterEach(() => vi.restoreAllMocks());

const HEAD = `model { from = "meta-llama/Meta-Llama-3-8B" }
rope { theta = critical_base(length) }
hardware { preset = h200  devices = 8 }
train { method = lora(rank: 8, also: [embed_tokens, norm])  optimizer = adamw(lr: 2e-5) }
`;
const BOOKS = 'data { source books { files = "books/*.jsonl" } }\n';

const times = (count: number, text: (k: number) => string) => Array.from({ length: count }, (_, k) => text(k)).join("");

const stages = (count: number, length: (k: number) => string) =>
  HEAD +
  BOOKS +
  times(count, (k) => `let n${k} = 50 + ${k}\nstage s${k} { length = ${length(k)}  steps = n${k}  batch = 16 }\n`);

const sources = (count: number) => `${HEAD}data {
${times(count, (k) => `  source s${k} { files = "b${k}/*.jsonl"  filter = tokens >= 4Ki }\n`)}
  mix = { ${times(count, (k) => `${k > 0 ? ", " : ""}s${k}: 1 / ${count}`)} }
}
stage a { length = 64Ki  steps = 50  batch = 16 }
`;

/** What compiling a recipe takes, by kind of work. */
function work(recipe: string) {
  vi.clearAllMocks();
  const { diagnostics } = analyze(recipe, emptyHost);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const calls = (counted: unknown) => vi.mocked(counted as () => void).mock.calls.length;
  return {
    evaluated: calls(Limits.prototype.enter),
    "names looked up": calls(Scope.prototype.lookup),
    "places noted": calls(Trace.prototype.set),
    "places asked for": calls(Trace.prototype.exact),
    ledgers: calls(deviceLedger),
    tables: calls(baseFrequencies),
    "names compared": calls(distance),
  };
}

type Work = ReturnType<typeof work>;

/** What each more of something adds, from `from` to twice as many. */
function added(recipe: (count: number) => string, from: number): Work {
  work(recipe(1)); // the language's own defaults are worked out once, whatever is compiled first
  const [fewer, more] = [work(recipe(from)), work(recipe(2 * from))];
  const each = Object.entries(fewer).map(([kind, count]) => [kind, (more[kind as keyof Work] - count) / from]);
  return Object.fromEntries(each) as Work;
}

test("stages that differ in their steps alone cost the same each, and share layout and table", () => {
  const recipe = (count: number) => stages(count, () => "64Ki");
  const each = added(recipe, 40);
  expect(each).toEqual(added(recipe, 20));
  expect(each).toMatchObject({ ledgers: 0, tables: 0, "names compared": 0 });
  expect(each.evaluated).toBeLessThan(20);
});

test("twice the stages, each of a length of its own, cost no more than twice as much", () => {
  const recipe = (count: number) => stages(count, (k) => `${64 + (40 / count) * k}Ki`);
  const [fewer, more] = [work(recipe(20)), work(recipe(40))];
  for (const kind of Object.keys(fewer) as (keyof Work)[]) {
    expect(more[kind], kind).toBeLessThanOrEqual(2.2 * fewer[kind]);
  }
  expect(fewer.tables).toBeLessThan(20 * 3);
});

test("sources cost the same each", () => {
  const each = added(sources, 40);
  expect(each).toEqual(added(sources, 20));
  expect(each).toMatchObject({ ledgers: 0, tables: 0, "names compared": 0 });
});
