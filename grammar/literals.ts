/** Tokens → nodes of names, numbers and texts, with the mistakes that can be inside one token. */
import type { IToken } from "chevrotain";
import type { ErrorNode, NameNode, NumberNode, Span, TextNode } from "./ast.ts";
import type { SyntaxProblem } from "./problems.ts";
import { Comma, NumberLiteral, OpenText, OtherText } from "./tokens.ts";
import { literalValue, units } from "./units.ts";

export function endOf(token: IToken): number {
  return token.startOffset + token.image.length;
}

export function spanOf(token: IToken): Span {
  return { start: token.startOffset, end: endOf(token) };
}

export function nameNode(token: IToken): NameNode {
  return { kind: "name", name: token.image, start: token.startOffset, end: endOf(token) };
}

/** What a number begins with; its unit comes after. */
const leadingDigits = /\d[\d_]*(?:\.\d[\d_]*)*(?:[eE][+-]?\d+)?/y;

/** What keeps digits from being a number. */
function faultOf(digits: string): string | undefined {
  if (/\..*\./.test(digits)) return "a number has one decimal point";
  if (/^0_*\d/.test(digits)) return "a number does not begin with a zero, unless a point follows";
  return /__|_(?!\d)/.test(digits) ? "an underscore stands alone between two digits: 4_096" : undefined;
}

const known = "known are K M B T (powers of 1000), Ki Mi Gi (powers of 1024), %, KiB … TB, ms s min h d";

/** Units that a suffix in other letters may mean, those of tokens first: `k` is Ki or K, `KI` is Ki. */
export function unitsLike(suffix: string): string[] {
  const written = suffix.toLowerCase();
  const like = Object.keys(units).filter((unit) => unit.toLowerCase() === written);
  const binary = Object.keys(units).filter((unit) => unit.toLowerCase() === `${written}i`);
  return [...binary, ...like];
}

/**
 * The number, or an error node if it is none or its suffix is no unit.
 *
 * @param told whether it is part of what has been reported already
 */
export function numberNode(
  token: IToken,
  report: (problem: SyntaxProblem) => void,
  told = false,
): NumberNode | ErrorNode {
  if (told) return { kind: "error", ...spanOf(token) };
  leadingDigits.lastIndex = 0;
  const length = leadingDigits.test(token.image) ? leadingDigits.lastIndex : token.image.length;
  const digits = token.image.slice(0, length);
  const suffix = token.image.slice(length);
  const hint = faultOf(digits);
  if (hint !== undefined) {
    const { start, end } = spanOf(token);
    const place = { start, end: start + digits.length };
    const mended = digits
      .replace(/_+/g, "_")
      .replace(/_(?!\d)/g, "")
      .replace(/^[0_]+(?=\d)/, "");
    const edits = [{ ...place, text: mended }];
    const fixes = faultOf(mended) ? [] : [{ title: `write ${mended}`, safety: "safe" as const, edits }];
    report({ code: "CTX1023", parameters: { number: digits, hint }, ...place, fixes });
    return { kind: "error", start, end };
  }
  if (suffix !== "" && !Object.hasOwn(units, suffix)) {
    const { start, end } = spanOf(token);
    const place = { start: start + digits.length, end };
    const meant = unitsLike(suffix);
    const safety = meant.length === 1 ? ("safe" as const) : ("review" as const);
    const fixes = meant.map((unit) => ({ title: digits + unit, safety, edits: [{ ...place, text: unit }] }));
    const choice = meant
      .map((unit) => `${digits}${unit} (${literalValue(digits, unit).toLocaleString("en-US")})`)
      .join(" or ");
    const hint = meant.length === 0 ? known : meant.length === 1 ? `write ${digits}${meant[0]}` : `write ${choice}`;
    report({ code: "CTX1009", parameters: { unit: suffix, hint }, ...place, fixes });
    return { kind: "error", start, end };
  }
  const unit = suffix === "" ? null : suffix;
  return { kind: "number", value: literalValue(digits, unit), unit, start: token.startOffset, end: endOf(token) };
}

