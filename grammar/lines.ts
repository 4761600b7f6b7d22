/**
 * Decides which line breaks count, and which words are keywords. Inside brackets line breaks mean nothing, so they are
 * dropped there; but an unclosed bracket must not swallow the rest of the file, so a line that clearly begins a statement ends
 * every open bracket.
 */
import type { IToken, TokenType } from "chevrotain";
import { tokenMatcher } from "chevrotain";
import {
  Colon,
  Comma,
  Else,
  Equals,
  Identifier,
  If,
  Infix,
  keywords,
  LCurly,
  LParen,
  LSquare,
  Name,
  Newline,
  Prefix,
  RCurly,
  RParen,
  RSquare,
  Then,
} from "./tokens.ts";

/** True where `{` opens a map rather than a block: a value is expected after `previous`. */
function opensMap(previous: IToken | undefined): boolean {
  if (previous === undefined) return false;
  const type = previous.tokenType;
  return (
    type === Equals ||
    type === Colon ||
    type === Comma ||
    type === LParen ||
    type === LSquare ||
    awaitsOperand(previous)
  );
}

/** True for a word or sign within an expression that a value follows: an operator, `if`, `then`, `else`. */
export function awaitsOperand(token: IToken): boolean {
  const type = token.tokenType;
  return type === If || type === Then || type === Else || tokenMatcher(token, Infix) || tokenMatcher(token, Prefix);
}

/** True if the tokens from `index` on begin a statement: `name =`, `name {`, `name label {`, or a closing brace. */
function beginsStatement(tokens: IToken[], index: number): boolean {
  const first = tokens[index];
  if (first === undefined) return true;
  if (first.tokenType === RCurly) return true;
  if (!tokenMatcher(first, Name)) return false;
  const second = tokens[index + 1];
  if (second === undefined) return false;
  if (second.tokenType === Equals || second.tokenType === LCurly) return true;
  return tokenMatcher(second, Name) && tokens[index + 2]?.tokenType === LCurly;
}

/**
 * True if the bracket that is open at the line break `index` is closed before a line begins a statement without a comma
 * before it. So a call with one `name = value` a line, each with its comma, is one call for all its `=`.
 */
function closesProperly(tokens: IToken[], index: number): boolean {
  let depth = 0;
  for (let i = index; i < tokens.length; i++) {
    const type = tokens[i]!.tokenType;
    if (type === Newline) {
      const before = tokens[i - 1]?.tokenType;
      const goesOn = before === Comma || before === Newline || before === LParen || before === LSquare;
      if (!goesOn && before !== LCurly && beginsStatement(tokens, i + 1) && tokens[i + 1]?.tokenType !== RCurly)
        return false;
    } else if (type === LParen || type === LSquare || type === LCurly) depth++;
    else if (type === RParen || type === RSquare || type === RCurly) {
      if (depth === 0) return true;
      depth--;
    }
  }
  return false;
}

/** True if what stands before `next` is a property's name or a block's kind. */
function isSet(next: IToken | undefined): boolean {
  return next?.tokenType === Equals || next?.tokenType === Colon || next?.tokenType === LCurly;
}

/** Makes a keyword a plain name: `recipe = …` is a property. */
function asName(token: IToken): void {
  token.tokenType = Identifier;
  token.tokenTypeIdx = Identifier.tokenTypeIdx!;
}

/**
 * The tokens without the line breaks that mean nothing. A brace on a line of its own belongs to the line before.
 */
export function foldLines(tokens: IToken[]): IToken[] {
  const kept: IToken[] = [];
  /** Closing tokens of the open brackets; null for a block's brace. */
  const open: (TokenType | null)[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const type = token.tokenType;
    const previous = kept[kept.length - 1];
    if (type === Newline) {
      while (tokens[i + 1]?.tokenType === Newline) i++;
      if (previous === undefined || previous.tokenType === Newline) continue;
      const next = tokens[i + 1];
      const innermost = open[open.length - 1];
      if (innermost === null || innermost === undefined) {
        const braceBelongsHere =
          next?.tokenType === LCurly && (tokenMatcher(previous, Name) || previous.tokenType === Equals);
        if (!braceBelongsHere) kept.push(token);
      } else if (next !== undefined && next.tokenType === innermost) {
        // The bracket's own end.
      } else if (beginsStatement(tokens, i + 1) && !closesProperly(tokens, i)) {
        while (open.length > 0 && open[open.length - 1] !== null) open.pop();
        kept.push(token);
      }
      continue;
    }
    if (keywords.has(type) && isSet(tokens[i + 1])) asName(token);
    kept.push(token);
    if (type === LParen) open.push(RParen);
    else if (type === LSquare) open.push(RSquare);
    else if (type === LCurly) open.push(opensMap(previous) ? RCurly : null);
    else if (type === RParen || type === RSquare) {
      if (open[open.length - 1] === type) open.pop();
    } else if (type === RCurly) {
      while (open.length > 0 && (open[open.length - 1] === RParen || open[open.length - 1] === RSquare)) open.pop();
      open.pop();
    }
  }
  return kept;
}
