// Whatever a recipe names can be renamed, and the recipe says the same.
import { expect, test } from "vitest";
import { prepareRename, rename, type Snapshot } from "../../editor/service/index.ts";
import { declarationsOf } from "../../editor/service/names.ts";
import { applied } from "./fixture.ts";
import { broken, snapshotOf, sound } from "./recipes.ts";

/** What the compiler makes of it, names aside: what it says, and the numbers of each stage. */
function meaning({ analysis: { diagnostics, plan } }: Snapshot) {
  const stages = plan?.stages.map(({ length, steps, tokens, rope, mix }) => [
    length,
    steps,
    tokens,
    rope.theta,
    Object.values(mix),
  ]);
  return { said: diagnostics.map(({ code, severity }) => `${code} ${severity}`).sort(), stages };
}

test.each([...sound, ...broken])("%s", (name) => {
  const snapshot = snapshotOf(name);
  const before = meaning(snapshot);
  const { values, sources } = declarationsOf(snapshot.tree);
  for (const { at, name: old } of [...values, ...sources]) {
    const position = snapshot.text.position(at.start);
    const edit = rename(snapshot, position, "quite_another");
    expect(prepareRename(snapshot, position), old).not.toHaveProperty("refused");
    if ("refused" in edit) throw new Error(`${old}: ${edit.refused}`);
    const text = applied(snapshot.text.text, edit.changes[snapshot.file] ?? []);
    expect(text, old).not.toBe(snapshot.text.text);
    // Names that were wrong may be right by being renamed.
    if (before.said.some((each) => /^CTX(1012|2007|2015|2019|4007|5002|5003|2203|5008)/.test(each))) continue;
    expect(meaning(snapshotOf(name, text)), `${old} in ${text}`).toEqual(before);
  }
});
