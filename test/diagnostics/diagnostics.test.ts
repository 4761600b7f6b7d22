import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codes } from "../../compiler/diagnostics/catalogue.ts";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { analyzeFixture, annotate, recipeOf } from "./fixture.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "recipes");
const fixtures = readdirSync(folder).filter((name) => name.endsWith(".ctx"));

/** `UPDATE=1 npx vitest run test/diagnostics` writes what comes out into the fixtures; read the difference. */
const update = Boolean(process.env.UPDATE);

describe.each(fixtures)("%s", (name) => {
  const path = join(folder, name);
  const recipe = recipeOf(readFileSync(path, "utf8"));
  const analysis = analyzeFixture(recipe);

  test("raises exactly what it says", () => {
    const annotated = annotate(recipe, analysis);
    if (update) writeFileSync(path, annotated);
    expect(annotated).toBe(readFileSync(path, "utf8"));
  });

  const safe = analysis.diagnostics.flatMap((diagnostic) => {
    const fix = diagnostic.fixes.find(({ safety }) => safety === "safe");
    return fix?.edits.every((edit) => edit.file === analysis.file) ? [{ diagnostic, fix, code: diagnostic.code }] : [];
  });
  if (safe.length > 0)
    test("safe fixes take their diagnostic away", () => {
      for (const { diagnostic, fix, code } of safe) {
        const { text } = applyEdits(recipe, fix.edits);
        const after = analyzeFixture(text).diagnostics;
        const unread = (list: readonly { code: string }[]) =>
          list.filter((other) => other.code.startsWith("CTX1")).length;
        expect(unread(after), `${fix.title} breaks the text`).toBeLessThanOrEqual(unread(analysis.diagnostics));
        const left = after.filter((other) => other.code === code);
        expect(
          left.map(({ at }) => at.start),
          diagnostic.message,
        ).not.toContain(diagnostic.at.start);
      }
    });
});

/** Rules about stages, data, training and devices: whoever takes one of their fixes is rid of the problem. */
const mending = /^CTX[4-7]/;

test.each(fixtures.filter((name) => /^ctx[4-7]/.test(name)))("%s: each fix takes its diagnostic away", (name) => {
  const recipe = recipeOf(readFileSync(join(folder, name), "utf8"));
  const analysis = analyzeFixture(recipe);
  const told = ({ diagnostics }: typeof analysis, code: string) =>
    diagnostics.filter((other) => other.code === code).length;
  for (const { code, fixes } of analysis.diagnostics.filter((each) => mending.test(each.code))) {
    for (const { title, edits } of fixes) {
      const mended = analyzeFixture(applyEdits(recipe, edits).text);
      expect(told(mended, code), `${code}: ${title}`).toBeLessThan(told(analysis, code));
      const syntax = mended.diagnostics.filter((other) => /^CTX[12]0/.test(other.code));
      expect(
        syntax.map(({ message }) => message),
        `${code}: ${title}`,
      ).toEqual(analysis.diagnostics.filter((other) => /^CTX[12]0/.test(other.code)).map(({ message }) => message));
    }
  }
});

test("every code has a fixture that raises it", () => {
  const raised = new Set(
    fixtures.flatMap((name) =>
      [...readFileSync(join(folder, name), "utf8").matchAll(/\b(CTX\d{4})\b/g)].map((m) => m[1]),
    ),
  );
  expect(codes.filter((code) => !raised.has(code))).toEqual([]);
});
