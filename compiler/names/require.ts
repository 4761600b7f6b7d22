import type { Expression } from "../../grammar/ast.ts";
import type { SourceText } from "../../grammar/text.ts";
import { evaluate, wrongType } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { Workings } from "../lower/workings.ts";
import { show, showNumber } from "../values/show.ts";
import type { Value } from "../values/value.ts";
import { drawValues } from "./power_assert.ts";
import type { SourceFile } from "./scope.ts";

/** Holds every `require` of a file against the finished stages; a failure shows what each of its operands was. */
export function checkRequirements(
  file: SourceFile,
  text: SourceText,
  scope: Scope,
  workings: Pick<Workings, "note">,
): void {
  const within = scope.within(file.name);
  for (const node of file.tree.body) {
    if (node.kind !== "require" || node.condition.kind === "error") continue;
    workings.note(node.condition, within);
    const value = evaluate(node.condition, within);
    if (!value) continue;
    if (value.kind !== "flag") {
      wrongType(node.condition, value, "require", "a condition", within);
    } else if (!value.value) {
      const written = text.slice(node.condition);
      const why = node.reason ? node.reason.value : `${written} does not hold`;
      const operands = operandsOf(node.condition, text, within).join(", ") || `${written} is false`;
      const quiet = within.reportingTo({ add: () => {} });
      const drawing = drawValues(node.condition, text, (part) => evaluate(part, quiet), showOperand);
      within.report.add("CTX2201", within.place(node.condition), { why, operands }, { drawing });
    }
  }
}

/** `s64k.tokens = 62,914,560` for every part of a condition that is a name, a member or a call. */
function operandsOf(node: Expression, text: SourceText, scope: Scope): string[] {
  switch (node.kind) {
    case "name":
    case "member":
    case "call": {
      const value = evaluate(node, scope.reportingTo({ add: () => {} }));
      const own = value ? [`${text.slice(node)} = ${showOperand(value)}`] : [];
      const inner = node.kind === "call" ? node.arguments.flatMap((each) => operandsOf(each.value, text, scope)) : [];
      return [...new Set([...own, ...inner])];
    }
    case "binary":
      return [...new Set([...operandsOf(node.left, text, scope), ...operandsOf(node.right, text, scope)])];
    case "unary":
      return operandsOf(node.operand, text, scope);
    case "group":
      return operandsOf(node.inner, text, scope);
    case "if":
      return [node.condition, node.consequent, node.alternative].flatMap((part) => operandsOf(part, text, scope));
    default:
      return [];
  }
}

/** A count of tokens in full: it is compared with a budget. */
function showOperand(value: Value): string {
  return value.kind === "number" && value.unit === "tokens" ? showNumber(value.value) : show(value);
}
