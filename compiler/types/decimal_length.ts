import type { Expression, NumberNode } from "../../grammar/ast.ts";
import type { PropertyDefinition } from "../../grammar/definition.ts";
import type { Scope } from "../evaluate/scope.ts";
import { showNumber } from "../values/show.ts";

/**
 * `64K` as a length is 64,000 tokens, and almost always 64Ki = 65,536 was meant. Budgets of tokens (`tokens = 400K`) are
 * decimal by custom and stay.
 */
export function warnDecimalLengths(node: Expression, property: PropertyDefinition, scope: Scope): void {
  if (property.group === "budget" || !isLength(property.type)) return;
  for (const literal of literals(node)) {
    const [suffix, binary] = literal.unit === "K" ? ["Ki", 1024] : literal.unit === "M" ? ["Mi", 1024 ** 2] : [null, 0];
    if (suffix === null) continue;
    const count = literal.value / (suffix === "Ki" ? 1e3 : 1e6);
    const at = scope.place(literal);
    const better = `${count}${suffix}`;
    scope.report.add(
      "CTX2103",
      at,
      {
        written: `${count}${literal.unit}`,
        value: showNumber(literal.value),
        better,
        betterValue: showNumber(count * binary),
      },
      { fixes: [{ title: better, safety: "safe", edits: [{ ...at, text: better }] }] },
    );
  }
}

function isLength(type: PropertyDefinition["type"]): boolean {
  switch (type.kind) {
    case "tokens":
      return true;
    case "list":
    case "range":
    case "formula":
      return isLength(type.of);
    case "union":
      return type.of.some(isLength);
    default:
      return false;
  }
}

/** Literals that are the value or parts of it, not operands of arithmetic. */
function* literals(node: Expression): Generator<NumberNode> {
  switch (node.kind) {
    case "number":
      yield node;
      break;
    case "group":
      yield* literals(node.inner);
      break;
    case "list":
      for (const item of node.items) yield* literals(item);
      break;
    case "range":
      yield* literals(node.from);
      yield* literals(node.to);
      break;
    case "if":
      yield* literals(node.consequent);
      yield* literals(node.alternative);
      break;
    default:
  }
}
