import type { Span } from "../../grammar/ast.ts";
import type { PropertyDefinition } from "../../grammar/definition.ts";
import { show } from "../values/show.ts";
import { type NumberValue, number, type Unit } from "../values/value.ts";
import type { Target } from "./convert.ts";

export type NumberKind = "tokens" | "count" | "number" | "ratio" | "bytes" | "duration";

/** The number if it is whole where it must be and within the property's bounds; otherwise that is reported. */
export function withinBounds(value: NumberValue, kind: NumberKind, at: Span, target: Target): number | undefined {
  const { scope, property } = target;
  const unit: Unit = kind === "count" ? "number" : kind;
  if ((kind === "tokens" || kind === "count") && !Number.isInteger(value.value)) {
    const whole = nearlyWhole(value.value);
    if (whole !== undefined) return withinBounds(number(whole, value.unit), kind, at, target);
    scope.report.add("CTX2107", scope.place(at), { name: property.name, value: String(value.value) });
    return undefined;
  }
  const tooSmall =
    property.min !== null && (property.minIncluded ? value.value < property.min : value.value <= property.min);
  const whole = kind === "tokens" || kind === "count";
  const most = property.max ?? (whole ? Number.MAX_SAFE_INTEGER : null);
  const tooLarge = most !== null && value.value > most;
  const negative = whole && value.value < 0;
  if (tooSmall || tooLarge || negative) {
    const range = rangeText(tooLarge ? { ...property, max: most } : property, unit);
    if (kind === "ratio" && value.unit === "number" && tooLarge && value.value <= 100 * most) {
      const percent = `${show(value)}%`;
      const place = scope.place(at);
      const literal = at.end - at.start === String(value.value).length; // else a name or a sum
      const fixes = literal ? [{ title: percent, safety: "safe" as const, edits: [{ ...place, text: percent }] }] : [];
      const values = { name: property.name, value: show(value), range: `a share ${range}: write ${percent}` };
      scope.report.add("CTX2104", place, values, { fixes });
      return undefined;
    }
    const shown = show(number(value.value, value.unit === "number" ? unit : value.unit));
    scope.report.add("CTX2104", scope.place(at), { name: property.name, value: shown, range });
    return undefined;
  }
  return value.value;
}

/** A count that arithmetic missed by its last digits, such as 8Ki * 0.1 * 10. */
function nearlyWhole(value: number): number | undefined {
  const whole = Math.round(value);
  return Math.abs(value - whole) <= 1e-9 * Math.max(1, Math.abs(whole)) ? whole : undefined;
}

/** "from 1 to 18", "above 0", "at most 50%". Counts beyond what a float64 tells apart are refused whatever the bounds. */
function rangeText({ min, max, minIncluded }: PropertyDefinition, unit: Unit): string {
  const text = (bound: number) => show(number(bound, unit));
  if (min !== null && max !== null && minIncluded) return `from ${text(min)} to ${text(max)}`;
  const low = min === null ? "" : minIncluded ? `${text(min)} or more` : `above ${text(min)}`;
  const high = max === null ? "" : `at most ${text(max)}`;
  return [low, high].filter(Boolean).join(" and ") || "0 or more";
}
