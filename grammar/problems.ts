/**
 * What can be wrong with a text as syntax. This file holds the codes, what each means and the parameters of its
 * message; the wording is in the compiler's catalogue of diagnostics, which holds every other code too.
 */
import type { Span } from "./ast.ts";

/** Code → parameters of its message. */
export interface SyntaxParameters {
  /** Something stands where only a property or a block can: `found` is its text. */
  CTX1001: { found: string };
  /** A value is missing: after `after` (`=`, an operator, `(` …) stands nothing that begins an expression. */
  CTX1002: { after: string };
  /** A bracket `open` (`{`, `(` or `[`) is never closed; `owner` says whose it is (`stage s64k`, `adamw`, or empty). Reported
   * at the innermost one, with the bracket's place as the problem's. */
  CTX1003: { open: string; owner: string };
  /** A closing bracket `close` has nothing to close. */
  CTX1004: { close: string };
  /** `name: value` where `name = value` is meant. */
  CTX1005: { name: string };
  /** `name value` without `=`. */
  CTX1006: { name: string };
  /** A name alone, with neither `=` nor `{` after it. */
  CTX1007: { name: string };
  /** A text without its closing quote. */
  CTX1008: Record<never, never>;
  /** A number has a suffix that is no unit. */
  CTX1009: { unit: string; hint: string };
  /** A comma is missing before this value of a list, map or call. */
  CTX1010: Record<never, never>;
  /** A character that the language does not use. */
  CTX1011: { character: string; hint: string };
  /** Another spelling: `&&` for `and`, `**` for `^`, `'…'` for `"…"`, `//` for `#`; `x 2` for `x2`, `64 Ki` for `64Ki`, `s-1k` for `s_1k`. */
  CTX1012: { found: string; instead: string };
  /** A comma between properties or blocks. */
  CTX1013: Record<never, never>;
  /** `name = value` inside a call or map, where `name: value` is meant. */
  CTX1014: { name: string };
  /** `kind = { … }` where a block `kind { … }` is meant. */
  CTX1015: { name: string };
  /** What has to follow the keyword, or the `.` of a member, is missing: `expected` is `name`, `text`, `number`, `then` or `else`. */
  CTX1016: { keyword: string; expected: string };
  /** The keyword's statement belongs at the top level of the file, not into a block. */
  CTX1017: { keyword: string };
  /** A block's label is not a name (a number or a text). */
  CTX1018: { label: string };
  /** Comparisons do not chain: `a < b < c`. */
  CTX1019: { operator: string };
  /** A step (`x2`, or `+ 10%`) without a range, a range of ranges, or a bound that needs parentheses. */
  CTX1020: { found: string };
  /** An escape in a text that does not exist. */
  CTX1021: { escape: string };
  /** Nested, or chained, beyond `limit`. */
  CTX1022: { limit: number };
  /** Digits that are no number: `5.1.2`, `5__12`, `5_`, `1,024`. */
  CTX1023: { number: string; hint: string };
  /** A word where a statement begins is nearly a keyword, and what follows fits that keyword: `parm gpus = 8`. */
  CTX1024: { found: string; keyword: string };
}

/** Codes of syntax problems, CTX1xxx. */
export type SyntaxCode = keyof SyntaxParameters;

/** Another place that takes part in a problem. */
export interface SyntaxRelated extends Span {
  note: string;
}

/** Replaces the text of a span; empty text deletes, an empty span inserts. */
export interface SyntaxEdit extends Span {
  text: string;
}

/** A repair that an editor can apply. */
export interface SyntaxFix {
  title: string;
  /** `safe` fixes keep the meaning that was clearly intended; `review` ones are a guess. */
  safety: "safe" | "review";
  edits: SyntaxEdit[];
}

/** One mistake in the text. */
export interface SyntaxProblem<Code extends SyntaxCode = SyntaxCode> extends Span {
  code: Code;
  parameters: { [C in SyntaxCode]: SyntaxParameters[C] }[Code];
  related?: SyntaxRelated[];
  fixes?: SyntaxFix[];
}

/** Every code above, for tests that hold the catalogue complete. */
export const syntaxCodes: readonly SyntaxCode[] = [
  "CTX1001",
  "CTX1002",
  "CTX1003",
  "CTX1004",
  "CTX1005",
  "CTX1006",
  "CTX1007",
  "CTX1008",
  "CTX1009",
  "CTX1010",
  "CTX1011",
  "CTX1012",
  "CTX1013",
  "CTX1014",
  "CTX1015",
  "CTX1016",
  "CTX1017",
  "CTX1018",
  "CTX1019",
  "CTX1020",
  "CTX1021",
  "CTX1022",
  "CTX1023",
  "CTX1024",
];
