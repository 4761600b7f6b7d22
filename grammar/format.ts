/** One style for all recipes. */
import { alignedLines } from "./format/align.ts";
import { layoutOf } from "./format/layout.ts";
import { rowsOf } from "./format/rows.ts";
import { parse } from "./parse.ts";
import { lexer, Newline } from "./tokens.ts";

/**
 * Formats a recipe: two blanks a level, aligned columns, the author's line breaks and comments kept, the line ending of the
 * text's first line everywhere. Formatting twice changes nothing, and the tree stays the same. A text with syntax problems
 * comes back as it is; `parse` tells which.
 */
export function format(text: string): string {
  const { file, problems, text: source } = parse(text);
  if (problems.length > 0) return text;
  const { tokens, groups } = lexer.tokenize(text);
  const all = [...tokens.filter((token) => token.tokenType !== Newline), ...(groups.comments ?? [])];
  all.sort((a, b) => a.startOffset - b.startOffset);
  const rows = rowsOf(all, layoutOf(file, source), source);
  const lines = alignedLines(rows);
  const result = lines.flatMap((line, index) => (rows[index]!.blankBefore ? ["", line] : [line]));
  const ending = /\r\n|\n|\r/.exec(text)?.[0] ?? "\n";
  return result.map((line) => line + ending).join("");
}
