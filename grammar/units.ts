/**
 * The suffixes of number literals. Powers of 1024 count tokens and positions, powers of 1000 count anything; which of the
 * two a property wants is the checker's business.
 */

/** What a number literal measures. */
export type Dimension = "number" | "binary" | "decimal" | "ratio" | "bytes" | "duration";

/** A suffix of number literals. */
export interface Unit {
  dimension: Dimension;
  /** The literal's value is `digits × scale × 10^exponent`. */
  scale: number;
  exponent: number;
  doc: string;
}

function unit(dimension: Dimension, scale: number, exponent: number, doc: string): Unit {
  return { dimension, scale, exponent, doc };
}

/** Suffix → what it means. */
export const units: { readonly [suffix: string]: Unit } = {
  "%": unit("ratio", 1, -2, "hundredth"),
  Ki: unit("binary", 1024, 0, "1,024"),
  Mi: unit("binary", 1024 ** 2, 0, "1,048,576"),
  Gi: unit("binary", 1024 ** 3, 0, "1,073,741,824"),
  K: unit("decimal", 1, 3, "thousand"),
  M: unit("decimal", 1, 6, "million"),
  B: unit("decimal", 1, 9, "billion"),
  T: unit("decimal", 1, 12, "trillion"),
  KiB: unit("bytes", 1024, 0, "1,024 bytes"),
  MiB: unit("bytes", 1024 ** 2, 0, "1,048,576 bytes"),
  GiB: unit("bytes", 1024 ** 3, 0, "1,073,741,824 bytes"),
  TiB: unit("bytes", 1024 ** 4, 0, "1,099,511,627,776 bytes"),
  KB: unit("bytes", 1, 3, "thousand bytes"),
  MB: unit("bytes", 1, 6, "million bytes"),
  GB: unit("bytes", 1, 9, "billion bytes"),
  TB: unit("bytes", 1, 12, "trillion bytes"),
  ms: unit("duration", 1, -3, "thousandth of a second"),
  s: unit("duration", 1, 0, "second"),
  min: unit("duration", 60, 0, "minute"),
  h: unit("duration", 3600, 0, "hour"),
  d: unit("duration", 86400, 0, "day"),
};

/** What a number literal's suffix (null: none) measures. */
export function dimensionOf(suffix: string | null): Dimension {
  return suffix === null ? "number" : (units[suffix]?.dimension ?? "number");
}

/**
 * Value of a literal: `digits` as in `1_000`, `0.5`, `2e-5`, and a suffix known to `units`. Powers of ten go into the
 * decimal exponent, so that `10%` is the float nearest to 0.1 and `2.8B` exactly 2,800,000,000.
 */
export function literalValue(digits: string, suffix: string | null): number {
  const plain = digits.includes("_") ? digits.replaceAll("_", "") : digits;
  const found = suffix === null ? undefined : units[suffix];
  if (!found) return Number(plain);
  if (found.exponent === 0) return Number(plain) * found.scale;
  const [mantissa = "0", exponent = "0"] = plain.toLowerCase().split("e");
  return Number(`${mantissa}e${Number(exponent) + found.exponent}`) * found.scale;
}