/**
 * A number whose thousands are set apart by commas, `1,024`, as the problem that it is.
 *
 * @param at the parser's tokens, 0 being the first comma
 */
export function groupedDigits(at: (ahead: number) => IToken): SyntaxProblem | undefined {
  const groups = groupsAt(at);
  return groups.length > 1 ? joined(groups, "safe") : undefined;
}

/**
 * The same between brackets, where commas stand between values: `[1,024]` can't be two, since no number begins with a zero. Of `[8,192]` there is
 * no telling, and `[1,000,500]` may be two as well.
 */
export function groupedInBrackets(at: (ahead: number) => IToken): SyntaxProblem | undefined {
  const groups = groupsAt(at);
  if (!groups.slice(1).some(({ image }) => image.startsWith("0"))) return undefined;
  return joined(groups, groups.length === 2 ? "safe" : "review");
}

/** Numbers of three digits that hang together by commas, the first of one to three. */
function groupsAt(at: (ahead: number) => IToken): IToken[] {
  const first = at(-1);
  if (first.tokenType !== NumberLiteral || !/^[1-9]\d{0,2}$/.test(first.image)) return [];
  const groups = [first];
  for (let ahead = 0; at(ahead).tokenType === Comma; ahead += 2) {
    const [comma, group] = [at(ahead), at(ahead + 1)];
    const attached = comma.startOffset === endOf(groups.at(-1)!) && group.startOffset === endOf(comma);
    if (!attached || group.tokenType !== NumberLiteral || !/^\d{3}(?!\d)/.test(group.image)) break;
    groups.push(group);
  }
  return groups;
}

function joined(groups: readonly IToken[], safety: "safe" | "review"): SyntaxProblem {
  const written = (separator: string) => groups.map(({ image }) => image).join(separator);
  const place = { start: groups[0]!.startOffset, end: endOf(groups.at(-1)!) };
  const hint = "digits are set apart by underscores, if at all";
  const fix = { title: `write ${written("_")}`, safety, edits: [{ ...place, text: written("_") }] };
  return { code: "CTX1023", parameters: { number: written(","), hint }, ...place, fixes: [fix] };
}

const escapes: { readonly [letter: string]: string } = { '"': '"', "\\": "\\", n: "\n", t: "\t", r: "\r" };

/** A text in any quotes; escapes are `\"`, `\\`, `\n`, `\t`, `\r` and `\u0041`. */
export function textNode(token: IToken, report: (problem: SyntaxProblem) => void): TextNode {
  const { image, startOffset: start } = token;
  const end = endOf(token);
  if (token.tokenType === OtherText) {
    const inner = image.slice(1, -1);
    const instead = `"${inner.replaceAll('"', '\\"')}"`;
    report({
      code: "CTX1012",
      parameters: { found: image[0]!, instead: '"' },
      start,
      end,
      fixes: [{ title: 'use `"`', safety: "safe", edits: [{ start, end, text: instead }] }],
    });
    return { kind: "text", value: inner, start, end };
  }
  const open = token.tokenType === OpenText;
  if (open) {
    // Brackets at the end of the line are more often meant to close than to be text.
    const [brackets = ""] = /[\s)\]}]*$/.exec(image) ?? [];
    const at = end - brackets.length;
    const title = brackets.trim() ? `insert \`"\` before ${brackets.trim()}` : 'insert `"` at the end of the line';
    const fixes = [{ title, safety: "review" as const, edits: [{ start: at, end: at, text: '"' }] }];
    report({ code: "CTX1008", parameters: {}, start, end, fixes });
  }
  const inner = image.slice(1, open ? image.length : -1);
  if (!inner.includes("\\")) return { kind: "text", value: inner, start, end };
  const value = inner.replace(
    /\\(?:u([0-9a-fA-F]{4})|(.?))/gsu,
    (written, code: string | undefined, letter, at: number) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      const known = escapes[letter as string];
      if (known !== undefined) return known;
      const from = start + 1 + at;
      report({ code: "CTX1021", parameters: { escape: written }, start: from, end: from + written.length });
      return letter as string;
    },
  );
  return { kind: "text", value, start, end };
}
