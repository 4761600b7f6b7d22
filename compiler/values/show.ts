import { grouped, sixDigits } from "../diagnostics/message.ts";
import { unitName } from "./units.ts";
import type { Value } from "./value.ts";

/** A count of tokens as recipes write it: 65536 → "64Ki", others with separators. */
export function showTokens(value: number): string {
  if (Number.isInteger(value)) {
    for (const [suffix, size] of [
      ["Mi", 1024 ** 2],
      ["Ki", 1024],
    ] as const) {
      if (value >= size && value % size === 0) return `${value / size}${suffix}`;
    }
  }
  return showNumber(value);
}

/** The same where it goes into a recipe: others with underscores. */
export function writtenTokens(value: number): string {
  return showTokens(value).replaceAll(",", "_");
}

/** A number for people: thousands grouped; of one that is not whole at most six significant digits. */
export function showNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return grouped(value);
  if (Math.abs(value) >= 1e5 && Math.abs(value) < 1e15) return grouped(Math.round(value));
  return sixDigits(value);
}

/** 0.1 → "10%". */
export function showRatio(value: number): string {
  return `${Number((value * 100).toPrecision(6))}%`;
}

/** An estimated share, to two digits: 0.1234 → "12%". */
export function showAboutRatio(value: number): string {
  return showRatio(Number(value.toPrecision(2)));
}

/** An estimated number, to two digits: 16384 → "16,000". */
export function showAbout(value: number): string {
  return showNumber(Number(value.toPrecision(2)));
}

/** Bytes in the largest binary unit that leaves at least 1: 85899345920 → "80 GiB". */
export function showBytes(value: number): string {
  const names = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = value;
  let k = 0;
  while (size >= 1024 && k < names.length - 1) {
    size /= 1024;
    k++;
  }
  return `${k === 0 ? size : Number(size.toPrecision(size >= 100 ? 4 : 3))} ${names[k]}`;
}

/** Units of time, each up to where the next one says it better. */
const TIMES = [
  { below: 120, size: 1, name: "s" },
  { below: 7200, size: 60, name: "min" },
  { below: 172_800, size: 3600, name: "h" },
  { below: 2 * 31_557_600, size: 86_400, name: "days" },
  { below: Number.POSITIVE_INFINITY, size: 31_557_600, name: "years" },
] as const;

/** Seconds as "12 s", "3.4 min", "5.1 h", "2.3 days" or "14 years". */
export function showDuration(seconds: number): string {
  const { size, name } = TIMES.find(({ below }) => seconds < below) ?? TIMES.at(-1)!;
  const value = seconds / size;
  return `${value < 10 ? Number(value.toPrecision(2)) : showNumber(Math.round(value))} ${name}`;
}

/** A value in a message. */
export function show(value: Value): string {
  switch (value.kind) {
    case "number":
      switch (value.unit) {
        case "tokens":
          return showTokens(value.value);
        case "ratio":
          return showRatio(value.value);
        case "bytes":
          return showBytes(value.value);
        case "duration":
          return showDuration(value.value);
        default:
          return showNumber(value.value);
      }
    case "text":
      return JSON.stringify(value.value);
    case "flag":
      return String(value.value);
    case "word":
      return value.name;
    case "list":
      return `[${value.items.map((item) => show(item.value)).join(", ")}]`;
    case "map":
      return `{ ${value.entries.map((entry) => `${entry.key}: ${show(entry.value)}`).join(", ")} }`;
    case "call":
      return `${value.name}(…)`;
    case "record":
      return value.name;
  }
}

/** What kind of thing a value is, with its article: "a count of tokens (64Ki)". */
export function describe(value: Value): string {
  switch (value.kind) {
    case "number":
      return value.unit === "number" ? `the number ${show(value)}` : `${unitName(value.unit)} (${show(value)})`;
    case "text":
      return `a text (${show(value)})`;
    case "flag":
      return `a flag (${show(value)})`;
    case "word":
      return `the word ${value.name}`;
    case "list":
      return "a list";
    case "map":
      return "a map";
    case "call":
      return `a call of ${value.name}`;
    case "record":
      return value.name;
  }
}
