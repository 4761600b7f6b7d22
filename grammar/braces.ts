/**
 * When the braces of a text do not balance, its indentation tells which one is wrong. A text whose braces balance is left
 * alone, however it is indented.
 */
import { createTokenInstance, type IToken, tokenMatcher } from "chevrotain";
import { endOf } from "./literals.ts";
import { LCurly, Name, Newline, RCurly } from "./tokens.ts";

interface OpenBrace {
  /** Blanks before the first token of the line that it stands on. */
  indent: number;
  line: number;
}

export interface Balanced {
  tokens: IToken[];
  /** Closing braces that close nothing; they are no longer among `tokens`. */
  extra: IToken[];
}

/**
 * Where a `}` is missing, an empty one is put in at the end of the last line that is indented deeper; where there is one
 * too many, it is taken out. `isMissing` tells the put-in ones.
 */
export function balanceBraces(tokens: IToken[]): Balanced {
  let missing = 0;
  for (const token of tokens) {
    if (token.tokenType === LCurly) missing++;
    else if (token.tokenType === RCurly) missing--;
  }
  if (missing === 0) return { tokens, extra: [] };
  return missing > 0 ? { tokens: putIn(tokens, missing), extra: [] } : takeOut(tokens, -missing);
}

/** True for a brace that `balanceBraces` put in. */
export function isMissing(brace: IToken): boolean {
  return brace.image === "";
}

function putIn(tokens: IToken[], missing: number): IToken[] {
  const result: IToken[] = [];
  const open: OpenBrace[] = [];
  let left = missing;
  walkLines(tokens, (token, line, indent, startsLine) => {
    let innermost = open[open.length - 1];
    const ends = startsLine && (token.tokenType === RCurly || tokenMatcher(token, Name));
    while (left > 0 && ends && innermost !== undefined && innermost.line < line) {
      // A closing brace of its own belongs at its opener's indentation, a statement deeper than that.
      const outside = token.tokenType === RCurly ? indent < innermost.indent : indent <= innermost.indent;
      if (!outside) break;
      insertBeforeLineEnd(result);
      open.pop();
      left--;
      innermost = open[open.length - 1];
    }
    if (token.tokenType === LCurly) open.push({ indent, line });
    else if (token.tokenType === RCurly) open.pop();
    result.push(token);
  });
  return result;
}

function takeOut(tokens: IToken[], extra: number): Balanced {
  const result: IToken[] = [];
  const taken: IToken[] = [];
  const open: OpenBrace[] = [];
  walkLines(tokens, (token, line, indent, startsLine) => {
    const innermost = open[open.length - 1];
    if (token.tokenType === LCurly) open.push({ indent, line });
    if (token.tokenType === RCurly) {
      const fits = innermost !== undefined && (innermost.line === line || (startsLine && indent <= innermost.indent));
      if (!fits && taken.length < extra) {
        taken.push(token);
        return;
      }
      open.pop();
    }
    result.push(token);
  });
  return { tokens: result, extra: taken };
}

function walkLines(
  tokens: IToken[],
  visit: (token: IToken, line: number, indent: number, startsLine: boolean) => void,
): void {
  let line = 0;
  let lineStart = 0;
  let indent = -1;
  for (const token of tokens) {
    const startsLine = indent < 0;
    if (token.tokenType === Newline) {
      line++;
      lineStart = endOf(token);
      indent = -1;
      visit(token, line - 1, 0, false);
      continue;
    }
    if (startsLine) indent = token.startOffset - lineStart;
    visit(token, line, indent, startsLine);
  }
}

/** An empty `}` behind the last token that is no line break. */
function insertBeforeLineEnd(result: IToken[]): void {
  let at = result.length;
  while (at > 0 && result[at - 1]!.tokenType === Newline) at--;
  const offset = at > 0 ? endOf(result[at - 1]!) : 0;
  const brace = createTokenInstance(RCurly, "", offset, offset - 1, Number.NaN, Number.NaN, Number.NaN, Number.NaN);
  result.splice(at, 0, brace);
}
