import type { BinaryNode, BinaryOperator, Expression, UnaryNode } from "../../grammar/ast.ts";
import { pow } from "../arithmetic/elementary.ts";
import { describe, show } from "../values/show.ts";
import { unitName, unitOfProduct, unitOfQuotient, unitOfSum } from "../values/units.ts";
import { type NumberValue, number, type Unit, type Value } from "../values/value.ts";
import { evaluate, wrongType } from "./evaluate.ts";
import type { Scope } from "./scope.ts";

const done: Record<BinaryOperator, string> = {
  "+": "added",
  "-": "subtracted",
  "*": "multiplied",
  "/": "divided",
  "^": "raised to a power",
  "==": "compared",
  "!=": "compared",
  "<": "compared",
  "<=": "compared",
  ">": "compared",
  ">=": "compared",
  and: "joined",
  or: "joined",
};

export function evaluateUnary(node: UnaryNode, scope: Scope): Value | undefined {
  if (node.operator === "not") {
    const flag = flagOf(node.operand, "not", scope);
    return flag === undefined ? undefined : { kind: "flag", value: !flag };
  }
  const operand = numberOf(node.operand, node.operator, scope);
  return operand && (node.operator === "-" ? number(-operand.value, operand.unit) : operand);
}

export function evaluateBinary(node: BinaryNode, scope: Scope): Value | undefined {
  const { operator } = node;
  if (operator === "and" || operator === "or") {
    const left = flagOf(node.left, operator, scope);
    const right = flagOf(node.right, operator, scope);
    if (left === undefined || right === undefined) return undefined;
    return { kind: "flag", value: operator === "and" ? left && right : left || right };
  }
  if (operator === "==" || operator === "!=") return evaluateEquality(node, scope);
  const left = numberOf(node.left, operator, scope);
  const right = numberOf(node.right, operator, scope);
  if (!left || !right) return undefined;
  return arithmetic(node, left, right, scope);
}

function arithmetic(node: BinaryNode, left: NumberValue, right: NumberValue, scope: Scope): Value | undefined {
  const { operator } = node;
  switch (operator) {
    case "+":
    case "-": {
      const unit = fitting(node, left.unit, right.unit, scope);
      const sum = operator === "+" ? left.value + right.value : left.value - right.value;
      return unit && finite(sum, unit, node, scope);
    }
    case "*":
      return finite(left.value * right.value, unitOfProduct(left.unit, right.unit), node, scope);
    case "/":
      if (right.value === 0) {
        const divisor = scope.place(node.right);
        scope.report.add("CTX2105", divisor, { divisor: node.right.kind === "number" ? "the divisor" : "it" });
        return undefined;
      }
      return finite(left.value / right.value, unitOfQuotient(left.unit, right.unit), node, scope);
    case "^": {
      const power = pow(left.value, right.value);
      if (Number.isNaN(power)) {
        const reason = `${show(left)} ^ ${show(right)}: a negative number has no power that is not whole`;
        scope.report.add("CTX2106", scope.place(node), { reason });
        return undefined;
      }
      return finite(power, "number", node, scope);
    }
    default: {
      if (!fitting(node, left.unit, right.unit, scope)) return undefined;
      return { kind: "flag", value: compare(operator, left.value, right.value) };
    }
  }
}

function compare(operator: BinaryOperator, left: number, right: number): boolean {
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

function evaluateEquality(node: BinaryNode, scope: Scope): Value | undefined {
  const left = evaluate(node.left, scope);
  const right = evaluate(node.right, scope);
  if (!left || !right) return undefined;
  if (left.kind === "number" && right.kind === "number" && !fitting(node, left.unit, right.unit, scope))
    return undefined;
  if (left.kind !== right.kind) {
    scope.report.add("CTX2102", scope.place(node), {
      left: describe(left),
      right: describe(right),
      operation: "compared",
      hint: "they are of different types",
    });
    return undefined;
  }
  const equal = plain(left) === plain(right);
  return { kind: "flag", value: node.operator === "==" ? equal : !equal };
}

/** What makes two values equal: numbers by value alone, others as they are shown. */
function plain(value: Value): number | string {
  return value.kind === "number" ? value.value : show(value);
}

/** Common unit of two operands, or a report that there is none. */
function fitting(node: BinaryNode, left: Unit, right: Unit, scope: Scope): Unit | undefined {
  const unit = unitOfSum(left, right);
  if (unit === undefined) {
    scope.report.add("CTX2102", scope.place(node), {
      left: unitName(left),
      right: unitName(right),
      operation: done[node.operator],
      hint: "both sides must measure the same thing",
    });
  }
  return unit;
}

/** The number unless it overflowed. */
export function finite(value: number, unit: Unit, node: Expression, scope: Scope): NumberValue | undefined {
  if (Number.isFinite(value)) return number(value, unit);
  scope.report.add("CTX2106", scope.place(node), { reason: "it is larger than 1.8e308, the largest number there is" });
  return undefined;
}

/** A number operand; anything else is reported. */
export function numberOf(node: Expression, taker: string, scope: Scope): NumberValue | undefined {
  const value = evaluate(node, scope);
  if (!value) return undefined;
  if (value.kind === "number") return value;
  wrongType(node, value, taker, "numbers", scope);
  return undefined;
}

function flagOf(node: Expression, taker: string, scope: Scope): boolean | undefined {
  const value = evaluate(node, scope);
  if (!value) return undefined;
  if (value.kind === "flag") return value.value;
  wrongType(node, value, taker, "true or false", scope);
  return undefined;
}
