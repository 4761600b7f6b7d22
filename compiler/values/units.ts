import type { Dimension } from "../../grammar/units.ts";
import type { Unit } from "./value.ts";

/** Unit of a literal by its suffix: `64Ki` counts tokens; `100M` is a bare number, since a theta may be written so too. */
export function unitOfLiteral(dimension: Dimension): Unit {
  switch (dimension) {
    case "number":
    case "decimal":
      return "number";
    case "binary":
      return "tokens";
    default:
      return dimension;
  }
}

/** Unit of a sum, a difference, a comparison or the larger of two; undefined when the units do not fit together. */
export function unitOfSum(left: Unit, right: Unit): Unit | undefined {
  if (left === right || right === "number") return left;
  return left === "number" ? right : undefined;
}

/** Unit of a product. Products of two measured quantities are not tracked further and count as bare numbers. */
export function unitOfProduct(left: Unit, right: Unit): Unit {
  const bare = (unit: Unit) => unit === "number" || unit === "ratio";
  if (left === right) return left === "ratio" ? "ratio" : "number";
  if (bare(left)) return bare(right) ? "number" : right;
  return bare(right) ? left : "number";
}

/** Unit of a quotient: like units cancel. */
export function unitOfQuotient(left: Unit, right: Unit): Unit {
  if (left === right) return "number";
  return right === "number" || right === "ratio" ? left : "number";
}

/** A unit as a person says it, with its article. */
export function unitName(unit: Unit): string {
  return { number: "a number", ratio: "a share", tokens: "a count of tokens", bytes: "bytes", duration: "a duration" }[
    unit
  ];
}
