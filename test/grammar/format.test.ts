import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { format, parse } from "../../grammar/index.ts";
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
