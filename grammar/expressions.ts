/** The half of the parser that reads values. Operators are read as a flat chain; precedence.ts makes it a tree. */
import { type IToken, type TokenType, tokenMatcher } from "chevrotain";
import type {
  Argument,
  CallNode,
  ConditionalNode,
  ErrorNode,
  Expression,
  GroupNode,
  ListNode,
  MapEntry,
  MapNode,
  NameNode,
  Span,
  TextNode,
  UnaryOperator,
} from "./ast.ts";
import { isMissing } from "./braces.ts";
import { endOf, nameNode, numberNode, spanOf, textNode } from "./literals.ts";
import { buildExpression, type Chain, type Operand } from "./precedence.ts";
import { isReal, ReportingParser } from "./reporting.ts";
import * as t from "./tokens.ts";

/** Brackets, blocks and conditionals within one another. */
const NESTING_LIMIT = 100;
/** Operands and signs of one expression without brackets. */
const CHAIN_LIMIT = 1000;

/** What the loop over the values of one bracket remembers: the value that a comma has to follow. */
interface Commas {
  due: Span | null;
}

/** What has values between brackets. */
type Bracketed = CallNode | ListNode | MapNode;

export abstract class ExpressionParser extends ReportingParser {
  private readonly lost = { recoveryValueFunc: (): ErrorNode => this.errorHere() };

  readonly expression = this.RULE(
    "expression",
    (): Expression => {
      const chain: Chain = { operands: [], operators: [] };
      this.SUBRULE(this.operand, { ARGS: [chain] });
      this.MANY({
        GATE: () => this.LA(1).tokenType !== t.Factor || this.atStep(),
        DEF: () => {
          this.OR([
            {
              ALT: () => {
                const sign = this.CONSUME(t.Infix);
                this.ACTION(() => this.operator(chain, sign));
                this.SUBRULE2(this.operand, { ARGS: [chain] });
              },
            },
            {
              ALT: () => {
                const factor = this.CONSUME(t.Factor);
                this.ACTION(() => this.factor(chain, factor));
              },
            },
          ]);
        },
      });
      return this.ACTION(() => this.tree(chain));
    },
    this.lost,
  );

  private tree(chain: Chain): Expression {
    const signs = chain.operands.reduce((sum, operand) => sum + operand.prefixes.length, chain.operators.length);
    if (signs <= CHAIN_LIMIT) return buildExpression(chain, this.pushProblem);
    const { start } = chain.operands[0]!.value;
    this.report("CTX1022", { limit: CHAIN_LIMIT }, { start, end: start + 1 });
    return { kind: "error", start, end: endOf(this.LA(0)) };
  }

  /** `x2` is a range's step unless it is itself being set or is a block's kind. */
  private atStep(): boolean {
    const next = this.LA(2).tokenType;
    return next !== t.Equals && next !== t.Colon && next !== t.LCurly;
  }

  private operator(chain: Chain, sign: IToken): void {
    const instead = t.spellings[sign.image];
    if (instead !== undefined) this.otherSpelling(sign, instead);
    chain.operators.push({ text: instead ?? sign.image, ...spanOf(sign) });
  }

  private factor(chain: Chain, token: IToken): void {
    const { start, end } = spanOf(token);
    const value = Number(token.image.slice(1));
    const factor: Expression = { kind: "number", value, unit: null, start: start + 1, end };
    chain.operators.push({ text: token.image, start, end, factor });
  }

  private readonly operand = this.RULE("operand", (chain: Chain) => {
    const prefixes: Operand["prefixes"] = [];
    this.MANY(() => {
      const sign = this.OR([
        { ALT: () => this.CONSUME(t.Minus) },
        { ALT: () => this.CONSUME(t.Plus) },
        { ALT: () => this.CONSUME(t.Not) },
        { ALT: () => this.CONSUME(t.OtherNot) },
      ]);
      this.ACTION(() => {
        if (sign.tokenType === t.OtherNot) this.otherSpelling(sign, "not");
        prefixes.push({ text: (t.spellings[sign.image] ?? sign.image) as UnaryOperator, ...spanOf(sign) });
      });
    });
    const value = this.SUBRULE(this.postfix);
    this.ACTION(() => chain.operands.push({ prefixes, value }));
  });

