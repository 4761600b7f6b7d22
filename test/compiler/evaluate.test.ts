import fc from "fast-check";
import { expect, test } from "vitest";
import { Report } from "../../compiler/diagnostics/report.ts";
import { evaluate } from "../../compiler/evaluate/evaluate.ts";
import { Scope } from "../../compiler/evaluate/scope.ts";
import { number, type Value } from "../../compiler/values/value.ts";
import { parse } from "../../grammar/index.ts";

const formula = {
  modelTheta: 500_000,
  modelOriginal: 8192,
  previousTheta: 500_000,
  previousLength: 8192,
  length: 65_536,
  d: 128,
};

/** Value and codes of an expression, with `length`, `d`, `pi` and `model.theta` known. */
function run(expression: string): { value: Value | undefined; codes: string[]; at: string[] } {
  const text = `let x = ${expression}\n`;
  const { file, problems } = parse(text);
  expect(problems).toEqual([]);
  const report = new Report();
  const scope = new Scope("test.ctx", report, null, formula);
  scope.define("length", number(65_536, "tokens"));
  scope.define("d", number(128));
  scope.define("pi", number(Math.PI));
  const members = new Map<string, Value>([
    ["theta", number(500_000)],
    ["context", number(131_072, "tokens")],
    ["original", number(8192, "tokens")],
  ]);
  scope.define("model", { kind: "record", name: "model", members });
  scope.define("previous", { kind: "record", name: "previous", members: new Map([["theta", number(500_000)]]) });
  scope.defineAbsent("i", "only frequency has pairs");
  const statement = file.body[0]!;
  if (statement.kind !== "let") throw new Error("not a let");
  scope.defineLazy("x", (from) => evaluate(statement.value, from));
  const value = evaluate(statement.value, scope);
  const found = report.list();
  return { value, codes: found.map((d) => d.code), at: found.map((d) => text.slice(d.at.start, d.at.end)) };
}

const resultOf = (expression: string) => {
  const { value, codes } = run(expression);
  expect(codes).toEqual([]);
  return value && "value" in value ? value.value : value;
};

test("arithmetic in float64, power from the right", () => {
  expect(resultOf("2 ^ 3 ^ 2")).toBe(512);
  expect(resultOf("-2 ^ 2")).toBe(-4);
  expect(resultOf("1 - 2 - 3")).toBe(-4);
  expect(resultOf("min(3, 1, 2) + max(1, 2) + floor(2.7) + ceil(2.1) + round(2.5)")).toBe(1 + 2 + 2 + 3 + 3);
  expect(resultOf("ln(exp(1)) + log2(8) + log10(100) + sqrt(16)")).toBe(10);
  expect(resultOf("if length > 8Ki and not false then 1 else 2")).toBe(1);
});

test("units follow the operands", () => {
  expect(run("64Ki + 1").value).toEqual(number(65_537, "tokens"));
  expect(run("64Ki / 8Ki").value).toEqual(number(8));
  expect(run("64Ki * 50%").value).toEqual(number(32_768, "tokens"));
  expect(run("80GiB / 2").value).toEqual(number(40 * 2 ** 30, "bytes"));
  expect(run("64Ki + 80GiB").codes).toEqual(["CTX2102"]);
  expect(run("64Ki + 10%").codes).toEqual(["CTX2102"]);
  expect(run("if true then 64Ki > 80GiB else false").codes).toEqual(["CTX2102"]);
});

test("what has no value says why, at the expression", () => {
  expect(run("1 / (length - 64Ki)")).toMatchObject({ codes: ["CTX2105"], at: ["(length - 64Ki)"] });
  expect(run("10 ^ 400")).toMatchObject({ codes: ["CTX2106"], at: ["10 ^ 400"] });
  expect(run("(0 - 1) ^ 0.5").codes).toEqual(["CTX2106"]);
  expect(run("ln(0)").codes).toEqual(["CTX2106"]);
  expect(run("lenght * 2")).toMatchObject({ codes: ["CTX2007"], at: ["lenght"] });
  expect(run("model.thta")).toMatchObject({ codes: ["CTX2012"], at: ["thta"] });
  expect(run("i * 2").codes).toEqual(["CTX2013"]);
  expect(run("x + 1").codes).toEqual(["CTX2016"]);
  expect(run("true + 1").codes).toEqual(["CTX2101"]);
  expect(run("1Ki..4Ki").codes).toEqual(["CTX2108"]);
  expect(run("1Ki..4Ki x1").codes).toEqual(["CTX2108"]);
});

test("the branch not taken may divide by zero, but not name what is not there", () => {
  expect(resultOf("if length == 64Ki then 1 else 1 / (length - 64Ki)")).toBe(1);
  expect(run("if true then 1 else lenght").codes).toEqual([]); // a bare word may be a choice
  expect(run("if true then 1 else lenght + 1").codes).toEqual(["CTX2007"]);
});

test("ranges hold both ends", () => {
  const list = (expression: string) => {
    const { value } = run(expression);
    return value?.kind === "list"
      ? value.items.map((item) => (item.value.kind === "number" ? item.value.value : null))
      : [];
  };
  expect(list("8Ki..64Ki x2")).toEqual([8192, 16_384, 32_768, 65_536]);
  expect(list("256..1000 x2")).toEqual([256, 512, 1000]);
  expect(list("0%..100% + 10%")).toHaveLength(11);
  expect(list("0%..100% + 10%").at(-1)).toBe(1);
});

test("named formulas equal the expressions they are short for", () => {
  const pairs: [string, string][] = [
    ["ntk(8)", "model.theta * 8 ^ (d / (d - 2))"],
    ["ntk_dynamic(4)", "previous.theta * (4 * length / 8Ki - 3) ^ (d / (d - 2))"],
    ["critical_base(length)", "model.theta ^ (ln(length / (2 * pi)) / ln(model.original / (2 * pi)))"],
    ["abf(1M)", "1M"],
  ];
  for (const [short, long] of pairs) expect(resultOf(short), short).toBeCloseTo(resultOf(long) as number, 4);
  expect(resultOf("floor(ntk_dynamic(factor: 4))")).toBe(15_296_098);
  expect(run("ntk()").codes).toEqual(["CTX2010"]);
  expect(run("ntk(8, 2)").codes).toEqual(["CTX2009"]);
  expect(run("ntk(sacle: 8)").codes).toEqual(["CTX2009"]);
});

test("any expression gives a value or a report, never both nothing and silence, and never throws", () => {
  const leaf = fc.constantFrom("length", "d", "model.theta", "64Ki", "80GiB", "10%", "0", "2", '"a"', "true", "[1, 2]");
  const expression = fc.letrec<{ e: string }>((tie) => ({
    e: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc
        .tuple(tie("e"), fc.constantFrom("+", "-", "*", "/", "^", "<", "==", "and"), tie("e"))
        .map(([a, op, b]) => `(${a}) ${op} (${b})`),
      tie("e").map((a) => `ln(${a})`),
      fc.tuple(tie("e"), tie("e"), tie("e")).map(([a, b, c]) => `if ${a} then ${b} else ${c}`),
    ),
  })).e;
  fc.assert(
    fc.property(expression, (text) => {
      const { value, codes } = run(text);
      return value !== undefined || codes.length > 0;
    }),
    { numRuns: 500 },
  );
});
