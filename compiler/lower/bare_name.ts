import type { Expression } from "../../grammar/ast.ts";
import type { LanguageDefinition, ValueType } from "../../grammar/definition.ts";
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
  if (node.kind !== "name" || !takesBareName(type, node.name, target.language)) return undefined;
  return { value: convert({ kind: "word", name: node.name }, type, node, target) };
}

/** Whether a type takes a bare word as a choice, as a call without arguments, or as the name of a source or stage. */
export function takesBareName(type: ValueType, name: string, language: LanguageDefinition): boolean {
  switch (type.kind) {
    case "choice":
      return type.choices.includes(name);
    case "call":
      return Object.hasOwn(language.functions[type.set] ?? {}, name);
    case "reference":
      return true;
    case "formula":
      return takesBareName(type.of, name, language);
    case "union":
      return type.of.some((member) => takesBareName(member, name, language));
    default:
      return false;
  }
}
