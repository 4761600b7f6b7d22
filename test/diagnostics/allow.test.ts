import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { allowanceFix } from "../../compiler/diagnostics/allow.ts";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { analyzeFixture, recipeOf } from "./fixture.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "recipes");

test.each(readdirSync(folder).filter((name) => name.endsWith(".ctx")))(
  "%s: what can be allowed is, by the fix that says so",
  (name) => {
    const recipe = recipeOf(readFileSync(join(folder, name), "utf8"));
    const { diagnostics, texts, file } = analyzeFixture(recipe);
    for (const diagnostic of diagnostics) {
      const { code, severity, at } = diagnostic;
      const text = texts.get(at.file)!;
      const fix = at.file === file ? allowanceFix(diagnostic, text) : undefined;
      if (!fix) continue;
      const { text: offered } = applyEdits(recipe, fix.edits);
      const unread = analyzeFixture(offered).diagnostics.filter((each) => each.code === "CTX2402");
      expect(unread.length, `${name}: without a reason`).toBe(
        diagnostics.filter((each) => each.code === "CTX2402").length + 1,
      );
      const after = analyzeFixture(offered.replace("say why it is fine here", "a test of it")).diagnostics;
      // On its line there may be several of one code, which the comment allows together.
      const count = (list: typeof after) =>
        list.filter((each) => each.code === code && each.severity === severity).length;
      expect(count(after), `${code} in ${name}`).toBeLessThan(count(diagnostics));
      // Comments that were unreadable before still are, one line further down.
      const unreadable = (list: typeof after) =>
        list.filter((each) => each.code === "CTX2402").map(({ label }) => label);
      expect(unreadable(after)).toEqual(unreadable(diagnostics));
    }
  },
);
