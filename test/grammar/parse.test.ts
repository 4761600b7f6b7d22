import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Expression, parse, type Statement } from "../../grammar/index.ts";
import { everything, gradient, quickstart } from "./recipes.ts";

/** A value as one line: operators in prefix form with brackets, so that precedence shows. */
function show(node: Expression): string {
  switch (node.kind) {
    case "number":
      return node.unit === null ? String(node.value) : `${node.value}:${node.unit}`;
    case "text":
      return JSON.stringify(node.value);
    case "flag":
      return String(node.value);
    case "name":
      return node.name;
    case "member":
      return `${show(node.object)}.${node.property.name}`;
    case "call":
      return `${show(node.callee)}(${node.arguments
        .map(({ name, value }) => (name ? `${name.name}: ` : "") + show(value))
        .join(", ")})`;
    case "list":
      return `[${node.items.map(show).join(", ")}]`;
    case "map":
      return `{${node.entries.map(({ key, value }) => `${key.kind === "name" ? key.name : show(key)}: ${show(value)}`).join(", ")}}`;
    case "range":
      return `(.. ${show(node.from)} ${show(node.to)}${node.step ? ` ${node.step.by} ${show(node.step.value)}` : ""})`;
    case "unary":
      return `(${node.operator} ${show(node.operand)})`;
    case "binary":
      return `(${node.operator} ${show(node.left)} ${show(node.right)})`;
    case "if":
      return `(if ${show(node.condition)} ${show(node.consequent)} ${show(node.alternative)})`;
    case "group":
      return `<${show(node.inner)}>`;
    case "error":
      return "!";
  }
}

function showStatement(node: Statement): string {
  switch (node.kind) {
    case "version":
      return `ctx ${node.value ? show(node.value) : "!"}`;
    case "recipe":
      return `recipe ${node.name?.name ?? "!"}`;
    case "import":
      return `import ${node.path ? show(node.path) : "!"}`;
    case "param":
    case "let":
      return `${node.kind} ${node.name?.name ?? "!"} = ${show(node.value)}`;
    case "require":
      return `require ${show(node.condition)}${node.reason ? ` ${show(node.reason)}` : ""}`;
    case "property":
      return `${node.name.name} = ${show(node.value)}`;
    case "assertion":
      return show(node.expression);
    case "block": {
      const head = node.label ? `${node.type.name} ${node.label.name}` : node.type.name;
      return `${head} { ${node.body.map(showStatement).join("; ")} }`;
    }
  }
}

const tree = (text: string) => parse(text).file.body.map(showStatement).join("; ");
const value = (text: string) => tree(`a = ${text}`).slice(4);
/** Code and the marked text of each problem. */
const problems = (text: string) =>
  parse(text).problems.map(({ code, start, end }) => `${code} ${text.slice(start, end)}`);

describe("statements", () => {
  test.each([
    ["ctx 1", "ctx 1"],
    ["recipe name", "recipe name"],
    ['import "base.ctx"', 'import "base.ctx"'],
    ["param gpus = 8", "param gpus = 8"],
    ["let a = 2 * b", "let a = (* 2 b)"],
    ['require a > 1 "why"', 'require (> a 1) "why"'],
    ["require a", "require a"],
    ["a = 1", "a = 1"],
    ["a = 1  b = 2", "a = 1; b = 2"],
    ["model { from = b  c = d }", "model { from = b; c = d }"],
    ["stage s1 {\n  length = 2\n  rope { theta = 3 }\n}", "stage s1 { length = 2; rope { theta = 3 } }"],
    [
      "train { clip = a  schedule = b.c  stage s { d = e  f { g = 1 } } }",
      "train { clip = a; schedule = b.c; stage s { d = e; f { g = 1 } } }",
    ],
    ["data\n{ a = 1 }", "data { a = 1 }"],
    ["gate { needle >= 95%  otherwise = stop }", "gate { (>= needle 0.95:%); otherwise = stop }"],
    ["gate { a.b < 2 }", "gate { (< a.b 2) }"],
    ["mix =\n{ a: 1 }", "mix = {a: 1}"],
    // Keywords are names where something is set.
    ["recipe = 1  param { let = 2 }", "recipe = 1; param { let = 2 }"],
    ["a = f(recipe: 1, x2: x3)", "a = f(recipe: 1, x2: x3)"],
    ["", ""],
    ["# only a comment", ""],
  ])("%j", (text, expected) => {
    expect(problems(text)).toEqual([]);
    expect(tree(text)).toBe(expected);
  });
});

