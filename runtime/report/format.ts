/** How figures are written for people, in the report and on the terminal. */

/** 262144 → "262,144". */
export function integer(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A length in tokens: powers of two from 1024 on as "4Ki", "1Mi"; others in full. */
export function tokenLength(value: number): string {
  if (value >= 2 ** 20 && value % 2 ** 20 === 0) return `${value / 2 ** 20}Mi`;
  if (value >= 2 ** 10 && value % 2 ** 10 === 0) return `${value / 2 ** 10}Ki`;
  return integer(value);
}

/** 1234567 → "1.23M". */
export function short(value: number): string {
  for (const [unit, size] of [
    ["P", 1e15],
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const) {
    if (Math.abs(value) >= size) return `${significant(value / size)}${unit}`;
  }
  return significant(value);
}

/** Three significant digits without an exponent for ordinary sizes. */
export function significant(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace("e+", "e");
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

/** A tick of an axis: whole numbers in full, since those of a logarithmic axis to base 2 are exact: 1024 → "1,024", not "1,020". */
export function tick(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? integer(value) : significant(value);
}

export function bytes(value: number): string {
  for (const [unit, size] of [
    ["TiB", 2 ** 40],
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const) {
    if (value >= size) return `${significant(value / size)} ${unit}`;
  }
  return `${integer(value)} B`;
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 2 * 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** 0.9833 → "98.3%", 1 → "100%". */
export function percent(value: number): string {
  const scaled = value * 100;
  const rounded = Math.round(scaled * 10) / 10;
  // "100%" is kept for all, never for nearly all.
  if (rounded === 100 && value < 1) return "99.9%";
  return `${Number.isInteger(rounded) ? rounded : rounded.toFixed(1)}%`;
}

/** 15296098.3 → "15,296,098"; small thetas keep their decimals. */
export function theta(value: number): string {
  return value >= 1e5 ? integer(value) : value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}
