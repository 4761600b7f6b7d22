import type { PositionRange, SourceText } from "../../grammar/text.ts";
import type { Diagnostic, Place, Severity } from "./diagnostic.ts";
import type { Sources } from "./render.ts";

/** A diagnostic with positions as editors count them; what `ctx check --json` prints. */
export interface JsonDiagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly label: string;
  /** Lines that show more than the label under the carets, from the range's first column on; mostly none. */
  readonly drawing: readonly string[];
  /** As editors count: a byte order mark, which they hide, is no character. `SourceText.offset` gives the place in the text. */
  readonly range: PositionRange;
  readonly related: readonly { readonly message: string; readonly file: string; readonly range: PositionRange }[];
  readonly fixes: readonly {
    readonly title: string;
    readonly safety: "safe" | "review";
    readonly edits: readonly { readonly file: string; readonly range: PositionRange; readonly newText: string }[];
  }[];
}

/** One file of the answer of `ctx check --json`, and of a command that a recipe is too faulty for. */
export interface JsonFile {
  readonly file: string;
  readonly diagnostics: readonly JsonDiagnostic[];
}

/** A recipe with its diagnostics. */
export function jsonFile(analysis: {
  readonly file: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly texts: ReadonlyMap<string, SourceText>;
}): JsonFile {
  const { file, diagnostics, texts } = analysis;
  return { file, diagnostics: diagnostics.map((diagnostic) => toJson(diagnostic, (name) => texts.get(name))) };
}

/** LSP range of a place; the start of the file when its text is gone. */
export function rangeOf(place: Place, sources: Sources): PositionRange {
  const origin = { line: 0, character: 0 };
  return sources(place.file)?.range(place) ?? { start: origin, end: origin };
}

export function toJson(diagnostic: Diagnostic, sources: Sources): JsonDiagnostic {
  return {
    code: diagnostic.code,
    severity: diagnostic.severity,
    message: diagnostic.message,
    label: diagnostic.label,
    drawing: diagnostic.drawing ?? [],
    range: rangeOf(diagnostic.at, sources),
    related: diagnostic.related.map(({ message, at }) => ({ message, file: at.file, range: rangeOf(at, sources) })),
    fixes: diagnostic.fixes.map(({ title, safety, edits }) => ({
      title,
      safety,
      edits: edits.map((edit) => ({ file: edit.file, range: rangeOf(edit, sources), newText: edit.text })),
    })),
  };
}
