import type { Diagnostic, Edit, Fix } from "./diagnostic.ts";

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

/** A fix that went in, and what it mends. */
export interface AppliedFix {
  readonly diagnostic: Diagnostic;
  readonly fix: Fix;
}

/** The first safe fix of each diagnostic in `file`, applied together; a fix goes in as a whole or, where it would overlap one before, not at all. */
export function applySafeFixes(
  text: string,
  file: string,
  diagnostics: readonly Diagnostic[],
): { text: string; applied: AppliedFix[] } {
  const taken: Edit[] = [];
  const applied = diagnostics.flatMap((diagnostic) => {
    const fix = diagnostic.fixes.find(({ safety }) => safety === "safe");
    if (!fix?.edits.every((edit) => edit.file === file && !taken.some((other) => overlap(edit, other)))) return [];
    taken.push(...fix.edits);
    return { diagnostic, fix };
  });
  return { text: applyEdits(text, taken).text, applied };
}

/** Two insertions at one place do not overlap, yet nobody can say which comes first. */
function overlap(a: Edit, b: Edit): boolean {
  return (a.start < b.end && b.start < a.end) || (a.start === b.start && a.end === b.end);
}
