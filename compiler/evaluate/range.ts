import type { RangeNode } from "../../grammar/ast.ts";
import { pow } from "../arithmetic/elementary.ts";
import { show } from "../values/show.ts";
import { unitName, unitOfSum } from "../values/units.ts";
import { number, type Value } from "../values/value.ts";
import { whole } from "./evaluate.ts";
import { numberOf } from "./operators.ts";
import type { Scope } from "./scope.ts";

const most = 1000;

/**
 * `4Ki..1Mi x2` and `0%..100% +10%` as a list. Both ends belong to it: a last step that would pass the end, or fall short
 * of it by rounding, lands on it.
 */
export function evaluateRange(node: RangeNode, scope: Scope): Value | undefined {
  const from = numberOf(node.from, "a range", scope);
  const to = numberOf(node.to, "a range", scope);
  const step = node.step && numberOf(node.step.value, "a range", scope);
  if (!from || !to || step === undefined) return undefined;
  const refuse = (problem: string, reason: string) => {
    scope.report.add("CTX2108", scope.place(node), { problem, reason });
    return undefined;
  };
  if (!node.step || !step) return refuse("has no step", "write its step: x2 to double, or + and an amount to add");
  const unit = unitOfSum(from.unit, to.unit);
  if (unit === undefined || (node.step.by === "sum" && unitOfSum(unit, step.unit) === undefined)) {
    const [left, right] = unit === undefined ? [from.unit, to.unit] : [unit, step.unit];
    scope.report.add("CTX2102", scope.place(node), {
      left: unitName(left),
      right: unitName(right),
      operation: "joined in a range",
      hint: "both ends and an added step must measure the same thing",
    });
    return undefined;
  }
  if (to.value < from.value)
    return refuse("runs backwards", `${show(from)} is above ${show(to)}: write the smaller end first`);
  const factor = node.step.by === "factor";
  if (factor && (step.value <= 1 || from.value <= 0))
    return refuse("never reaches its end", "it must start above 0 and the factor must exceed 1");
  if (!factor && step.value <= 0) return refuse("never reaches its end", "the step must be above 0");
  const values: number[] = [];
  for (let k = 0; values.length < most; k++) {
    const value = factor ? from.value * pow(step.value, k) : from.value + step.value * k;
    if (value > to.value * (1 - 1e-12)) break;
    values.push(value);
  }
  if (values.length === most) return refuse("has too many values", `a range has at most ${most}: take a larger step`);
  values.push(to.value);
  const items = values.map((value) => ({ value: number(value, unit), at: node }));
  return whole({ kind: "list", items }, items, node, scope);
}