describe("values", () => {
  test.each([
    ["30", "30"],
    ["1_000", "1000"],
    ["2e-5", "0.00002"],
    ["64Ki", "65536:Ki"],
    ["1Mi", "1048576:Mi"],
    ["100M", "100000000:M"],
    ["1.5B", "1500000000:B"],
    ["2.80B", "2800000000:B"],
    ["1.1K", "1100:K"],
    ["10%", "0.1:%"],
    ["0.7%", "0.007:%"],
    ["80GiB", "85899345920:GiB"],
    ["1TB", "1000000000000:TB"],
    ["90s", "90:s"],
    ["2h", "7200:h"],
    ["5ms", "0.005:ms"],
    ["15min", "900:min"],
    ["true", "true"],
    ['"a\\"b\\\\c\\n\\t\\u00e9"', JSON.stringify('a"b\\c\n\té')],
    ["[1, [2], ]", "[1, [2]]"],
    ["[\n1,\n  2\n]", "[1, 2]"],
    ['{ a: 1, "b c": 2 }', '{a: 1, "b c": 2}'],
    ["{\n  a: 1,\n\n  b: 2,\n}", "{a: 1, b: 2}"],
    ["{}", "{}"],
    ["f()", "f()"],
    ["f(1, b: 2)", "f(1, b: 2)"],
    ["a.b.c", "a.b.c"],
    ["a.f(1)", "a.f(1)"],
    ["1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)"],
    ["8 / 4 / 2", "(/ (/ 8 4) 2)"],
    ["2 ^ 3 ^ 4", "(^ 2 (^ 3 4))"],
    ["-2 ^ 2", "(- (^ 2 2))"],
    ["2 ^ -1 * 3", "(* (^ 2 (- 1)) 3)"],
    ["-a * -b", "(* (- a) (- b))"],
    ["a < b + 1 and not c == d or e", "(or (and (< a (+ b 1)) (not (== c d))) e)"],
    ["not not a", "(not (not a))"],
    ["(1 + 2) * 3", "(* <(+ 1 2)> 3)"],
    ["if a then b else c + 1", "(if a b (+ c 1))"],
    ["if a then if b then c else d else e", "(if a (if b c d) e)"],
    ["1..2", "(.. 1 2)"],
    ["4Ki..1Mi x2", "(.. 4096:Ki 1048576:Mi factor 2)"],
    ["1..9 x1.5", "(.. 1 9 factor 1.5)"],
    ["0%..100% +10%", "(.. 0:% 1:% sum 0.1:%)"],
    ["0%..100%+10%", "(.. 0:% 1:% sum 0.1:%)"],
    ["a * 2..b / 2 x2", "(.. (* a 2) (/ b 2) factor 2)"],
    ["a + 1..b", "(.. (+ a 1) b)"],
    [
      "floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)))",
      "floor((* previous.theta (^ <(- (/ (* 4 length) previous.length) 3)> <(/ d <(- d 2)>)>)))",
    ],
  ])("%s", (text, expected) => {
    expect(problems(`a = ${text}`)).toEqual([]);
    expect(value(text)).toBe(expected);
  });
});

