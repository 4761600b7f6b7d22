import type { Span } from "../../grammar/ast.ts";
import type { ValueType } from "../../grammar/definition.ts";
import { unitsLike } from "../../grammar/literals.ts";
import { dimensionOf, literalValue, units } from "../../grammar/units.ts";
import type { Fix } from "../diagnostics/diagnostic.ts";
import { closest } from "../diagnostics/suggest.ts";
import { unitOfLiteral } from "../values/units.ts";
import { number } from "../values/value.ts";
import { type NumberKind, withinBounds } from "./bounds.ts";
import { type Target, unitsOf } from "./convert.ts";
import { callsOf } from "./describe.ts";

/** A text that reads as what is due: a number, or the name of a call, perhaps with what another tool adds to it. */
export function withoutQuotes(text: string, type: ValueType, at: Span, target: Target): Fix[] {
  const place = target.scope.place(at);
  const fix = (meant: string, safety: Fix["safety"]) => ({
    title: `${meant} without quotes`,
    safety,
    edits: [{ ...place, text: meant }],
  });
  const numbers = asNumbers(text.trim(), type, at, target);
  if (numbers.length > 0) return numbers.map((meant) => fix(meant, numbers.length === 1 ? "safe" : "review"));
  const names = callsOf(type, target.language).map((definition) => definition.name);
  if (names.includes(text)) return [fix(text, "safe")];
  const meant = names.find((name) => text.toLowerCase().startsWith(name)) ?? closest(text, names);
  return meant === undefined ? [] : [fix(meant, "review")];
}

const literal = /^(\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?)(%|[A-Za-z]{0,3})$/;

/** `"2e-5"` where a number is due: the texts without quotes that it may mean and that the property takes, `500K` for `500k`. */
function asNumbers(text: string, type: ValueType, at: Span, target: Target): string[] {
  const { kind } = type.kind === "formula" ? type.of : type;
  const [, digits, suffix] = literal.exec(text) ?? [];
  if (digits === undefined || suffix === undefined || !Object.hasOwn(unitsOf, kind)) return [];
  const known = suffix === "" || Object.hasOwn(units, suffix);
  const like = known ? [suffix] : unitsLike(suffix);
  // Of what is no length, thousands are meant by `k`.
  const decimal = like.filter((unit) => dimensionOf(unit || null) === "decimal");
  const silent: Target = { ...target, scope: target.scope.reportingTo({ add: () => {} }) };
  return (kind !== "tokens" && decimal.length > 0 ? decimal : like).flatMap((unit) => {
    const suffix = unit || null;
    const value = number(literalValue(digits, suffix), unitOfLiteral(dimensionOf(suffix)));
    const fits = unitsOf[kind as NumberKind].includes(value.unit);
    return fits && withinBounds(value, kind as NumberKind, at, silent) !== undefined ? [digits + unit] : [];
  });
}
