/**
 * Slips that are easier seen in the tokens than in the grammar: a keyword misspelt (`parm gpus = 8`), a range's step or a
 * number's unit written apart (`x 2`, `64 Ki`), a name with dashes (`stage s-64k`). Each is reported once and taken for what was meant, so that nothing else on
 * the line, nor the name it defines, is held against the recipe.
 */
import { createTokenInstance, type IToken, type TokenType, tokenMatcher } from "chevrotain";
import { closest } from "./closest.ts";
import { endOf, spanOf } from "./literals.ts";
import type { SyntaxProblem } from "./problems.ts";
import * as t from "./tokens.ts";
import { units } from "./units.ts";

const keywordNames = [...t.keywords].map(({ name }) => name.toLowerCase());

/** The tokens with slips mended. Keywords are mended in place: the text keeps its offsets. */
export function mendSlips(tokens: IToken[], problems: SyntaxProblem[]): IToken[] {
  /** Absent while no two tokens are joined. */
  let kept: IToken[] | undefined;
  let depth = 0;
  /** Whether a `..` stands before on the line. */
  let inRange = false;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const { tokenType } = token;
    const next = tokens[i + 1];
    if (opening.has(tokenType)) depth++;
    else if (closing.has(tokenType)) depth--;
    if (tokenType === t.Newline || tokenType === t.Equals || tokenType === t.Comma) inRange = false;
    else if (tokenType === t.Range) inRange = true;
    else if (tokenType === t.Identifier && inRange && token.image === "x" && isPlainNumber(next)) {
      kept ??= tokens.slice(0, i);
      kept.push(joined(token, next, t.Factor, problems));
      i++;
      continue;
    } else if (isPlainNumber(token) && isUnit(next) && !isSetAt(tokens, i + 1)) {
      kept ??= tokens.slice(0, i);
      kept.push(joined(token, next, t.NumberLiteral, problems));
      i++;
      continue;
    } else if (tokenType === t.Identifier && dashes(tokens, i) > 0) {
      kept ??= tokens.slice(0, i);
      const end = i + 2 * dashes(tokens, i) + 1;
      kept.push(undashed(tokens.slice(i, end), problems));
      i = end - 1;
      continue;
    } else if (tokenType === t.Identifier && depth === 0 && beginsLine(tokens, i)) mendKeyword(tokens, i, problems);
    kept?.push(token);
  }
  return kept ?? tokens;
}

const opening: ReadonlySet<TokenType> = new Set([t.LCurly, t.LParen, t.LSquare]);
const closing: ReadonlySet<TokenType> = new Set([t.RCurly, t.RParen, t.RSquare]);

function beginsLine(tokens: readonly IToken[], index: number): boolean {
  const last = tokens[index - 1];
  return last === undefined || last.tokenType === t.Newline;
}

/** Takes a word for the keyword that it nearly is, where what follows fits that keyword and no property or block. */
function mendKeyword(tokens: readonly IToken[], index: number, problems: SyntaxProblem[]): void {
  const token = tokens[index]!;
  const [second, third] = [tokens[index + 1], tokens[index + 2]];
  if (second === undefined || second.tokenType === t.Newline || second.tokenType === t.LCurly) return;
  if (second.tokenType === t.Equals || second.tokenType === t.Colon || third?.tokenType === t.LCurly) return;
  const meant = closest(token.image, keywordNames);
  const fits =
    meant === "param" || meant === "let"
      ? tokenMatcher(second, t.Name) && (third?.tokenType === t.Equals || third?.tokenType === t.Colon)
      : meant === "import"
        ? tokenMatcher(second, t.AnyText)
        : meant === "ctx"
          ? second.tokenType === t.NumberLiteral && endsLine(third)
          : meant === "recipe"
            ? tokenMatcher(second, t.Name) && endsLine(third)
            : meant === "require" &&
              (tokenMatcher(second, t.Name) || second.tokenType === t.LParen) &&
              !endsLine(third);
  if (meant === undefined || !fits) return;
  const span = spanOf(token);
  const fix = {
    title: `${meant} instead of ${token.image}`,
    safety: "safe" as const,
    edits: [{ ...span, text: meant }],
  };
  problems.push({ code: "CTX1024", parameters: { found: token.image, keyword: meant }, ...span, fixes: [fix] });
  const type = [...t.keywords].find(({ name }) => name.toLowerCase() === meant)!;
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx!;
}

function endsLine(token: IToken | undefined): boolean {
  return token === undefined || token.tokenType === t.Newline;
}

function isPlainNumber(token: IToken | undefined): token is IToken {
  return token?.tokenType === t.NumberLiteral && /^\d[\d_]*(\.\d+)?$/.test(token.image);
}

function isUnit(token: IToken | undefined): token is IToken {
  return token?.tokenType === t.Identifier && Object.hasOwn(units, token.image);
}

/** True if the name at `index` is being set, opens a block or is called: then it is no unit. */
function isSetAt(tokens: readonly IToken[], index: number): boolean {
  const type = tokens[index + 1]?.tokenType;
  return type === t.Equals || type === t.Colon || type === t.LCurly || type === t.LParen || type === t.Dot;
}

/** What a name stands behind at the top of a file. */
const definers: ReadonlySet<TokenType> = new Set([t.Recipe, t.Param, t.Let]);

/** Dashes in the name that begins at `index`, where only a name can stand: behind a keyword, as a block's label, or as a key. */
function dashes(tokens: readonly IToken[], index: number): number {
  let end = index;
  while (isDashed(tokens, end)) end += 2;
  if (end === index) return 0;
  const before = tokens[index - 1];
  const after = tokens[end + 1]?.tokenType;
  const isLabel = after === t.LCurly && before !== undefined && tokenMatcher(before, t.Name);
  const isName = isLabel || after === t.Colon || (before !== undefined && definers.has(before.tokenType));
  return isName ? (end - index) / 2 : 0;
}

/** True if a dash and more of a name follow the token at `index` without a blank. */
function isDashed(tokens: readonly IToken[], index: number): boolean {
  const [first, dash, second] = [tokens[index]!, tokens[index + 1], tokens[index + 2]];
  if (dash?.tokenType !== t.Minus || second === undefined || !/^\w+$/.test(second.image)) return false;
  return dash.startOffset === endOf(first) && second.startOffset === endOf(dash);
}

/** A name with dashes as the one with underscores. */
function undashed(tokens: readonly IToken[], problems: SyntaxProblem[]): IToken {
  const found = tokens.map(({ image }) => image).join("");
  return meantToken(tokens, found, found.replaceAll("-", "_"), t.Identifier, problems);
}

/** Two tokens as the one that was meant. */
function joined(first: IToken, second: IToken, type: TokenType, problems: SyntaxProblem[]): IToken {
  return meantToken([first, second], `${first.image} ${second.image}`, first.image + second.image, type, problems);
}

/** Reports tokens that stand for one, which is written otherwise, and gives that. */
function meantToken(
  tokens: readonly IToken[],
  found: string,
  image: string,
  type: TokenType,
  problems: SyntaxProblem[],
): IToken {
  const span = { start: tokens[0]!.startOffset, end: endOf(tokens.at(-1)!) };
  const fix = { title: image, safety: "safe" as const, edits: [{ ...span, text: image }] };
  problems.push({ code: "CTX1012", parameters: { found, instead: image }, ...span, fixes: [fix] });
  const none = Number.NaN;
  return createTokenInstance(type, image, span.start, span.end - 1, none, none, none, none);
}