  /** An atom with its members and calls. */
  private readonly postfix = this.RULE(
    "postfix",
    (): Expression => {
      let node = this.SUBRULE(this.atom);
      this.MANY({
        // Numbers and texts cannot be called: `30 (` is a mistake, not a call.
        GATE: () => this.LA(1).tokenType === t.Dot || node.kind === "name" || node.kind === "member",
        DEF: () => {
          node = this.OR([
            { ALT: () => this.SUBRULE(this.memberOf, { ARGS: [node] }) },
            { ALT: () => this.SUBRULE(this.callOf, { ARGS: [node] }) },
          ]);
        },
      });
      return node;
    },
    this.lost,
  );

  private readonly memberOf = this.RULE(
    "memberOf",
    (object: Expression): Expression => {
      const dot = this.CONSUME(t.Dot);
      let property: IToken | undefined;
      this.OPTION({
        GATE: () => !this.atStatement(),
        DEF: () => {
          property = this.CONSUME(t.Name);
        },
      });
      return this.ACTION(() => {
        const { start } = object;
        if (property) return { kind: "member", object, property: nameNode(property), start, end: endOf(property) };
        this.expected(dot, "name");
        return { kind: "error", start, end: endOf(dot) };
      });
    },
    this.lost,
  );

  private readonly callOf = this.RULE(
    "callOf",
    (called: Expression): Expression => {
      const open = this.CONSUME(t.LParen);
      const node = this.ACTION((): CallNode => {
        this.nesting++;
        const callee = called as CallNode["callee"];
        return { kind: "call", callee, arguments: [], start: callee.start, end: endOf(open) };
      });
      this.SUBRULE(this.contents, { ARGS: [node] });
      this.SUBRULE(this.closeParen, { ARGS: [open, called] });
      return this.ACTION(() => this.finish(node));
    },
    this.lost,
  );

