import { type Code, entryOf, isCode, type ValuesOf } from "./catalogue.ts";
import type { Diagnostic, Fix, Place, Related, Severity } from "./diagnostic.ts";

/** What a diagnostic may carry besides its text. */
export interface Extras {
  readonly related?: readonly Related[];
  readonly fixes?: readonly Fix[];
  readonly drawing?: readonly string[];
  /** Another severity than the catalogue's, where a check knows better. */
  readonly severity?: Severity;
}

/**
 * Collects the diagnostics of one compilation. The same code at the same place is one cause and is kept once, however
 * many stages evaluate the expression.
 */
export class Report {
  readonly #found = new Map<string, Diagnostic>();

  /** Adds a diagnostic of the catalogue; `values` fills the holes of its texts. */
  add<C extends Code>(code: C, at: Place, values: ValuesOf<C>, extras: Extras = {}): void {
    const entry = entryOf(code);
    this.keep({
      code,
      severity: extras.severity ?? entry.severity,
      message: entry.message(values as Record<string, string | number>),
      at: { file: at.file, start: at.start, end: at.end },
      label: entry.label(values as Record<string, string | number>),
      related: extras.related ?? [],
      fixes: extras.fixes ?? [],
      ...(extras.drawing && extras.drawing.length > 0 && { drawing: extras.drawing }),
    });
  }

  /** Adds a diagnostic that another report holds. */
  keep(diagnostic: Diagnostic): void {
    const { code, at } = diagnostic;
    const key = `${code} ${at.file} ${at.start} ${at.end}`;
    if (!this.#found.has(key)) this.#found.set(key, diagnostic);
  }

  /** Whether a code has been raised anywhere. */
  has(code: Code): boolean {
    for (const diagnostic of this.#found.values()) if (diagnostic.code === code) return true;
    return false;
  }

  get hasErrors(): boolean {
    for (const diagnostic of this.#found.values()) if (diagnostic.severity === "error") return true;
    return false;
  }

  /** Whether there is an error that no `ctx-allow` can lower, so that no plan comes of this whatever else is said. */
  get isFinal(): boolean {
    for (const { code, severity } of this.#found.values()) {
      if (severity === "error" && !(isCode(code) && entryOf(code).lowerable)) return true;
    }
    return false;
  }

  /** All of them by file and place. */
  list(): Diagnostic[] {
    return [...this.#found.values()].sort(
      (a, b) =>
        (a.at.file < b.at.file ? -1 : a.at.file > b.at.file ? 1 : 0) ||
        a.at.start - b.at.start ||
        (a.code < b.code ? -1 : 1),
    );
  }
}
