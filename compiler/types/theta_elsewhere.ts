import type { Expression, Span } from "../../grammar/ast.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import { describe } from "../values/show.ts";
import type { Value } from "../values/value.ts";
import type { Target } from "./convert.ts";

/**
 * `method = ntk(8)`: a formula for theta where a scaling method is due. By then the call is its number, which alone would not say where it belongs.
 *
 * @returns how to call the value, and the property's name put right where nothing else in the block has it; undefined for any other value
 */
export function asTheta(value: Value, at: Span, target: Target): { actual: string; fixes: Fix[] } | undefined {
  const { language, property, setting } = target;
  const node = at as Partial<Expression>;
  if (value.kind !== "number" || node.kind !== "call" || node.callee?.kind !== "name") return undefined;
  const { name } = node.callee;
  if (!Object.hasOwn(language.functions.theta ?? {}, name)) return undefined;
  const movable = property.name === "method" && property.type.kind === "formula" && setting && !setting.beside("theta");
  return {
    actual: `${describe(value)}, a theta by ${name}, which theta takes`,
    fixes: movable
      ? [{ title: `theta = ${setting.written()}`, safety: "safe", edits: [{ ...setting.nameAt, text: "theta" }] }]
      : [],
  };
}
