/**
 * The ground both halves of the parser stand on: where they are in the tokens, and how they report mistakes.
 *
 * Rule bodies also run once with fake tokens while the parser is built (Chevrotain's recording phase), and `ACTION` gives
 * `undefined` then; hence `ACTION` around whatever would not stand that. What every value passes through does without, and
 * without Chevrotain's gates: a parse would spend more on making closures than on reading tokens.
 */
import { EmbeddedActionsParser, EOF, type IToken, tokenMatcher } from "chevrotain";
import type { ErrorNode, Span } from "./ast.ts";
import { endOf, spanOf } from "./literals.ts";
import type { SyntaxFix, SyntaxParameters, SyntaxProblem } from "./problems.ts";
import * as t from "./tokens.ts";

/** What closes each bracket. */
export const closers: { readonly [open: string]: string } = { "{": "}", "(": ")", "[": "]" };

/** What `choose` chooses among. */
export interface Alternatives<T> {
  DEF: { GATE?: () => boolean; ALT: () => T }[];
  /** The gates decide. */
  IGNORE_AMBIGUITIES: true;
}

/** What `repeat` repeats. */
export interface Repetition {
  GATE: () => boolean;
  DEF: () => void;
}

export abstract class ReportingParser extends EmbeddedActionsParser {
  protected problems: SyntaxProblem[] = [];
  /** Where the last unclosed bracket was noticed. */
  private unclosedAt: IToken | null = null;

  constructor(options: { validate: boolean }) {
    super(t.vocabulary, { recoveryEnabled: false, maxLookahead: 1, skipValidations: !options.validate });
  }

  /** A token that may be there: none while the parser is built. */
  protected optional(read: () => IToken): IToken | undefined {
    const token = this.OPTION(read);
    return this.RECORDING_PHASE ? undefined : token;
  }

  /** The first of a rule's alternatives whose gate is open; the last one needs none. Its tokens are the gates' own business. */
  protected choose<T>(alternatives: Alternatives<T>): T {
    if (this.RECORDING_PHASE) return this.OR(alternatives);
    const { DEF } = alternatives;
    let k = 0;
    while (DEF[k]!.GATE?.() === false) k++;
    return DEF[k]!.ALT();
  }

  /** A rule's repetition for as long as its gate is open, which looks at the tokens itself, and as long as it reads any. */
  protected repeat({ GATE, DEF }: Repetition): void {
    if (this.RECORDING_PHASE) this.MANY({ GATE, DEF });
    for (let before: IToken | null = null; !this.RECORDING_PHASE && before !== this.LA(1) && GATE(); ) {
      before = this.LA(1);
      DEF();
    }
  }

  protected begin(tokens: IToken[]): void {
    this.input = tokens;
    this.problems = [];
    this.unclosedAt = null;
  }

  protected readonly pushProblem = (problem: SyntaxProblem): void => {
    this.problems.push(problem);
  };

  protected report<Code extends keyof SyntaxParameters>(
    code: Code,
    parameters: SyntaxParameters[Code],
    span: Span,
    ...fixes: SyntaxFix[]
  ): void {
    const { start, end } = span;
    this.problems.push({ code, parameters, start, end, ...(fixes.length > 0 ? { fixes } : {}) } as SyntaxProblem);
  }

  /** `what` has to follow `keyword` and does not. */
  protected expected(keyword: IToken, what: string): void {
    this.report("CTX1016", { keyword: keyword.image, expected: what }, spanOf(keyword));
  }

  /** Another language's operator. */
  protected otherSpelling(token: IToken, instead: string): void {
    const span = spanOf(token);
    this.report("CTX1012", { found: token.image, instead }, span, {
      title: `replace \`${token.image}\` with \`${instead}\``,
      safety: "safe",
      edits: [{ ...span, text: instead }],
    });
  }

  /** Of brackets that end at the same place only the innermost is reported: the others are mostly the same mistake. */
  protected unclosed(open: string, owner: string, span: Span): void {
    const here = this.LA(1);
    if (here === this.unclosedAt) return;
    this.unclosedAt = here;
    const end = endOf(this.LA(0));
    const close = closers[open] ?? "";
    this.report("CTX1003", { open, owner }, span, {
      title: `insert \`${close}\``,
      safety: "review",
      edits: [{ start: end, end, text: open === "{" ? ` ${close}` : close }],
    });
  }

  /** Ends a node at the last token read. */
  protected finish<Node extends Span>(node: Node): Node {
    node.end = Math.max(node.end, endOf(this.LA(0)));
    return node;
  }

  /** An empty error node right after the last token. */
  protected errorHere(): ErrorNode {
    const last = this.LA(0);
    const at = isReal(last) ? endOf(last) : 0;
    return { kind: "error", start: at, end: at };
  }

  /** True if a statement begins at token `ahead`: `name =`, `name {` or `name label {`. */
  protected atStatement(ahead = 1): boolean {
    if (!tokenMatcher(this.LA(ahead), t.Name)) return false;
    const second = this.LA(ahead + 1);
    if (second.tokenType === t.Equals || second.tokenType === t.LCurly) return true;
    return tokenMatcher(second, t.Name) && this.LA(ahead + 2).tokenType === t.LCurly;
  }

  /** At a name that can't be a value, since it is being set or opens a block. In `theta = base stage s {` it is one: the label comes after. */
  protected atSetName(): boolean {
    if (!tokenMatcher(this.LA(1), t.Name)) return false;
    const { tokenType } = this.LA(2);
    return tokenType === t.Equals || tokenType === t.LCurly;
  }
}

/** False for the end-of-file token that stands before the first and after the last one. */
export function isReal(token: IToken | undefined): token is IToken {
  return token !== undefined && !tokenMatcher(token, EOF) && !Number.isNaN(token.startOffset);
}
