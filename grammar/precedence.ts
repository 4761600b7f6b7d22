/**
 * Turns a flat chain `a + b * c` into a tree. The parser reads operands and operators one after the other; the binding
 * powers are here, in one table:
 *
 *   or < and < not < comparison < .. < + - < * / < unary - < ^ (to the right)
 *
 * A range binds looser than a sum on its left, but its upper end is a product: a `+` after it is the step, as in
 * `0%..100% +10%`. A sum as upper end needs parentheses.
 */
import type { BinaryOperator, Expression, RangeStep, Span, UnaryOperator } from "./ast.ts";
import type { SyntaxProblem } from "./problems.ts";

/** An operator with its place; `factor` is a range's `x2` with its number. */
export type Operator = Span & { text: string; factor?: Expression };

/** One operand with the signs before it, outermost first. */
export interface Operand {
  prefixes: (Span & { text: UnaryOperator })[];
  value: Expression;
}

/** `operands` holds one more than there are infix operators; a factor step stands behind its operand. */
export interface Chain {
  operands: Operand[];
  operators: Operator[];
}

const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);

const power: { readonly [operator: string]: number } = {
  or: 1,
  and: 2,
  "==": 4,
  "!=": 4,
  "<": 4,
  "<=": 4,
  ">": 4,
  ">=": 4,
  "..": 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "/": 7,
  "^": 9,
};
const NOT = 3;
const PRODUCT = 7;
const SIGN = 8;

/** Precedence climbing over one chain. Problems found on the way (chained comparisons, stray steps) go to `report`. */
export function buildExpression(chain: Chain, report: (problem: SyntaxProblem) => void): Expression {
  const { operands, operators } = chain;
  let nextOperand = 0;
  let nextOperator = 0;

  function prefixed(operand: Operand, depth: number): Expression {
    const prefix = operand.prefixes[depth];
    if (prefix === undefined) return operand.value;
    const tail = prefixed(operand, depth + 1);
    const inner = climb(prefix.text === "not" ? NOT : SIGN, tail);
    return { kind: "unary", operator: prefix.text, operand: inner, start: prefix.start, end: inner.end };
  }

  function operand(): Expression {
    return prefixed(operands[nextOperand++]!, 0);
  }

  /** Extends `left` by all operators that bind at least as tightly as `minimum`. */
  function climb(minimum: number, left: Expression): Expression {
    let compared = false;
    for (;;) {
      const operator = operators[nextOperator];
      if (operator === undefined) return left;
      if (operator.factor !== undefined) {
        // A range takes its own step; one that comes back up here belongs to none.
        if (minimum > 0) return left;
        nextOperator++;
        report({ code: "CTX1020", parameters: { found: operator.text }, start: operator.start, end: operator.end });
        continue;
      }
      const binding = power[operator.text]!;
      if (binding < minimum) return left;
      nextOperator++;
      if (operator.text === "..") {
        left = range(left, operator);
        continue;
      }
      if (comparisons.has(operator.text)) {
        if (compared) {
          report({
            code: "CTX1019",
            parameters: { operator: operator.text },
            start: operator.start,
            end: operator.end,
          });
        }
        compared = true;
      }
      // `^` takes what follows with its own power (to the right), the others with one more.
      const right = climb(operator.text === "^" ? binding : binding + 1, operand());
      left = {
        kind: "binary",
        operator: operator.text as BinaryOperator,
        left,
        right,
        start: left.start,
        end: right.end,
      };
    }
  }

  function range(from: Expression, operator: Operator): Expression {
    if (from.kind === "range") {
      report({ code: "CTX1020", parameters: { found: ".." }, start: operator.start, end: operator.end });
    }
    const to = climb(PRODUCT, operand());
    const step = rangeStep();
    return { kind: "range", from, to, step, start: from.start, end: step?.end ?? to.end };
  }

  function rangeStep(): RangeStep | null {
    const next = operators[nextOperator];
    if (next?.factor !== undefined) {
      nextOperator++;
      return { by: "factor", value: next.factor, start: next.start, end: next.end };
    }
    if (next?.text === "+") {
      nextOperator++;
      const value = climb(PRODUCT, operand());
      return { by: "sum", value, start: next.start, end: value.end };
    }
    if (next?.text === "-") {
      report({ code: "CTX1020", parameters: { found: "-" }, start: next.start, end: next.end });
    }
    return null;
  }

  return climb(0, operand());
}
