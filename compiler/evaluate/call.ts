import type { CallNode } from "../../grammar/ast.ts";
import { hint, renames } from "../diagnostics/suggest.ts";
import { show } from "../values/show.ts";
import { unitName, unitOfSum } from "../values/units.ts";
import type { NumberValue, Value } from "../values/value.ts";
import { evaluate, whole, wrongType } from "./evaluate.ts";
import { formulas } from "./formulas.ts";
import { functions } from "./functions.ts";
import { finite } from "./operators.ts";
import type { Scope } from "./scope.ts";

/**
 * A call of a function of numbers or of a named formula gives its number. Any other name is a call in the sense of
 * `adamw(lr: 2e-5)`, a value of its own whose name and arguments the property that takes it checks.
 */
export function evaluateCall(node: CallNode, scope: Scope): Value | undefined {
  if (node.callee.kind === "member") {
    scope.report.add("CTX2008", scope.place(node.callee), { name: "there", hint: "members can't be called" });
    return undefined;
  }
  const { name } = node.callee;
  if (Object.hasOwn(functions, name)) return callFunction(node, name, scope);
  if (Object.hasOwn(formulas, name)) return callFormula(node, name, scope);
  const given = node.arguments.map((argument) => ({
    name: argument.name?.name ?? null,
    nameAt: argument.name,
    at: argument.value,
    value: evaluate(argument.value, scope),
  }));
  return whole({ kind: "call", name, at: node.callee, arguments: given }, given, node, scope);
}

function callFunction(node: CallNode, name: string, scope: Scope): Value | undefined {
  const definition = functions[name]!;
  const values: NumberValue[] = [];
  for (const argument of node.arguments) {
    if (argument.name) {
      const at = scope.place(argument.name);
      scope.report.add("CTX2009", at, {
        call: name,
        argument: argument.name.name,
        hint: "its arguments have no names",
      });
      return undefined;
    }
    const value = evaluate(argument.value, scope);
    if (!value) return undefined;
    if (value.kind !== "number") {
      wrongType(argument.value, value, name, "numbers", scope);
      return undefined;
    }
    values.push(value);
  }
  if (values.length === 0) {
    scope.report.add("CTX2010", scope.place(node), { call: name, argument: "a number", hint: `write ${name}(…)` });
    return undefined;
  }
  if (!definition.many && values.length > 1) {
    const extra = node.arguments[1]!;
    scope.report.add("CTX2009", scope.place(extra), { call: name, argument: "second argument", hint: "it takes one" });
    return undefined;
  }
  let unit = values[0]!.unit;
  for (const value of values) {
    const joined = unitOfSum(unit, value.unit);
    if (joined === undefined) {
      scope.report.add("CTX2102", scope.place(node), {
        left: unitName(unit),
        right: unitName(value.unit),
        operation: "compared",
        hint: "all arguments must measure the same thing",
      });
      return undefined;
    }
    unit = joined;
  }
  const result = definition.apply(...values.map((value) => value.value));
  if (!Number.isFinite(result) && definition.domain) {
    scope.report.add("CTX2106", scope.place(node), { reason: definition.domain });
    return undefined;
  }
  return finite(result, definition.unit(unit), node, scope);
}

function callFormula(node: CallNode, name: string, scope: Scope): Value | undefined {
  const formula = formulas[name]!;
  if (!scope.formula) {
    const at = scope.place(node.callee);
    scope.report.add("CTX2013", at, { name, hint: "it speaks of a stage's length: use it in rope" });
    return undefined;
  }
  const [argument, extra] = node.arguments;
  if (!argument) {
    const { parameter } = formula;
    scope.report.add("CTX2010", scope.place(node), { call: name, argument: parameter, hint: formula.expression });
    return undefined;
  }
  const stranger = argument.name && argument.name.name !== formula.parameter ? argument.name : extra;
  if (stranger) {
    const written = "name" in stranger && typeof stranger.name === "string" ? stranger.name : "second argument";
    const place = scope.place(stranger);
    const values = { call: name, argument: written, hint: hint(written, [formula.parameter]) };
    const fixes = "name" in stranger ? renames(written, [formula.parameter], place) : [];
    scope.report.add("CTX2009", place, values, { fixes });
    return undefined;
  }
  const value = evaluate(argument.value, scope);
  if (!value) return undefined;
  if (value.kind !== "number") {
    wrongType(argument.value, value, name, "a number", scope);
    return undefined;
  }
  const { least, parameter } = formula;
  if (least.exclusive ? value.value <= least.value : value.value < least.value) {
    const range = least.exclusive ? `above ${least.value}` : `${least.value} or more`;
    scope.report.add("CTX2104", scope.place(argument.value), { name: parameter, value: show(value), range });
    return undefined;
  }
  if (scope.formula === "unknown") return undefined;
  const result = formula.apply(value.value, scope.formula);
  if (!Number.isFinite(result)) {
    scope.report.add("CTX2106", scope.place(node), { reason: formula.expression });
    return undefined;
  }
  return finite(result, "number", node, scope);
}
