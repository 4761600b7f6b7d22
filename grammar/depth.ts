/** Guards the parser's stack: what nests too deeply is cut off at the end of its line. */
import type { IToken } from "chevrotain";
import * as t from "./tokens.ts";

/** Brackets and blocks within one another; also `if`s on one line. */
export const NESTING_LIMIT = 100;

/** The tokens without those that nest too deeply, and the first token of each line that lost some. */
export function cutDeep(tokens: IToken[]): { tokens: IToken[]; cut: IToken[] } {
  /** Absent while nothing is cut. */
  let kept: IToken[] | undefined;
  const cut: IToken[] = [];
  let depth = 0;
  let conditionals = 0;
  let lineStart = tokens[0];
  let cutting = false;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const type = token.tokenType;
    if (type === t.Newline) {
      conditionals = 0;
      cutting = false;
      lineStart = tokens[index + 1];
    } else if (type === t.If) conditionals++;
    const opens = type === t.LParen || type === t.LSquare || type === t.LCurly;
    if (!cutting && depth + conditionals >= NESTING_LIMIT && (opens || type === t.If)) {
      cutting = true;
      kept ??= tokens.slice(0, index);
      if (lineStart) cut.push(lineStart);
    }
    if (cutting) continue;
    if (opens) depth++;
    else if (type === t.RParen || type === t.RSquare || type === t.RCurly) depth = Math.max(0, depth - 1);
    kept?.push(token);
  }
  return { tokens: kept ?? tokens, cut };
}
