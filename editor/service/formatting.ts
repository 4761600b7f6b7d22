import { format } from "../../grammar/format.ts";
import { lineChanges } from "../../grammar/line_changes.ts";
import type { Range, TextEdit } from "./protocol.ts";
import type { Snapshot } from "./snapshot.ts";

/** Edits that bring a recipe into the one style; with a range, those of them on its lines. None for a text with syntax problems. */
export function formattingEdits(snapshot: Snapshot, range?: Range): TextEdit[] {
  const edits = lineEdits(snapshot, format(snapshot.text.text));
  if (!range) return edits;
  // A selection of whole lines ends before the first character of the next one.
  const last = range.end.character === 0 && range.end.line > range.start.line ? range.end.line - 1 : range.end.line;
  return edits.filter(({ range: { start, end } }) => {
    const endLine = end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
    return start.line <= last && endLine >= range.start.line;
  });
}

/** Edits of whole lines that turn a snapshot's text into another. */
export function lineEdits({ text }: Snapshot, newText: string): TextEdit[] {
  const edits: TextEdit[] = [];
  let line = 0;
  let from = 0;
  let removed = 0;
  let added = "";
  const flush = () => {
    if (removed > 0 || added !== "") {
      const start = text.position(startOf(from));
      edits.push({ range: { start, end: text.position(startOf(from + removed)) }, newText: added });
    }
    [removed, added] = [0, ""];
  };
  const startOf = (index: number) => (index >= text.lineCount ? text.text.length : text.line(index).start);
  for (const change of lineChanges(linesOf(text.text), linesOf(newText))) {
    if (change.kind === " ") {
      flush();
      from = ++line;
    } else if (change.kind === "-") {
      removed++;
      line++;
    } else added += change.line;
  }
  flush();
  return edits;
}

/** Lines with their endings; nothing follows the last one. A byte order mark is part of none. */
function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, "").match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? [];
}
