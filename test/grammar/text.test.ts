import { describe, expect, test } from "vitest";
import { parse, SourceText } from "../../grammar/index.ts";

describe("positions", () => {
  test.each([
    ["\n", "a = 1\nb = 2\n"],
    ["\r\n", "a = 1\r\nb = 2\r\n"],
    ["\r", "a = 1\rb = 2\r"],
  ])("lines end with %j", (ending, text) => {
    const { file, text: source, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(source.lineCount).toBe(3);
    const second = file.body[1]!;
    expect(source.position(second.start)).toEqual({ line: 1, character: 0 });
    expect(source.position(second.end)).toEqual({ line: 1, character: 5 });
    expect(source.slice(source.line(0))).toBe("a = 1");
    expect(source.offset({ line: 1, character: 0 })).toBe(5 + ending.length);
    expect(source.offset({ line: 1, character: 99 })).toBe(10 + ending.length);
  });

  test("a byte order mark counts no character", () => {
    const { file, text, problems } = parse("\uFEFFa = 1");
    expect(problems).toEqual([]);
    expect(text.position(file.body[0]!.start)).toEqual({ line: 0, character: 0 });
    expect(text.offset({ line: 0, character: 0 })).toBe(1);
  });

  test("astral characters count two units, as in the protocol", () => {
    const text = 'a = "𝄞𝄞"  b = 2 # 𝄞\nc = ?';
    const { file, text: source, problems } = parse(text);
    expect(file.body[0]).toMatchObject({ value: { kind: "text", value: "𝄞𝄞" } });
    expect(source.position(file.body[1]!.start)).toEqual({ line: 0, character: 12 });
    expect(source.position(problems[0]!.start)).toEqual({ line: 1, character: 4 });
    expect(parse("a = 𝄞").problems).toMatchObject([
      { code: "CTX1011", parameters: { character: "𝄞", hint: "remove it" }, start: 4, end: 6 },
    ]);
  });

  test("offsets and positions are inverse", () => {
    const source = new SourceText("ab\r\n\r\rc\n\n𝄞d");
    for (let offset = 0; offset <= source.text.length; offset++) {
      const position = source.position(offset);
      if (source.text[offset - 1] === "\r" && source.text[offset] === "\n") continue;
      expect(source.offset(position)).toBe(offset);
    }
    expect(source.position(-5)).toEqual({ line: 0, character: 0 });
    expect(source.offset({ line: 99, character: 0 })).toBe(source.text.length);
  });

  test("a node's text is what the recipe says", () => {
    const text = "let a = (1 + b.c) * f(x: [2, 3])\nstage s { length = 4Ki }";
    const { file, text: source } = parse(text);
    expect(file.body.map((node) => source.slice(node))).toEqual([
      "let a = (1 + b.c) * f(x: [2, 3])",
      "stage s { length = 4Ki }",
    ]);
    expect(file.body[0]).toMatchObject({ value: { left: { kind: "group", start: 8, end: 17 }, right: { start: 20 } } });
  });
});

describe("comments", () => {
  test("are kept aside, with what they say and where they stand", () => {
    const { file } = parse("# top\na = 1 # why\n  #\nb = [ # here\n1]");
    expect(file.comments.map(({ text, ownLine }) => [text, ownLine])).toEqual([
      ["top", true],
      ["why", false],
      ["", true],
      ["here", false],
    ]);
  });
});

describe("large texts", () => {
  test("a line of a megabyte", () => {
    const long = "x".repeat(1_000_000);
    expect(parse(`a = "${long}"`).file.body[0]).toMatchObject({ value: { value: long } });
    expect(parse(`a = "${'\\"'.repeat(500_000)}"`).problems).toEqual([]);
    expect(parse(`a = "${long}`).problems).toMatchObject([{ code: "CTX1008" }]);
    expect(parse(`# ${long}\na = 1`).file.body.length).toBe(1);
    expect(parse(`a = [${"1, ".repeat(300_000)}]`).problems).toEqual([]);
    expect(parse(`a = ${"€".repeat(1_000_000)}1\nb = 2`).file.body.length).toBe(2);
    expect(parse(`a = ${long}`).problems).toEqual([]);
  });

  test("ten thousand lines", () => {
    const text = Array.from({ length: 10_000 }, (_, i) => `stage s${i} { length = ${i}Ki  steps = 30 }`).join("\n");
    const { file, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(file.body.length).toBe(10_000);
  });
});

test.each([
  ["\u202e", "U+202E", "remove it"],
  ["\u0000", "U+0000", "remove it"],
  ["\u200b", "U+200B", "remove it"],
  ["\u{e0041}", "U+E0041", "remove it"],
  ["\u0301", "U+0301", "names are of ASCII letters, digits and _"],
  ["é", "é", "names are of ASCII letters, digits and _"],
  ["ß", "ß", "names are of ASCII letters, digits and _"],
  ["🚀", "🚀", "names are of ASCII letters, digits and _"],
  ["€", "€", "remove it"],
])("a character that the language does not use is told so that it can be seen: %j", (written, character, hint) => {
  const [problem] = parse(`a${written} = 1`).problems;
  expect(problem).toMatchObject({ code: "CTX1011", parameters: { character, hint } });
});
