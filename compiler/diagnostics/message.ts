/** A message with named holes; calling it with a value for each hole gives the text. */
export interface Message<Holes extends string> {
  (values: Readonly<Record<Holes, string | number>>): string;
  /** The wording with its holes shown as `{name}`, for the reference page. */
  readonly template: string;
}

/**
 * Template tag for the catalogue: the names of the holes become required, typed arguments wherever the message is
 * raised, so a message can't be raised with a hole left open.
 *
 *     const m = message`${"length"} does not split over ${"ring"} ranks`;   // Message<"length" | "ring">
 */
export function message<Holes extends string = never>(
  parts: TemplateStringsArray,
  ...holes: readonly Holes[]
): Message<Holes> {
  const fill = (value: (hole: Holes) => string) =>
    parts.reduce((text, part, k) => text + value(holes[k - 1] as Holes) + part);
  const render = (values: Readonly<Record<Holes, string | number>>) => fill((hole) => shown(values[hole]));
  return Object.assign(render, { template: fill((hole) => `{${hole}}`) });
}

/** Whole numbers get thousands separators, others at most six significant digits. */
function shown(value: string | number): string {
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? grouped(value) : sixDigits(value);
}

/** 4743.2261 → "4,743.23". */
export function sixDigits(value: number): string {
  const short = Number(value.toPrecision(6));
  if (Math.abs(short) < 1000 || Math.abs(short) >= 1e15) return String(short);
  const [whole, digits] = String(short).split(".");
  return digits === undefined ? grouped(short) : `${grouped(Number(whole))}.${digits}`;
}

/** 1048576 → "1,048,576". */
export function grouped(value: number): string {
  const digits = Math.abs(value).toFixed(0);
  const text = digits.replace(/\B(?=(\d{3})+$)/g, ",");
  return value < 0 ? `-${text}` : text;
}