describe("mistakes are reported once, and what was meant is in the tree", () => {
  test.each([
    ["a = )", ["CTX1002 ="], "a = !"],
    ["a =\nb = 2", ["CTX1002 ="], "a = !; b = 2"],
    ["a = b = 2", ["CTX1002 ="], "a = !; b = 2"],
    ["a = 1 +\nb = 2", ["CTX1002 +"], "a = (+ 1 !); b = 2"],
    ["data {\n  a = (1\n  b = 2\n}", ["CTX1003 ("], "data { a = <1>; b = 2 }"],
    ["data {\n  a = f(1,\n  b = [2\n  c = 3\n}", ["CTX1003 (", "CTX1003 ["], null],
    ["a { b = 1\nc = 2", ["CTX1003 {"], "a { b = 1 }; c = 2"],
    ["a {\n  b {\n    c = 1\n\nd { e = 2 }", ["CTX1003 {", "CTX1003 {"], "a { b { c = 1 } }; d { e = 2 }"],
    ["a {\n  b = 1\n}}\nc = 2", ["CTX1004 }"], "a { b = 1 }; c = 2"],
    ["a {\n  b { c = 1 } d = 2 }\n  e = 3\n}", ["CTX1004 }"], "a { b { c = 1 }; d = 2; e = 3 }"],
    ["a = 1]", ["CTX1004 ]"], "a = 1"],
    ["a: 1", ["CTX1005 :"], "a = 1"],
    ["a 1", ["CTX1006 a"], "a = 1"],
    ["method full", ["CTX1006 method"], "method = full"],
    ["data { steps }", ["CTX1007 steps"], "data {  }"],
    ['a = "b\nc = 1', ['CTX1008 "b'], 'a = "b"; c = 1'],
    ["a = 64Q", ["CTX1009 Q"], "a = !"],
    ["a = [1 2]", ["CTX1010 2"], "a = [1, 2]"],
    ["a = f(b: 1 c: 2)", ["CTX1010 c"], "a = f(b: 1, c: 2)"],
    ["a = ?1", ["CTX1011 ?"], "a = 1"],
    ["a = b && c", ["CTX1012 &&"], "a = (and b c)"],
    ["a = 2 ** 3", ["CTX1012 **"], "a = (^ 2 3)"],
    ["a = 'b'", ["CTX1012 'b'"], 'a = "b"'],
    ["a = “b”", ["CTX1012 “b”"], 'a = "b"'],
    ["a = 1 // why", ["CTX1012 // why"], "a = 1"],
    ["a = 64 Ki b = 3", ["CTX1012 64 Ki"], "a = 65536:Ki; b = 3"],
    ["a = 2 h\nb = 3", ["CTX1012 2 h"], "a = 7200:h; b = 3"],
    ["a = 1..8 x 2 b = 3", ["CTX1012 x 2"], "a = (.. 1 8 factor 2); b = 3"],
    ["parm a = 1", ["CTX1024 parm"], "param a = 1"],
    ["lte a = 1\nb = a", ["CTX1024 lte"], "let a = 1; b = a"],
    ['improt "a.ctx"', ["CTX1024 improt"], 'import "a.ctx"'],
    ["requires a > 1", ["CTX1024 requires"], "require (> a 1)"],
    ["recpe a", ["CTX1024 recpe"], "recipe a"],
    ["cxt 1", ["CTX1024 cxt"], "ctx 1"],
    ["parm a { b = 1 }", [], "parm a { b = 1 }"],
    ["params = 1", [], "params = 1"],
    ["a = 3 x = 2", [], "a = 3; x = 2"],
    ["data { a = 1, b = 2 }", ["CTX1013 ,"], "data { a = 1; b = 2 }"],
    ["a = f(b=1)", ["CTX1014 ="], "a = f(b: 1)"],
    ["a = f(\n  b = 1,\n  c = 2,\n)", ["CTX1014 =", "CTX1014 ="], null],
    ["data = { a = 1 }", ["CTX1015 ="], "data { a = 1 }"],
    ["data = {\n  source b { c = 1 }\n}", ["CTX1015 ="], "data { source b { c = 1 } }"],
    ["recipe", ["CTX1016 recipe"], "recipe !"],
    ["ctx\nimport\nlet = 2", ["CTX1016 ctx", "CTX1016 import"], "ctx !; import !; let = 2"],
    ["a = if b", ["CTX1016 if"], "a = (if b ! !)"],
    ["a = b.", ["CTX1016 ."], "a = !"],
    ["data { param b = 1 }", ["CTX1017 param"], "data { param b = 1 }"],
    ["stage 64Ki { a = 1 }", ["CTX1018 64Ki"], "stage { a = 1 }"],
    ["a = 1 < b < 3", ["CTX1019 <"], "a = (< (< 1 b) 3)"],
    ["a = 30 x2", ["CTX1020 x2"], "a = 30"],
    ["a = 1..9 - 2", ["CTX1020 -"], null],
    ['a = "\\q"', ["CTX1021 \\q"], 'a = "q"'],
    ["a { 3 }\nb = 1", ["CTX1001 3"], "a {  }; b = 1"],
    ["{ a = 1 }\nb = 2", ["CTX1001 {"], "a = 1; b = 2"],
  ])("%j", (text, codes, expected) => {
    expect(problems(text)).toEqual(codes);
    if (expected !== null) expect(tree(text)).toBe(expected);
  });

  test("safe fixes mend the text", () => {
    for (const [broken, mended] of [
      ["a: 1", "a = 1"],
      ["a 1", "a = 1"],
      ["a = [1 2]", "a = [1, 2]"],
      ["a = b && c", "a = b and c"],
      ["a = 'b\"c'", 'a = "b\\"c"'],
      ["data { a = 1, b = 2 }", "data { a = 1 b = 2 }"],
      ["a = f(b = 1)", "a = f(b: 1)"],
      ["data = { a = 1 }", "data { a = 1 }"],
      ["a = 1 // why", "a = 1 # why"],
      ["a = 64 Ki", "a = 64Ki"],
      ["a = 1..8 x 2", "a = 1..8 x2"],
      ["parm a = 1", "param a = 1"],
    ] as const) {
      const fix = parse(broken).problems[0]?.fixes?.find(({ safety }) => safety === "safe");
      let text: string = broken;
      for (const edit of fix?.edits ?? []) text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
      expect(text).toBe(mended);
      expect(parse(text).problems).toEqual([]);
    }
  });

  test("what nests or chains without end is cut off, not followed", () => {
    for (const text of [
      `a = ${"(".repeat(100_000)}1\nb = 2`,
      `a = ${"[".repeat(100_000)}\nb = 2`,
      `a = ${"-".repeat(100_000)}1\nb = 2`,
      `a = ${"2 ^ ".repeat(100_000)}1\nb = 2`,
      `a = ${"if x then ".repeat(10_000)}1\nb = 2`,
      `a = 1${" + 1".repeat(100_000)}\nb = 2`,
    ]) {
      const { problems: found, file } = parse(text);
      expect(found.map(({ code }) => code)).toContain("CTX1022");
      expect(file.body.map(showStatement).at(-1)).toBe("b = 2");
    }
    expect(parse("a {".repeat(5000)).problems.length).toBe(1);
    expect(parse("a {\n".repeat(5000)).problems.length).toBeGreaterThan(0);
  });
});

describe("examples", () => {
  const recipes = readdirSync("recipes").filter((name) => name.endsWith(".ctx"));
  test.each([
    ["gradient", gradient],
    ["quickstart", quickstart],
    ["everything", everything],
    ...recipes.map((name): [string, string] => [name, readFileSync(`recipes/${name}`, "utf8")]),
  ])("%s parses", (_, text) => {
    expect(problems(text)).toEqual([]);
    expect(parse(text).file.body.length).toBeGreaterThan(0);
  });

  test("every example of the reference page parses", () => {
    const page = readFileSync("docs/reference.md", "utf8");
    const examples = [...page.matchAll(/```ctx\n([\s\S]*?)```/g)].map((match) => match[1]!);
    expect(examples.length).toBeGreaterThan(30);
    for (const example of examples) {
      // Examples of functions are values.
      const text = /^[a-z_0-9]+\(.*\)\n$/.test(example) ? `a = ${example}` : example;
      expect(problems(text), example).toEqual([]);
    }
  });
});
