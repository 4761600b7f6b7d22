import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { emptyHost } from "../../compiler/host.ts";
import { format, parse } from "../../grammar/index.ts";
import { endOf } from "../../grammar/literals.ts";
import { lexer, Newline } from "../../grammar/tokens.ts";
import { everything, gradient, quickstart } from "./recipes.ts";
import { recipe } from "./trees.ts";

/** The tree without places. */
function shape(text: string): unknown {
  return JSON.parse(
    JSON.stringify(parse(text).file.body, (key, value) =>
      key === "start" || key === "end" || key === "open" || key === "close" ? undefined : value,
    ),
  );
}

function comments(text: string): string[] {
  return parse(text).file.comments.map((comment) => comment.text);
}

function holds(text: string): void {
  const once = format(text);
  expect(parse(once).problems).toEqual([]);
  expect(shape(once)).toEqual(shape(text));
  expect(comments(once)).toEqual(comments(text));
  expect(format(once)).toBe(once);
  expect(once).not.toMatch(/[ \t]$/m);
}

/** Which of a text's gaps between tokens get a comment, as shares of their number. */
const gaps = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 3 });

/** The text with a comment in some of its gaps. */
function withRemarks(text: string, places: readonly number[], comment: string): string {
  const ends = lexer
    .tokenize(text)
    .tokens.filter(({ tokenType }) => tokenType !== Newline)
    .map(endOf);
  if (ends.length === 0) return text;
  const chosen = new Set(places.map((place) => ends[Math.floor(place * ends.length)]!));
  return [...chosen].sort((a, b) => b - a).reduce((out, at) => out.slice(0, at) + comment + out.slice(at), text);
}

/** A recipe that is warned of in several places, some of them on one line. */
const warned = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source s { files = "d/*.jsonl" } }
evaluate { needle { lengths = [8K, 16K] depths = 3 }
gate { needle >= 95% otherwise = warn } }
stage a { length = 256K steps = 10 batch = 2
rope { theta = 500000 } }  stage b
{ length = 512K steps = 10 batch = 2 }
`;

/** Codes of a recipe's diagnostics in order, each with the text it is about. */
function reported(text: string): string[] {
  const { diagnostics } = analyze(text, emptyHost);
  return diagnostics.map(({ code, at }) => `${code} ${text.slice(at.start, at.end)}`).sort();
}

const recipes = readdirSync("recipes")
  .filter((name) => name.endsWith(".ctx"))
  .map((name): [string, string] => [name, readFileSync(`recipes/${name}`, "utf8")]);

describe("format", () => {
  test.each([["gradient", gradient], ["quickstart", quickstart], ["everything", everything], ...recipes])(
    "keeps tree and comments of %s, and is idempotent",
    (_, text) => holds(text),
  );

  test.each(recipes)("%s is written as it would be", (_, text) => {
    expect(format(text)).toBe(text);
  });

  test("keeps tree and comments of random recipes, and is idempotent", () => {
    fc.assert(
      fc.property(recipe, (text) => {
        fc.pre(parse(text).problems.length === 0);
        holds(text);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps comments wherever they stand, and is idempotent", () => {
    fc.assert(
      fc.property(recipe, gaps, fc.constantFrom(" # why\n", "\n# own\n", "#a\n#b\n\n"), (text, places, comment) => {
        const remarked = withRemarks(text, places, comment);
        fc.pre(parse(remarked).problems.length === 0);
        holds(remarked);
      }),
      { numRuns: 300 },
    );
  });

  test("keeps what a recipe reports, wherever something is allowed", () => {
    const codes = fc.constantFrom("CTX2103", "CTX3001", "CTX4002", "CTX5007", "CTX7006");
    fc.assert(
      fc.property(codes, gaps, fc.constantFrom(" # ", "\n# ", "\n# more\n# "), (code, places, before) => {
        const text = withRemarks(warned, places, `${before}ctx-allow ${code}: because\n`);
        fc.pre(parse(text).problems.length === 0);
        holds(text);
        expect(reported(format(text))).toEqual(reported(text));
      }),
      { numRuns: 200 },
    );
  });

  test("leaves the line that something is allowed on whole", () => {
    const text = "stage a { length = 512 # ctx-allow CTX3001: because\n steps = 10 batch = 2 }\n";
    expect(format(text)).toBe("stage a { length = 512  # ctx-allow CTX3001: because\n  steps = 10  batch = 2\n}\n");
    const above = "# ctx-allow CTX2103: because\nstage a { length = 64K\nsteps = 10 }\n";
    expect(format(above)).toBe("# ctx-allow CTX2103: because\nstage a { length = 64K\n  steps = 10\n}\n");
  });

  test("a comment between a block's head and its brace goes behind the brace", () => {
    expect(format("rope # a\n { theta = 20000 }\n")).toBe("rope {  # a\n  theta = 20000\n}\n");
  });

  test("random recipes are recipes", () => {
    fc.assert(
      fc.property(recipe, (text) => {
        expect(parse(text).problems).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("aligns properties, one-line blocks and comments", () => {
    const untidy = `train{
method=full#all of it
      optimizer   =  adamw( lr:2e-5 )    # the usual
}
stage a{length=1Ki steps=30}
stage bcd {length = 128Ki   steps=5   batch = 2}
`;
    expect(format(untidy)).toBe(`train {
  method    = full             #all of it
  optimizer = adamw(lr: 2e-5)  # the usual
}
stage a   { length = 1Ki    steps = 30 }
stage bcd { length = 128Ki  steps = 5  batch = 2 }
`);
  });

  test("moves braces to where they belong, and comments with them", () => {
    expect(
      format('data # why\n{ source a { files = "x" }\n\n\n  seed = 1 }  train {\n\n  clip = 1 }'),
    ).toBe(`data {  # why
  source a { files = "x" }

  seed = 1
}
train {
  clip = 1
}
`);
  });

  test("indents what is in brackets, and leaves ranges, signs and powers readable", () => {
    const text = "a = f(1 ,\n[2,\n3 ],\n- 4 ^ - ( 2+1 ))\nb=0% .. 100%   +  10%\nc = 4Ki..1Mi   x2\nd = not e.f\n";
    expect(format(text)).toBe(`a = f(1,
  [2,
    3],
  -4 ^ -(2 + 1))
b = 0%..100% +10%
c = 4Ki..1Mi x2
d = not e.f
`);
  });

  test("keeps the line ending and drops a byte order mark", () => {
    expect(format("\uFEFFa=1\r\nb=2\r\n")).toBe("a = 1\r\nb = 2\r\n");
  });

  test("leaves a broken text alone", () => {
    const broken = "a  =   (1\nb   = 2\n";
    expect(format(broken)).toBe(broken);
  });

  test("formats an empty text to an empty text", () => {
    expect(format("")).toBe("");
    expect(format("\n\n  \n")).toBe("");
    expect(format("# only this\n\n\n# and this")).toBe("# only this\n\n# and this\n");
  });
});
