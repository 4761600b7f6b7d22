/** Blanks between two tokens of one row. */
import { type IToken, tokenMatcher } from "chevrotain";
import { endOf } from "../literals.ts";
import * as t from "../tokens.ts";
import type { Layout } from "./layout.ts";

/** The blanks before `token`, which follows `previous` on the same row. */
export function gap(previous: IToken, token: IToken, layout: Layout): string {
  const at = token.startOffset;
  if (layout.statements.has(at)) return layout.opens.has(previous.startOffset) ? " " : "  ";
  const [before, after] = [previous.tokenType, token.tokenType];
  if (after === t.Comma || after === t.Colon || after === t.RParen || after === t.RSquare) return "";
  if (before === t.LParen || before === t.LSquare) return "";
  if (before === t.Dot || after === t.Dot || before === t.Range || after === t.Range) return "";
  if (before === t.LCurly && after === t.RCurly && !layout.opens.has(previous.startOffset)) return "";
  if (after === t.LParen && isCall(previous, layout)) return "";
  if (layout.signs.has(previous.startOffset) && isSign(previous)) return "";
  return " ";
}

function isSign(token: IToken): boolean {
  return token.tokenType === t.Minus || token.tokenType === t.Plus;
}

function isCall(previous: IToken, layout: Layout): boolean {
  return tokenMatcher(previous, t.Name) && layout.calls.has(endOf(previous));
}
