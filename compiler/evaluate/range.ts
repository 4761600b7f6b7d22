import type { RangeNode } from "../../grammar/ast.ts";
import { show } from "../values/show.ts";
import { unitName, unitOfSum } from "../values/units.ts";
import { number, type Value } from "../values/value.ts";
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
  const endless = (reason: string) => {
    scope.report.add("CTX2108", scope.place(node), { reason });
    return undefined;
  };
  if (!node.step || !step) return endless("write its step: x2 to double, or + and an amount to add");
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
  if (to.value < from.value) return endless(`${show(from)} is above ${show(to)}`);
  const factor = node.step.by === "factor";
  if (factor && (step.value <= 1 || from.value <= 0))
    return endless("it must start above 0 and the factor must exceed 1");
  if (!factor && step.value <= 0) return endless("the step must be above 0");
  const values: number[] = [];
  for (let k = 0; values.length < most; k++) {
    const value = factor ? from.value * step.value ** k : from.value + step.value * k;
    if (value > to.value * (1 - 1e-12)) break;
    values.push(value);
  }
  if (values.length === most) return endless(`it has more than ${most} values`);
  values.push(to.value);
  return { kind: "list", items: values.map((value) => ({ value: number(value, unit), at: node })) };
}
