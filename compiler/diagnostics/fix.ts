import type { Diagnostic, Edit } from "./diagnostic.ts";

/** Applies edits of one file to its text. Edits that overlap an earlier one are left out; the count tells how many went in. */
export function applyEdits(text: string, edits: readonly Edit[]): { text: string; applied: number } {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  let out = "";
  let at = 0;
  let applied = 0;
  for (const edit of sorted) {
    if (edit.start < at) continue;
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
    applied++;
  }
  return { text: out + text.slice(at), applied };
}

/** The first safe fix of each diagnostic in `file`, applied together. */
export function applySafeFixes(
  text: string,
  file: string,
  diagnostics: readonly Diagnostic[],
): { text: string; applied: number } {
  const edits = diagnostics.flatMap((diagnostic) => {
    const fix = diagnostic.fixes.find(({ safety }) => safety === "safe");
    return fix?.edits.every((edit) => edit.file === file) ? [...fix.edits] : [];
  });
  return applyEdits(text, edits);
}
