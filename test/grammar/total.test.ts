import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "../../grammar/index.ts";
import { foldLines } from "../../grammar/lines.ts";
import { RecipeParser } from "../../grammar/parser.ts";
import { lexer, makeLexer } from "../../grammar/tokens.ts";

/** One of each word of the language, with likely neighbours. */
const words = fc.constantFrom(
  ..."ctx recipe import param let require and or not if then else true false x2 name other 30 64Ki 10% 7Q".split(" "),
  ...'"text" "open \'other\' { } ( ) [ ] , : .. . == != <= >= < > = + - ** && || ! * / ^ ? € \\'.split(" "),
  "\n",
  "\n",
  "\n",
  "name =",
  "name = 1\n",
  "kind label {",
  "# remark\n",
);
const soup = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(" "));

describe("the grammar", () => {
  test("is sound for Chevrotain's own validations", () => {
    expect(() => new RecipeParser({ validate: true })).not.toThrow();
    expect(makeLexer({ validate: true }).lexerDefinitionErrors).toEqual([]);
  });

  test("takes every sequence of tokens", () => {
    const parser = new RecipeParser();
    fc.assert(
      fc.property(soup, (text) => {
        parser.parseTokens(foldLines(lexer.tokenize(text).tokens), text.length);
        expect(parser.errors).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  test("gives a tree, ordered places and at most one problem a line for any text", () => {
    const texts = fc.oneof(soup, fc.string({ unit: "binary", maxLength: 200 }));
    fc.assert(
      fc.property(texts, (text) => {
        const { file, problems, text: source } = parse(text);
        expect(file.end).toBe(text.length);
        const lines = problems.map((problem) => source.lineAt(problem.start));
        expect(new Set(lines).size).toBe(lines.length);
        const spans = [...file.body, ...problems, ...file.comments];
        const outside = spans.filter(({ start, end }) => start < 0 || end < start || text.length < end);
        expect(outside).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
