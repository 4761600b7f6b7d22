/** Lists, maps and the arguments of calls: values between brackets, with commas. */
import { type IToken, type ParserMethod, type TokenType, tokenMatcher } from "chevrotain";
import type {
  Argument,
  CallNode,
  Expression,
  GroupNode,
  ListNode,
  MapEntry,
  MapNode,
  NameNode,
  Span,
  TextNode,
} from "./ast.ts";
import { isMissing } from "./braces.ts";
import { endOf, groupedInBrackets, nameNode, spanOf, textNode } from "./literals.ts";
import { type Alternatives, ReportingParser } from "./reporting.ts";
import * as t from "./tokens.ts";

/** What has values between brackets. */
type Bracketed = CallNode | ListNode | MapNode;

/** The bracket whose values are being read. */
interface Bracket {
  readonly node: Bracketed;
  /** The value that a comma has to follow. */
  commaDue: Span | null;
}

export abstract class BracketParser extends ReportingParser {
  protected abstract readonly expression: ParserMethod<[], Expression>;
  /** End of the last number that commas cut into pieces, which has been reported. */
  protected groupedTo = 0;
  private bracket: Bracket = { node: { kind: "list", items: [], start: 0, end: 0 }, commaDue: null };

  protected readonly group = this.RULE("group", (): Expression => {
    const open = this.CONSUME(t.LParen);
    const inner = this.SUBRULE(this.expression);
    this.SUBRULE(this.closeParen, { ARGS: [open, null] });
    return this.ACTION(() => this.finish<GroupNode>({ kind: "group", inner, ...spanOf(open) }));
  });

  /** The parentheses of a call, and what is in them. */
  protected readonly callOf = this.RULE("callOf", (called: Expression): Expression => {
    const open = this.CONSUME(t.LParen);
    const callee = called as CallNode["callee"];
    const node: CallNode = { kind: "call", callee, arguments: [], start: callee?.start ?? 0, end: endOf(open) };
    this.SUBRULE(this.contents, { ARGS: [node] });
    this.SUBRULE(this.closeParen, { ARGS: [open, called] });
    return this.finish(node);
  });

  private readonly rightParen = () => this.CONSUME(t.RParen);

  private readonly closeParen = this.RULE(
    "closeParen",
    (open: IToken = this.LA(0), called: Expression | null = null) => {
      const close = this.optional(this.rightParen);
      if (!close) this.unclosed("(", called?.kind === "name" ? called.name : "", spanOf(open));
    },
  );

  private readonly rightSquare = () => this.CONSUME(t.RSquare);

  protected readonly list = this.RULE("list", (): Expression => {
    const open = this.CONSUME(t.LSquare);
    const node: ListNode = { kind: "list", items: [], ...spanOf(open) };
    this.SUBRULE(this.contents, { ARGS: [node] });
    const close = this.optional(this.rightSquare);
    if (!close) this.unclosed("[", "", spanOf(open));
    return this.finish(node);
  });

  protected readonly map = this.RULE("map", (): Expression => {
    const open = this.CONSUME(t.LCurly);
    const node: MapNode = { kind: "map", entries: [], ...spanOf(open) };
    this.SUBRULE(this.contents, { ARGS: [node] });
    let close: IToken | undefined;
    this.OPTION(() => {
      close = this.CONSUME(t.RCurly);
    });
    return this.ACTION(() => {
      if (!close || isMissing(close)) this.unclosed("{", "", spanOf(open));
      return this.finish(node);
    });
  });

  private readonly inBracket: Alternatives<unknown> = {
    DEF: [
      { GATE: () => this.LA(1).tokenType === t.Comma, ALT: () => this.SUBRULE(this.comma) },
      { GATE: () => !this.atContent(), ALT: () => this.SUBRULE(this.strayInBracket) },
      { GATE: () => this.bracket.node.kind === "call", ALT: () => this.SUBRULE(this.argument) },
      { GATE: () => this.bracket.node.kind === "list", ALT: () => this.SUBRULE(this.item) },
      { ALT: () => this.SUBRULE(this.entry) },
    ],
    IGNORE_AMBIGUITIES: true,
  };

  private readonly goingOn = {
    GATE: () => this.bracketGoesOn(),
    DEF: () => {
      this.choose(this.inBracket);
    },
  };

  /** Values and commas up to the closing bracket, or to where the bracket clearly has been forgotten. */
  private readonly contents = this.RULE("contents", (node: Bracketed) => {
    const around = this.bracket;
    this.bracket = { node, commaDue: null };
    this.repeat(this.goingOn);
    this.bracket = around;
  });

  private readonly argumentName = {
    GATE: () => this.LA(2).tokenType === t.Colon || this.LA(2).tokenType === t.Equals,
    DEF: () => this.SUBRULE(this.key),
  };

