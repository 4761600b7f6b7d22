/** The half of the parser that reads values. Operators are read as a flat chain; precedence.ts makes it a tree. */
import type { IToken } from "chevrotain";
import type { ConditionalNode, ErrorNode, Expression, UnaryOperator } from "./ast.ts";
import { BracketParser } from "./brackets.ts";
import { endOf, nameNode, numberNode, spanOf, textNode } from "./literals.ts";
import { buildExpression, type Chain, type Operand } from "./precedence.ts";
import { isReal } from "./reporting.ts";
import * as t from "./tokens.ts";

/** Operands and signs of one expression without brackets. */
const CHAIN_LIMIT = 1000;

export abstract class ExpressionParser extends BracketParser {
  protected readonly expression = this.RULE("expression", (): Expression => {
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
  });

  private tree(chain: Chain): Expression {
    const { operands, operators } = chain;
    const only = operands[0]!;
    if (operators.length === 0 && only.prefixes.length === 0) return only.value;
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

  /** Signs, an atom, and its members and calls. */
  private readonly operand = this.RULE("operand", (chain: Chain) => {
    const prefixes: Operand["prefixes"] = [];
    this.MANY(() => {
      const sign = this.CONSUME(t.Prefix);
      this.ACTION(() => {
        if (sign.tokenType === t.OtherNot) this.otherSpelling(sign, "not");
        prefixes.push({ text: (t.spellings[sign.image] ?? sign.image) as UnaryOperator, ...spanOf(sign) });
      });
    });
    let value = this.SUBRULE(this.atom);
    this.MANY2({
      // Numbers and texts cannot be called: `30 (` is a mistake, not a call.
      GATE: () => this.LA(1).tokenType === t.Dot || value.kind === "name" || value.kind === "member",
      DEF: () => {
        value = this.OR([
          { ALT: () => this.SUBRULE(this.memberOf, { ARGS: [value] }) },
          { ALT: () => this.SUBRULE(this.callOf, { ARGS: [value] }) },
        ]);
      },
    });
    this.ACTION(() => chain.operands.push({ prefixes, value }));
  });

  private readonly atom = this.RULE("atom", (): Expression => {
    const after = this.LA(0);
    return this.OR({
      DEF: [
        { ALT: () => numberNode(this.CONSUME(t.NumberLiteral), this.pushProblem) },
        // A name that is itself being set is no value: in `steps = batch = 32` the value of `steps` is missing.
        { GATE: () => !this.atSetName(), ALT: () => nameNode(this.CONSUME(t.Name)) },
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
        { ALT: () => this.ACTION(() => this.missing(after)) },
      ],
      IGNORE_AMBIGUITIES: true,
    });
  });

  private missing(after: IToken): ErrorNode {
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
