import { exp, ln, log2, log10 } from "../arithmetic/elementary.ts";
import type { Unit } from "../values/value.ts";

/** A function of numbers. `many`: takes one or more arguments of like unit; else exactly one. */
export interface NumberFunction {
  readonly many: boolean;
  readonly apply: (...values: number[]) => number;
  /** Unit of the result from the unit of the arguments. */
  readonly unit: (unit: Unit) => Unit;
  /** Why there may be no result, for the message. */
  readonly domain?: string;
}

const same = (unit: Unit) => unit;
const bare = (): Unit => "number";

/** Functions that any expression may call. `round` rounds halves away from zero. */
export const functions: Readonly<Record<string, NumberFunction>> = {
  min: { many: true, apply: Math.min, unit: same },
  max: { many: true, apply: Math.max, unit: same },
  floor: { many: false, apply: Math.floor, unit: same },
  ceil: { many: false, apply: Math.ceil, unit: same },
  round: { many: false, apply: (x) => Math.sign(x) * Math.round(Math.abs(x)), unit: same },
  sqrt: { many: false, apply: Math.sqrt, unit: bare, domain: "the square root of a negative number" },
  ln: { many: false, apply: ln, unit: bare, domain: "the logarithm needs a number above 0" },
  log2: { many: false, apply: log2, unit: bare, domain: "the logarithm needs a number above 0" },
  log10: { many: false, apply: log10, unit: bare, domain: "the logarithm needs a number above 0" },
  exp: { many: false, apply: exp, unit: bare, domain: "the result is too large" },
};
