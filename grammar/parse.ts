/** Text → tree. */
import type { IToken } from "chevrotain";
import type { Comment, FileNode } from "./ast.ts";
import { balanceBraces } from "./braces.ts";
import { cutDeep, NESTING_LIMIT } from "./depth.ts";
import { foldLines } from "./lines.ts";
import { spanOf } from "./literals.ts";
import { extraBrace, RecipeParser } from "./parser.ts";
import type { SyntaxCode, SyntaxProblem } from "./problems.ts";
import { closers } from "./reporting.ts";
import { mendSlips } from "./slips.ts";
import { SourceText } from "./text.ts";
import { lexer, SlashRemark } from "./tokens.ts";

/** What a text is as a tree, and what is wrong with it. */
export interface Parsed {
  file: FileNode;
  /** In the order of the text, at most one for each line. */
  problems: SyntaxProblem[];
  text: SourceText;
}

let parser: RecipeParser | undefined;

/** Parses a recipe. Never throws: whatever the text is, it gives a tree and a list of problems. */
export function parse(text: string): Parsed {
  const source = new SourceText(text);
  const lexed = lexer.tokenize(text);
  parser ??= new RecipeParser();
  const { tokens: shallow, cut } = cutDeep(lexed.tokens);
  const { tokens, extra } = balanceBraces(shallow);
  const slips: SyntaxProblem[] = [];
  const mended = mendSlips(tokens, slips);
  const { file, problems } = parser.parseTokens(foldLines(mended), text.length);
  parser.input = []; // tokens take more room than the tree, and the parser stays
  problems.push(...slips);
  for (const token of cut) problems.push({ code: "CTX1022", parameters: { limit: NESTING_LIMIT }, ...spanOf(token) });
  for (const brace of extra) problems.push(extraBrace(brace));
  for (const token of lexed.groups.unknown ?? []) {
    problems.push({ code: "CTX1011", parameters: strange(token.image), ...spanOf(token) });
  }
  file.comments = comments(lexed.groups.comments ?? [], text, problems);
  return { file, problems: firstOfEachLine(withoutSwallowed(problems, source), source), text: source };
}

/** What a character is called where the language does not use it; one that can't be seen by its number, lest it change how the message reads. */
function strange(image: string): { character: string; hint: string } {
  const code = image.codePointAt(0) ?? 0;
  const seen = String.fromCodePoint(code);
  const invisible = /^[\p{C}\p{Z}\p{M}]$/u.test(seen);
  const character = invisible ? `U+${code.toString(16).toUpperCase().padStart(4, "0")}` : seen;
  const inName = /^[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]$/u.test(seen);
  return { character, hint: inName ? "names are of ASCII letters, digits and _" : "remove it" };
}

function comments(tokens: IToken[], text: string, problems: SyntaxProblem[]): Comment[] {
  return tokens.map((token) => {
    const span = spanOf(token);
    const slashes = token.tokenType === SlashRemark;
    if (slashes) {
      const edits = [{ start: span.start, end: span.start + 2, text: "#" }];
      const fixes = [{ title: "use `#`", safety: "safe" as const, edits }];
      problems.push({ code: "CTX1012", parameters: { found: "//", instead: "#" }, ...span, fixes });
    }
    return { text: token.image.slice(slashes ? 2 : 1).trim(), ownLine: startsLine(text, span.start), ...span };
  });
}

/** True if only blanks stand before `offset` on its line. */
function startsLine(text: string, offset: number): boolean {
  for (let i = offset - 1; i >= 0; i--) {
    const character = text[i]!;
    if (character === "\n" || character === "\r") return true;
    if (character.trim() !== "") return false;
  }
  return true;
}

/** A text without its closing quote swallows the brackets to the end of its line: that they are missing is no mistake of its own. */
function withoutSwallowed(problems: SyntaxProblem[], source: SourceText): SyntaxProblem[] {
  const swallowed = problems
    .filter(({ code }) => code === "CTX1008")
    .map((problem) => ({ start: problem.start, text: source.slice(problem) }));
  if (swallowed.length === 0) return problems;
  return problems.filter(({ code, parameters, start }) => {
    if (code !== "CTX1003" || !("open" in parameters)) return true;
    const close = closers[parameters.open] ?? "";
    return !swallowed.some((text) => text.start > start && text.text.includes(close));
  });
}

/** These explain whatever else is odd on their line. */
const causes: ReadonlySet<SyntaxCode> = new Set(["CTX1011", "CTX1022"]);

/** One mistake often looks like several: of each line's problems only the first is kept, or the one that explains it. */
function firstOfEachLine(problems: SyntaxProblem[], source: SourceText): SyntaxProblem[] {
  const rank = ({ code }: SyntaxProblem) => (causes.has(code) ? 0 : 1);
  const lines = new Map<number, SyntaxProblem>();
  for (const problem of problems) {
    const line = source.lineAt(problem.start);
    const best = lines.get(line);
    const better = best && (rank(problem) - rank(best) || problem.start - best.start || problem.end - best.end);
    if (better === undefined || better < 0) lines.set(line, problem);
  }
  return [...lines.values()].sort((a, b) => a.start - b.start);
}
