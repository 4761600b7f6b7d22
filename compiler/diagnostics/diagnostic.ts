import type { Span } from "../../grammar/ast.ts";

/** How bad it is: an `error` stops compiling, a `warning` does not, an `info` only tells. */
export type Severity = "error" | "warning" | "info";

/** A stretch of one file. */
export interface Place extends Span {
  readonly file: string;
}

/** Replaces the text of one place; `text` empty deletes, an empty place inserts. */
export interface Edit extends Place {
  readonly text: string;
}

/** A repair that an editor can apply. `safe`: keeps or restores the evident meaning; `review`: a choice for a person. */
export interface Fix {
  readonly title: string;
  readonly safety: "safe" | "review";
  readonly edits: readonly Edit[];
}

/** Another place that takes part in the problem. */
export interface Related {
  readonly message: string;
  readonly at: Place;
}

/** One problem, complete: everything that a terminal, an editor or a SARIF viewer shows of it. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: Severity;
  /** One sentence without a full stop, saying what is wrong. */
  readonly message: string;
  readonly at: Place;
  /** What stands beside the carets; says what was expected. */
  readonly label: string;
  /** Lines that show more than the label where there is room: they begin at the column of `at`, under the carets. */
  readonly drawing?: readonly string[];
  readonly related: readonly Related[];
  readonly fixes: readonly Fix[];
}
