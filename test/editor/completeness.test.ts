// What people have written is what is offered: at each word of each recipe, that word is among the completions.
import { expect, test } from "vitest";
import { completionsAt } from "../../editor/service/index.ts";
import { wordsOf } from "../../editor/service/names.ts";
import { snapshotOf, sound } from "./recipes.ts";

/** Words that the recipe makes up itself. */
const own = new Set(["definition", "label", "recipe", "key"]);

test.each(sound)("%s", (name) => {
  const snapshot = snapshotOf(name);
  const missing: string[] = [];
  for (const { start, end, name: word, role } of wordsOf(snapshot)) {
    if (own.has(role.kind)) continue;
    for (const at of [start + 1, end]) {
      const labels = completionsAt(snapshot, snapshot.text.position(at)).map(({ label }) => label);
      const { line, character } = snapshot.text.position(at);
      if (!labels.includes(word))
        missing.push(`${line + 1}:${character + 1} ${role.kind} ${word}: ${labels.slice(0, 5).join(", ")}`);
    }
  }
  expect(missing).toEqual([]);
});
