/** The half of the parser that reads values. Operators are read as a flat chain; precedence.ts makes it a tree. */
import { type IToken, tokenMatcher } from "chevrotain";
import type { ConditionalNode, ErrorNode, Expression, UnaryOperator } from "./ast.ts";
import { BracketParser, startsExpression } from "./brackets.ts";
import { endOf, nameNode, numberNode, spanOf, textNode } from "./literals.ts";
import { buildExpression, type Operand, type Operator } from "./precedence.ts";
import { type Alternatives, isReal } from "./reporting.ts";
import * as t from "./tokens.ts";

/** Operands and signs of one expression without brackets. */
const CHAIN_LIMIT = 1000;

/** Most operands have no sign. */
const noPrefixes: Operand["prefixes"] = [];

export abstract class ExpressionParser extends BracketParser {
  /** Operands and operators of the expressions that are being read: those of an expression within another one come after the other's. */
  private readonly operands: Operand[] = [];
  private readonly operators: Operator[] = [];
  /** Of its operand: the signs, and the value that members and calls are added to. */
  private prefixes = noPrefixes;
  private value: Expression = { kind: "error", start: 0, end: 0 };

  protected override begin(tokens: IToken[]): void {
    super.begin(tokens);
    this.operands.length = 0;
    this.operators.length = 0;
    this.groupedTo = 0;
  }

  private readonly links = [
    {
      ALT: () => {
        const sign = this.CONSUME(t.Infix);
        this.operator(sign);
        this.SUBRULE2(this.operand);
      },
    },
    {
      ALT: () => {
        const factor = this.CONSUME(t.Factor);
        this.factor(factor);
      },
    },
  ];

  private readonly linked = {
    GATE: () => tokenMatcher(this.LA(1), t.Infix) || (this.LA(1).tokenType === t.Factor && this.atStep()),
    DEF: () => this.OR(this.links),
  };

  protected readonly expression = this.RULE("expression", (): Expression => {
    const operands = this.operands.length;
    const operators = this.operators.length;
    this.SUBRULE(this.operand);
    this.repeat(this.linked);
    return this.RECORDING_PHASE ? this.value : this.tree(operands, operators);
  });

  /** The expression that begins with these, taken off again. */
  private tree(firstOperand: number, firstOperator: number): Expression {
    const only = this.operands[firstOperand]!;
    const alone = this.operands.length === firstOperand + 1 && this.operators.length === firstOperator;
    if (alone && only.prefixes.length === 0) {
      this.operands.pop();
      return only.value;
    }
    const chain = { operands: this.operands.splice(firstOperand), operators: this.operators.splice(firstOperator) };
    const { operands, operators } = chain;
    const signs = operands.reduce((sum, operand) => sum + operand.prefixes.length, operators.length);
    if (signs <= CHAIN_LIMIT) return buildExpression(chain, this.pushProblem);
    const { start } = only.value;
    this.report("CTX1022", { limit: CHAIN_LIMIT }, { start, end: start + 1 });
    return { kind: "error", start, end: endOf(this.LA(0)) };
  }

  /** `x2` is a range's step unless it is itself being set or is a block's kind. */
  private atStep(): boolean {
    const next = this.LA(2).tokenType;
    return next !== t.Equals && next !== t.Colon && next !== t.LCurly;
  }

  private operator(sign: IToken): void {
    const instead = t.spellings[sign.image];
    if (instead !== undefined) this.otherSpelling(sign, instead);
    this.operators.push({ text: instead ?? sign.image, start: sign.startOffset, end: endOf(sign) });
  }

  private factor(token: IToken): void {
    const { start, end } = spanOf(token);
    const value = Number(token.image.slice(1));
    const factor: Expression = { kind: "number", value, unit: null, start: start + 1, end };
    this.operators.push({ text: token.image, start, end, factor });
  }

  private readonly prefix = () => {
    const sign = this.CONSUME(t.Prefix);
    this.ACTION(() => {
      if (sign.tokenType === t.OtherNot) this.otherSpelling(sign, "not");
      if (this.prefixes === noPrefixes) this.prefixes = [];
      this.prefixes.push({ text: (t.spellings[sign.image] ?? sign.image) as UnaryOperator, ...spanOf(sign) });
    });
  };

  private readonly suffixes = [
    { ALT: () => this.SUBRULE(this.memberOf, { ARGS: [this.value] }) },
    { ALT: () => this.SUBRULE(this.callOf, { ARGS: [this.value] }) },
  ];

  private readonly suffixed = {
    // Numbers and texts cannot be called: `30 (` is a mistake, not a call.
    GATE: () => {
      const { tokenType } = this.LA(1);
      const { kind } = this.value;
      return tokenType === t.Dot || (tokenType === t.LParen && (kind === "name" || kind === "member"));
    },
    DEF: () => {
      this.value = this.OR(this.suffixes);
    },
  };

  /** Signs, an atom, and its members and calls. */
  private readonly operand = this.RULE("operand", () => {
    this.prefixes = noPrefixes;
    this.MANY2(this.prefix);
    const { prefixes } = this;
    this.value = this.SUBRULE(this.atom);
    this.repeat(this.suffixed);
    this.operands.push({ prefixes, value: this.value });
  });

  private readonly atoms: { ALT: () => Expression }[] = [
    {
      ALT: () => {
        const token = this.CONSUME(t.NumberLiteral);
        return numberNode(token, this.pushProblem, token.startOffset < this.groupedTo);
      },
    },
    { ALT: () => nameNode(this.CONSUME(t.Name)) },
    { ALT: () => textNode(this.CONSUME(t.AnyText), this.pushProblem) },
    { ALT: () => this.SUBRULE(this.list) },
    { ALT: () => this.SUBRULE(this.group) },
    {
      ALT: () => {
        const flag = this.CONSUME(t.Flag);
        return { kind: "flag", value: flag.tokenType === t.True, ...spanOf(flag) };
      },
    },
    { ALT: () => this.SUBRULE(this.map) },
    { ALT: () => this.SUBRULE(this.conditional) },
  ];

  private readonly atomOrNone: Alternatives<Expression> = {
    DEF: [
      // A name that is itself being set is no value: in `steps = batch = 32` the value of `steps` is missing.
      { GATE: () => startsExpression(this.LA(1)) && !this.atSetName(), ALT: () => this.OR2(this.atoms) },
      { ALT: () => this.ACTION(() => this.missing()) },
    ],
    IGNORE_AMBIGUITIES: true,
  };

  private readonly atom = this.RULE("atom", (): Expression => this.choose(this.atomOrNone));

  private missing(): ErrorNode {
    const after = this.LA(0);
    const node = this.errorHere();
    this.report("CTX1002", { after: isReal(after) ? after.image : "" }, isReal(after) ? spanOf(after) : node);
    return node;
  }

  private readonly memberOf = this.RULE("memberOf", (object: Expression): Expression => {
    const dot = this.CONSUME(t.Dot);
    let property: IToken | undefined;
    this.OPTION({
      GATE: () => !this.atSetName(),
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
  });

  private readonly conditional = this.RULE("conditional", (): Expression => {
    const keyword = this.CONSUME(t.If);
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
      const none = this.errorHere();
      if (!alternative) this.expected(keyword, consequent ? "else" : "then");
      const parts = { condition, consequent: consequent ?? none, alternative: alternative ?? none };
      return this.finish<ConditionalNode>({ kind: "if", ...parts, ...spanOf(keyword) });
    });
  });
}
