import { allowanceFix } from "../../compiler/diagnostics/allow.ts";
import type { Diagnostic, Fix } from "../../compiler/diagnostics/diagnostic.ts";
import { fixRecipe } from "../../compiler/fix.ts";
import { splitStage } from "../../compiler/refactor/split_stage.ts";
import { showDiagnostic } from "./diagnostics.ts";
import { lineEdits } from "./formatting.ts";
import type { CodeAction, Range } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

const kinds = ["quickfix", "refactor.rewrite", "source.fixAll.ctx"] as const;

/**
 * What can be done where a selection stands: the fixes of its diagnostics, allowing them, splitting a stage, and, where it is
 * asked for, every safe fix of the recipe at once.
 *
 * @param only kinds that are asked for, or what they begin with: `source`; undefined: those that a menu shows
 */
export function codeActions(snapshot: Snapshot, range: Range, only?: readonly string[]): CodeAction[] {
  const asked = (kind: (typeof kinds)[number]) =>
    only ? only.some((each) => kind === each || kind.startsWith(`${each}.`)) : !kind.startsWith("source");
  const [from, to] = [snapshot.offset(range.start), snapshot.offset(range.end)];
  const near = snapshot.analysis.diagnostics.filter(
    ({ at }) => at.file === snapshot.file && at.start <= to && at.end >= from,
  );
  return [
    ...(asked("quickfix")
      ? [...near.flatMap((each) => fixesOf(each, snapshot)), ...near.flatMap((each) => allowing(each, snapshot))]
      : []),
    ...(asked("refactor.rewrite") ? splitting(from, to, near, snapshot) : []),
    ...(asked("source.fixAll.ctx") ? fixAll(snapshot) : []),
  ];
}

function fixesOf(diagnostic: Diagnostic, snapshot: Snapshot): CodeAction[] {
  return diagnostic.fixes.map((fix) => action(fix, "quickfix", [diagnostic], snapshot));
}

function allowing(diagnostic: Diagnostic, snapshot: Snapshot): CodeAction[] {
  const fix = allowanceFix(diagnostic, snapshot.text);
  return fix ? [action(fix, "quickfix", [diagnostic], snapshot)] : [];
}

/** The stage that the selection touches, in several steps; it mends a jump that is too large. */
function splitting(from: number, to: number, near: readonly Diagnostic[], snapshot: Snapshot): CodeAction[] {
  return snapshot.tree.body.flatMap((node) => {
    if (node.kind !== "block" || node.type.name !== "stage" || !node.label || node.start > to || node.end < from)
      return [];
    const fix = splitStage(snapshot.analysis, node.label.name);
    return fix
      ? [
          action(
            fix,
            "refactor.rewrite",
            near.filter(({ code }) => code === "CTX4002"),
            snapshot,
          ),
        ]
      : [];
  });
}

function action(fix: Fix, kind: CodeAction["kind"], mended: readonly Diagnostic[], snapshot: Snapshot): CodeAction {
  const diagnostics = mended.flatMap((diagnostic) => showDiagnostic(diagnostic, snapshot) ?? []);
  return {
    title: fix.title,
    kind,
    ...(diagnostics.length > 0 && { diagnostics }),
    ...(fix.safety === "safe" && { isPreferred: true }),
    edit: snapshot.edit(fix.edits),
  };
}

function fixAll(snapshot: Snapshot): CodeAction[] {
  const { host, parse } = snapshot.workspace;
  const { text } = fixRecipe(snapshot.text.text, host, { file: snapshot.file, ...(parse && { parse }) });
  if (text === snapshot.text.text) return [];
  const edit = { changes: { [snapshot.workspace.uri(snapshot.file)]: lineEdits(snapshot, text) } };
  return [{ title: "apply all safe fixes", kind: "source.fixAll.ctx", edit }];
}