  private readonly argument = this.RULE("argument", (call: Bracketed, commas: Commas) => {
    const node = this.ACTION((): Argument => {
      this.commaDue(commas);
      const value = this.errorHere();
      const made = { name: null, value, start: value.start, end: value.end };
      if (call.kind === "call") call.arguments.push(made);
      return made;
    });
    let name: NameNode | null = null;
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon || this.LA(2).tokenType === t.Equals,
      DEF: () => {
        name = this.SUBRULE(this.key);
      },
    });
    const value = this.SUBRULE(this.expression);
    this.ACTION(() => {
      Object.assign(node, { name, value, start: name?.start ?? value.start, end: value.end });
      this.valueRead(commas);
    });
  });

  /** `name:` of an argument or a map's entry. */
  private readonly key = this.RULE("key", (): NameNode => {
    const name = this.CONSUME(t.Name);
    this.OR([
      { ALT: () => this.CONSUME(t.Colon) },
      {
        ALT: () => {
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
    ]);
    return nameNode(name);
  });

  private readonly atom = this.RULE(
    "atom",
    (): Expression => {
      const after = this.LA(0);
      return this.OR({
        DEF: [
          { GATE: () => this.nesting >= NESTING_LIMIT, ALT: () => this.SUBRULE(this.tooDeep) },
          { ALT: () => numberNode(this.CONSUME(t.NumberLiteral), this.pushProblem) },
          { ALT: () => this.SUBRULE(this.text) },
          { ALT: () => this.SUBRULE(this.flag) },
          // A name that is itself being set is no value: in `steps = batch = 32` the value of `steps` is missing.
          { GATE: () => !this.atStatement(), ALT: () => nameNode(this.CONSUME(t.Name)) },
          { ALT: () => this.SUBRULE(this.list) },
          { ALT: () => this.SUBRULE(this.map) },
          { ALT: () => this.SUBRULE(this.group) },
          { ALT: () => this.SUBRULE(this.conditional) },
          { ALT: () => this.ACTION(() => this.missing(after)) },
        ],
        IGNORE_AMBIGUITIES: true,
      });
    },
    this.lost,
  );

  private missing(after: IToken): ErrorNode {
    const node = this.errorHere();
    this.report("CTX1002", { after: isReal(after) ? after.image : "" }, isReal(after) ? spanOf(after) : node);
    return node;
  }

  /** Everything up to the end of the line, where brackets nest beyond the limit. */
  private readonly tooDeep = this.RULE(
    "tooDeep",
    (): Expression => {
      const node = this.errorHere();
      this.ACTION(() => this.report("CTX1022", { limit: NESTING_LIMIT }, spanOf(this.LA(1))));
      this.AT_LEAST_ONE(() => {
        this.OR([
          { ALT: () => this.CONSUME(t.Stray) },
          { ALT: () => this.CONSUME(t.Name) },
          { ALT: () => this.CONSUME(t.Comma) },
          { ALT: () => this.CONSUME(t.LCurly) },
        ]);
      });
      return this.ACTION(() => this.finish(node));
    },
    this.lost,
  );

  protected readonly text = this.RULE("text", (): TextNode => {
    const token = this.OR([
      { ALT: () => this.CONSUME(t.Text) },
      { ALT: () => this.CONSUME(t.OpenText) },
      { ALT: () => this.CONSUME(t.OtherText) },
    ]);
    return this.ACTION(() => textNode(token, this.pushProblem));
  });

  private readonly flag = this.RULE("flag", (): Expression => {
    const token = this.OR([{ ALT: () => this.CONSUME(t.True) }, { ALT: () => this.CONSUME(t.False) }]);
    return this.ACTION(() => ({ kind: "flag", value: token.tokenType === t.True, ...spanOf(token) }));
  });

  private readonly group = this.RULE(
    "group",
    (): Expression => {
      const open = this.CONSUME(t.LParen);
      this.ACTION(() => this.nesting++);
      const inner = this.SUBRULE(this.expression);
      this.SUBRULE(this.closeParen, { ARGS: [open, inner] });
      return this.ACTION(() => this.finish<GroupNode>({ kind: "group", inner, ...spanOf(open) }));
    },
    this.lost,
  );

  private readonly closeParen = this.RULE("closeParen", (open: IToken, before: Expression) => {
    let close: IToken | undefined;
    this.OPTION(() => {
      close = this.CONSUME(t.RParen);
    });
    this.ACTION(() => {
      this.nesting--;
      const owner = before.kind === "name" && before.end <= open.startOffset ? before.name : "";
      if (!close) this.unclosed("(", owner, spanOf(open));
    });
  });

  private readonly list = this.RULE(
    "list",
    (): Expression => {
      const open = this.CONSUME(t.LSquare);
      const node = this.ACTION((): ListNode => {
        this.nesting++;
        return { kind: "list", items: [], ...spanOf(open) };
      });
      this.SUBRULE(this.contents, { ARGS: [node] });
      let close: IToken | undefined;
      this.OPTION(() => {
        close = this.CONSUME(t.RSquare);
      });
      return this.ACTION(() => {
        this.nesting--;
        if (!close) this.unclosed("[", "", spanOf(open));
        return this.finish(node);
      });
    },
    this.lost,
  );

  private readonly item = this.RULE("item", (list: Bracketed, commas: Commas) => {
    this.ACTION(() => this.commaDue(commas));
    const value = this.SUBRULE(this.expression);
    this.ACTION(() => {
      if (list.kind === "list") list.items.push(value);
      this.valueRead(commas);
    });
  });

  private readonly map = this.RULE(
    "map",
    (): Expression => {
      const open = this.CONSUME(t.LCurly);
      const node = this.ACTION((): MapNode => {
        this.nesting++;
        return { kind: "map", entries: [], ...spanOf(open) };
      });
      this.SUBRULE(this.contents, { ARGS: [node] });
      let close: IToken | undefined;
      this.OPTION(() => {
        close = this.CONSUME(t.RCurly);
      });
      return this.ACTION(() => {
        this.nesting--;
        if (!close || isMissing(close)) this.unclosed("{", "", spanOf(open));
        return this.finish(node);
      });
    },
    this.lost,
  );

  private readonly entry = this.RULE("entry", (map: Bracketed, commas: Commas) => {
    const node = this.ACTION((): MapEntry => {
      this.commaDue(commas);
      const made = { key: nameNode(this.LA(1)), value: this.errorHere(), ...spanOf(this.LA(1)) };
      if (map.kind === "map") map.entries.push(made);
      return made;
    });
    const key = this.OR([
      { ALT: () => this.SUBRULE(this.key) },
      {
        ALT: () => {
          const text = this.SUBRULE(this.text);
          this.CONSUME(t.Colon);
          return text;
        },
      },
    ]);
    const value = this.SUBRULE(this.expression);
    this.ACTION(() => {
      Object.assign(node, { key, value });
      this.finish(node);
      this.valueRead(commas);
    });
  });

  /** `name:`, `"text":`, or `name =` by mistake. */
  private atEntry(): boolean {
    const { tokenType } = this.LA(1);
    const second = this.LA(2).tokenType;
    if (tokenMatcher(this.LA(1), t.Name)) return second === t.Colon || second === t.Equals;
    return second === t.Colon && (tokenType === t.Text || tokenType === t.OtherText);
  }

  private readonly conditional = this.RULE(
    "conditional",
    (): Expression => {
      const keyword = this.CONSUME(t.If);
      this.ACTION(() => this.nesting++);
      const condition = this.SUBRULE(this.expression);
      let consequent: Expression | undefined;
      let alternative: Expression | undefined;
      this.OPTION(() => {
        this.CONSUME(t.Then);
        consequent = this.SUBRULE2(this.expression);
        this.OPTION2(() => {
          this.CONSUME(t.Else);
          alternative = this.SUBRULE3(this.expression);
        });
      });
      return this.ACTION(() => {
        this.nesting--;
        const none = this.errorHere();
        if (!alternative) this.expected(keyword, consequent ? "else" : "then");
        const parts = { condition, consequent: consequent ?? none, alternative: alternative ?? none };
        return this.finish<ConditionalNode>({ kind: "if", ...parts, ...spanOf(keyword) });
      });
    },
    this.lost,
  );

  // ---------------------------------------------------------------- inside brackets

  /** Values and commas up to the closing bracket, or to where the bracket clearly has been forgotten. */
  private readonly contents = this.RULE("contents", (node: Bracketed) => {
    const commas: Commas = { due: null };
    this.MANY({
      GATE: () => this.bracketGoesOn(node),
      DEF: () => {
        this.OR({
          DEF: [
            { ALT: () => this.SUBRULE(this.comma, { ARGS: [commas] }) },
            { GATE: () => !this.atContent(node), ALT: () => this.SUBRULE(this.strayInBracket) },
            { GATE: () => node.kind === "call", ALT: () => this.SUBRULE(this.argument, { ARGS: [node, commas] }) },
            { GATE: () => node.kind === "list", ALT: () => this.SUBRULE(this.item, { ARGS: [node, commas] }) },
            { ALT: () => this.SUBRULE(this.entry, { ARGS: [node, commas] }) },
          ],
          IGNORE_AMBIGUITIES: true,
        });
      },
    });
  });

  /** True at what the bracket holds: a map's entry, or a value. */
  private atContent(node: Bracketed): boolean {
    return node.kind === "map" ? this.atEntry() : startsExpression(this.LA(1).tokenType);
  }

  /** False at a closing bracket, a line's end and a statement; in calls and maps `name =` is a slip for `name:`. */
  private bracketGoesOn(node: Bracketed): boolean {
    const first = this.LA(1);
    const type = first.tokenType;
    if (type === t.RCurly || type === t.RParen || type === t.RSquare) return false;
    if (tokenMatcher(first, t.Name)) {
      return !this.atStatement() || (node.kind !== "list" && this.LA(2).tokenType === t.Equals);
    }
    return type === t.Comma || type === t.LCurly || tokenMatcher(first, t.Stray);
  }

  private readonly comma = this.RULE("comma", (commas: Commas) => {
    const token = this.CONSUME(t.Comma);
    this.ACTION(() => {
      if (commas.due === null) this.report("CTX1002", { after: "," }, spanOf(token));
      commas.due = null;
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
  private commaDue(commas: Commas): void {
    const { due } = commas;
    if (due === null) return;
    const edits = [{ start: due.end, end: due.end, text: "," }];
    this.report("CTX1010", {}, spanOf(this.LA(1)), { title: "insert `,`", safety: "safe", edits });
    commas.due = null;
  }

  private valueRead(commas: Commas): void {
    commas.due = spanOf(this.LA(0));
  }
}

const expressionStarts = new Set<TokenType>([
  t.NumberLiteral,
  t.Text,
  t.OpenText,
  t.OtherText,
  t.True,
  t.False,
  t.LParen,
  t.LSquare,
  t.LCurly,
  t.If,
  t.Minus,
  t.Plus,
  t.Not,
  t.OtherNot,
]);

/** True if a token of this type can begin a value. */
export function startsExpression(type: TokenType): boolean {
  return expressionStarts.has(type) || (type.CATEGORIES ?? []).includes(t.Name);
}
