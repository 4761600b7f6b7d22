import type { Expression } from "../../grammar/ast.ts";
import type { ValueType } from "../../grammar/definition.ts";
import { convert, type Target } from "../types/convert.ts";
import type { Typed } from "../types/typed.ts";

/**
 * A bare name where the property takes choices, calls or references is read as one of those, even if a variable has the
 * same name: `method = full` never means `let full = 3`. Undefined when the name is none of them.
 */
export function readBareName(
  node: Expression,
  type: ValueType,
  target: Target,
): { value: Typed | undefined } | undefined {
  if (node.kind !== "name" || !takes(type, node.name, target)) return undefined;
  return { value: convert({ kind: "word", name: node.name }, type, node, target) };
}

function takes(type: ValueType, name: string, target: Target): boolean {
  switch (type.kind) {
    case "choice":
      return type.choices.includes(name);
    case "call":
      return Object.hasOwn(target.language.functions[type.set] ?? {}, name);
    case "reference":
      return true;
    case "formula":
      return takes(type.of, name, target);
    case "union":
      return type.of.some((member) => takes(member, name, target));
    default:
      return false;
  }
}
