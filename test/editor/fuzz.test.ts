// Random edits on every recipe: nothing that is asked in between throws, and in the end stands what a fresh check finds.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { check } from "../../compiler/index.ts";
import { Session } from "../../editor/server/session.ts";
import * as service from "../../editor/service/index.ts";
import { applied } from "./fixture.ts";

const folders = ["recipes", "recipes/published", "test/editor/recipes"];
const recipes = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ctx"))
    .map((name) => join(folder, name)),
);

/** What people type, paste and break. */
const pieces = [
  ..."{}()[]=:,.#\"'^*/+- \t\n",
  ...[
    "\r\n",
    "\r",
    "\uFEFF",
    "𝕏",
    "é",
    "stage ",
    "rope { theta = ",
    "length",
    " = 64Ki",
    "model.",
    "previous.",
    "let x = ",
  ],
  ...[
    "x2",
    "..",
    "10%",
    "param p = 3\n",
    'import "',
    "require ",
    "adamw(lr: ",
    "mix = { ",
    "# ctx-allow CTX4002: ",
    "1e999",
    "\0",
  ],
];

interface Edit {
  /** Places as shares of the text. */
  readonly from: number;
  readonly length: number;
  readonly text: string;
  readonly ask: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 12 }), fc.nat({ max: 400 })),
  text: fc.oneof(fc.constantFrom(...pieces), fc.constant(""), fc.string({ maxLength: 8, unit: "binary" })),
  ask: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Asks everything that an editor asks, about one place. */
function askAll(snapshot: service.Snapshot, offset: number): void {
  const at = snapshot.text.position(offset);
  const range = { start: at, end: snapshot.text.position(offset + 40) };
  service.completionsAt(snapshot, at);
  service.hoverAt(snapshot, at);
  service.signatureHelpAt(snapshot, at);
  service.definitionAt(snapshot, at);
  service.referencesAt(snapshot, at, { declarations: true, others: [] });
  service.highlightsAt(snapshot, at);
  service.rename(snapshot, at, "other_name");
  service.documentSymbols(snapshot);
  service.foldingRanges(snapshot);
  const tokens = service.semanticTokens(snapshot);
  for (let k = 0; k < tokens.length; k += 5) {
    // Each begins behind the one before.
    const [down, right, length] = tokens.slice(k, k + 3) as [number, number, number];
    if (down < 0 || length < 1 || (k > 0 && down === 0 && right < tokens[k - 3]!)) throw new Error("tokens overlap");
  }
  service.inlayHints(snapshot);
  service.codeLenses(snapshot);
  service.formattingEdits(snapshot, range);
  const edits = service
    .codeActions(snapshot, range)
    .map(({ edit }) => edit.changes[snapshot.workspace.uri(snapshot.file)]);
  // Whatever an editor is offered can be applied.
  for (const each of edits) applied(snapshot.text.text, each ?? []);
}

test.each(recipes)("%s", { timeout: 240_000 }, async (name) => {
  const file = resolve(name).replaceAll("\\", "/");
  const uri = pathToFileURL(file).href;
  const start = readFileSync(file, "utf8");
  const disk = nodeHost();
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 6 }), async (edits) => {
      const published = new Map<string, readonly service.EditorDiagnostic[]>();
      const failures: unknown[] = [];
      const session = new Session({
        disk,
        page: () => undefined,
        client: {
          publish: (where, _, list) => published.set(where, list),
          refresh: () => {},
          warn: () => {},
          fail: (error) => failures.push(error),
        },
      });
      session.open(uri, 1, start);
      let text = start;
      for (const [k, { from, length, text: inserted, ask }] of edits.entries()) {
        const snapshot = session.snapshot(uri)!;
        const offset = Math.floor(from * text.length);
        // Editors speak in positions: what those can't tell apart, such as the two halves of a line's end, is one place.
        const range = snapshot.range({ start: offset, end: Math.min(text.length, offset + length) });
        session.change(uri, k + 2, [{ range, text: inserted }]);
        text = applied(text, [{ range, newText: inserted }]);
        askAll(session.snapshot(uri)!, Math.floor(ask * text.length));
      }
      await session.analysed(uri);
      expect(failures).toEqual([]);
      const fresh = check(text.replace(/^\uFEFF/, " "), disk, { file }).diagnostics;
      expect((published.get(uri) ?? []).map(({ code, range }) => ({ code, range }))).toEqual(
        fresh.map(({ code, range }) => ({ code, range })),
      );
      session.close(uri);
    }),
    { seed: 20_261_127, numRuns: 8, endOnFailure: true },
  );
});