  private readonly argument = this.RULE("argument", () => {
    this.expectComma();
    const missing = this.errorHere();
    const node: Argument = { name: null, value: missing, start: missing.start, end: missing.end };
    if (this.bracket.node.kind === "call") this.bracket.node.arguments.push(node);
    node.name = this.OPTION(this.argumentName) ?? null;
    node.value = this.SUBRULE(this.expression);
    node.start = (node.name ?? node.value).start;
    node.end = node.value.end;
    this.valueRead();
  });

  private readonly item = this.RULE("item", () => {
    this.expectComma();
    const value = this.SUBRULE(this.expression);
    if (this.bracket.node.kind === "list") this.bracket.node.items.push(value);
    this.valueRead();
  });

  private readonly keys: { ALT: () => NameNode | TextNode }[] = [
    { ALT: () => this.SUBRULE(this.key) },
    {
      ALT: () => {
        const text = this.CONSUME(t.AnyText);
        this.CONSUME(t.Colon);
        return this.ACTION(() => textNode(text, this.pushProblem));
      },
    },
  ];

  private readonly entry = this.RULE("entry", () => {
    this.expectComma();
    const node: MapEntry = { key: nameNode(this.LA(1)), value: this.errorHere(), ...spanOf(this.LA(1)) };
    if (this.bracket.node.kind === "map") this.bracket.node.entries.push(node);
    node.key = this.OR(this.keys);
    node.value = this.SUBRULE(this.expression);
    this.finish(node);
    this.valueRead();
  });

  private readonly afterKey = [
    { ALT: () => this.CONSUME(t.Colon) },
    {
      ALT: () => {
        const name = this.LA(0);
        const sign = this.CONSUME(t.Equals);
        this.ACTION(() => {
          this.report("CTX1014", { name: name.image }, spanOf(sign), {
            title: "replace `=` with `:`",
            safety: "safe",
            edits: [{ start: endOf(name), end: endOf(sign), text: ":" }],
          });
        });
      },
    },
  ];

  /** `name:` of an argument or a map's entry. */
  private readonly key = this.RULE("key", (): NameNode => {
    const name = this.CONSUME(t.Name);
    this.OR<unknown>(this.afterKey);
    return nameNode(name);
  });

  private readonly comma = this.RULE("comma", () => {
    const token = this.CONSUME(t.Comma);
    if (this.bracket.commaDue === null) this.report("CTX1002", { after: "," }, spanOf(token));
    this.bracket.commaDue = null;
    this.ACTION(() => {
      const grouped = token.startOffset < this.groupedTo ? undefined : groupedInBrackets((ahead) => this.LA(ahead));
      if (!grouped) return;
      this.groupedTo = grouped.end;
      this.pushProblem(grouped);
    });
  });

  /** One token that is neither a value nor the bracket's end. */
  private readonly strayInBracket = this.RULE("strayInBracket", () => {
    const token = this.OR([
      { ALT: () => this.CONSUME(t.Stray) },
      { ALT: () => this.CONSUME(t.Name) },
      { ALT: () => this.CONSUME(t.LCurly) },
    ]);
    this.ACTION(() => this.report("CTX1001", { found: token.image }, spanOf(token)));
  });

  /** A value begins: the comma after the one before must have come. */
  private expectComma(): void {
    const due = this.bracket.commaDue;
    if (due === null) return;
    const edits = [{ start: due.end, end: due.end, text: "," }];
    this.report("CTX1010", {}, spanOf(this.LA(1)), { title: "insert `,`", safety: "safe", edits });
    this.bracket.commaDue = null;
  }

  private valueRead(): void {
    this.bracket.commaDue = spanOf(this.LA(0));
  }

  /** False at a closing bracket, a line's end and a statement; in calls and maps `name =` is a slip for `name:`. */
  private bracketGoesOn(): boolean {
    const first = this.LA(1);
    const type = first.tokenType;
    if (type === t.RCurly || type === t.RParen || type === t.RSquare) return false;
    if (tokenMatcher(first, t.Name)) {
      return !this.atStatement() || (this.bracket.node.kind !== "list" && this.LA(2).tokenType === t.Equals);
    }
    return type === t.Comma || type === t.LCurly || tokenMatcher(first, t.Stray);
  }

  /** True at what the bracket holds: a map's entry, or a value. */
  private atContent(): boolean {
    return this.bracket.node.kind === "map" ? this.atEntry() : startsExpression(this.LA(1));
  }

  /** `name:`, `"text":`, or `name =` by mistake. */
  private atEntry(): boolean {
    const first = this.LA(1);
    const second = this.LA(2).tokenType;
    if (tokenMatcher(first, t.Name)) return second === t.Colon || second === t.Equals;
    return second === t.Colon && tokenMatcher(first, t.AnyText);
  }
}

const opening = [t.NumberLiteral, t.LParen, t.LSquare, t.LCurly, t.If, t.Name, t.AnyText, t.Flag, t.Prefix];
const openers: ReadonlySet<TokenType> = new Set(
  t.vocabulary.filter((type) => [type, ...(type.CATEGORIES ?? [])].some((each) => opening.includes(each))),
);

/** True if the token can begin a value. */
export function startsExpression(token: IToken): boolean {
  return openers.has(token.tokenType);
}
