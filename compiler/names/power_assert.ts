import type { Expression } from "../../grammar/ast.ts";
import type { SourceText } from "../../grammar/text.ts";
import { columns, expandTabs } from "../diagnostics/width.ts";
import type { Value } from "../values/value.ts";

/** Longest value that is drawn in full, in columns. */
const widest = 48;

/** A value and the column of the part of the expression that has it, from the expression's beginning. */
interface Mark {
  readonly column: number;
  readonly text: string;
}

/**
 * What each part of an expression came to, drawn under the part, for a person to see why the whole is what it is:
 *
 *     s64k.tokens + s128k.tokens * 2 < 100M
 *     │           │ │            │   │
 *     62,914,560  │ 125,829,120  │   false
 *                 │              251,658,240
 *                 314,572,800
 *
 * The value of an operator stands under its sign, that of anything else under its first letter; what is written as a value
 * is left out, and so is the branch of a conditional that was not taken. An expression of several lines is first repeated
 * on one.
 *
 * @param lookUp the value of a part; undefined where it has none
 * @returns lines that begin at the expression's column
 */
export function drawValues(
  node: Expression,
  text: SourceText,
  lookUp: (part: Expression) => Value | undefined,
  show: (value: Value) => string,
): string[] {
  const { line, columnOf } = oneLine(node, text);
  const marks = marksOf(node, text, lookUp, show).map(({ at, text }) => ({ column: columnOf(at), text: cut(text) }));
  const whole = text.lineAt(node.start) === text.lineAt(node.end) ? [] : [line];
  return [...whole, ...drawing(marks.sort((a, b) => a.column - b.column))];
}

type PlacedMark = { readonly at: number; readonly text: string };

function marksOf(
  node: Expression,
  text: SourceText,
  lookUp: (part: Expression) => Value | undefined,
  show: (value: Value) => string,
): PlacedMark[] {
  const own = (at: number): PlacedMark[] => {
    const value = lookUp(node);
    // A word without a value is a choice: it stands for itself.
    return value === undefined || value.kind === "word" ? [] : [{ at, text: show(value) }];
  };
  const inner = (part: Expression) => marksOf(part, text, lookUp, show);
  switch (node.kind) {
    case "name":
    case "member":
      return own(node.start);
    case "call":
      return [...own(node.start), ...node.arguments.flatMap(({ value }) => inner(value))];
    case "unary":
      return [...own(node.start), ...inner(node.operand)];
    case "binary":
      return [...inner(node.left), ...own(signOf(node.left.end, node.right.start, text)), ...inner(node.right)];
    case "group":
      return inner(node.inner);
    case "list":
      return node.items.flatMap(inner);
    case "if": {
      const condition = lookUp(node.condition);
      if (condition?.kind !== "flag") return inner(node.condition);
      return [
        ...own(node.start),
        ...inner(node.condition),
        ...inner(condition.value ? node.consequent : node.alternative),
      ];
    }
    default:
      return [];
  }
}

/** Where the sign between two operands stands: past blanks and comments. */
function signOf(from: number, to: number, text: SourceText): number {
  const between = text.slice({ start: from, end: to }).replace(/#[^\r\n]*/g, (comment) => " ".repeat(comment.length));
  return from + Math.max(0, between.search(/\S/));
}

/** An expression on one line, comments left out, and the column that each of its offsets has there. */
function oneLine(node: Expression, text: SourceText): { line: string; columnOf: (offset: number) => number } {
  const written = text.slice(node);
  const single = !/[\r\n]/.test(written);
  let line = "";
  const columnAt: number[] = [];
  const gap = single ? /$^/ : /^(?:\s|#[^\r\n]*)+/;
  for (let k = 0; k < written.length; ) {
    const skipped = gap.exec(written.slice(k))?.[0] ?? "";
    const piece = skipped === "" ? written[k]! : " ";
    const length = Math.max(1, skipped.length);
    for (let i = 0; i < length; i++) columnAt.push(columns(expandTabs(line)));
    line += piece;
    k += length;
  }
  return { line, columnOf: (offset) => columnAt[offset - node.start] ?? columns(line) };
}

function cut(text: string): string {
  return columns(text) <= widest ? text : `${[...text].slice(0, widest - 1).join("")}…`;
}

/** Bars, then the values, each as high as there is room for it, from the right. */
function drawing(marks: readonly Mark[]): string[] {
  if (marks.length === 0) return [];
  const rows = [row(marks.map(({ column }) => ({ column, text: "│" })))];
  let waiting = [...marks];
  while (waiting.length > 0) {
    const here: Mark[] = [];
    const left: Mark[] = [];
    let free = Number.POSITIVE_INFINITY;
    for (const mark of waiting.toReversed()) {
      const fits = mark.column + columns(mark.text) < free;
      here.unshift(fits ? mark : { column: mark.column, text: "│" });
      if (!fits) left.unshift(mark);
      free = mark.column;
    }
    rows.push(row(here));
    waiting = left;
  }
  return rows;
}

function row(marks: readonly Mark[]): string {
  let line = "";
  let width = 0;
  for (const { column, text } of marks) {
    line += " ".repeat(column - width) + text;
    width = column + columns(text);
  }
  return line;
}
