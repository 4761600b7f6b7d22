import { showNumber } from "./show.ts";

/** 8.03e9 → "8.03 B". */
export function showCount(value: number): string {
  return scaled(value, [
    [1e12, " T"],
    [1e9, " B"],
    [1e6, " M"],
    [1e3, " K"],
  ]);
}

/** 3.1e18 → "3.1 EFLOP". */
export function showFlops(value: number): string {
  return scaled(
    value,
    [
      [1e21, " ZFLOP"],
      [1e18, " EFLOP"],
      [1e15, " PFLOP"],
      [1e12, " TFLOP"],
      [1e9, " GFLOP"],
    ],
    " FLOP",
  );
}

/** Bytes a second, in decimal units as data sheets give them: 3.35e12 → "3.35 TB/s". */
export function showRate(value: number): string {
  return scaled(
    value,
    [
      [1e12, " TB/s"],
      [1e9, " GB/s"],
      [1e6, " MB/s"],
      [1e3, " KB/s"],
    ],
    " bytes/s",
  );
}

function scaled(value: number, units: readonly (readonly [number, string])[], rest = ""): string {
  for (const [size, name] of units) if (value >= size) return `${Number((value / size).toPrecision(3))}${name}`;
  return `${showNumber(value)}${rest}`;
}
