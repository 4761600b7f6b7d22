// Makes bad files out of good ones: bytes changed anywhere, and JSON documents changed where they have meaning. The same seed gives the same files.

/** Random numbers from a xorshift generator (Marsaglia 2003). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
    for (let k = 0; k < 8; k++) this.below(2);
  }

  /** A whole number from 0 up to `limit` - 1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.floor(((x >>> 0) / 2 ** 32) * limit);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Bytes that readers of lengths, offsets and text stumble over. */
const PIECES = [
  "\0",
  "\xff".repeat(8),
  "\0".repeat(64),
  `\x7f${"\xff".repeat(7)}`,
  `\x01${"\0".repeat(7)}`,
  "{",
  "[".repeat(5000),
  '"',
  "\n",
  "\\u0000",
  "\ud83d",
  "NaN",
  "1e999",
  "-1",
  "9007199254740993",
  "PAR1",
  "__proto__",
  "../",
];

/** Changes bytes in one to four places. */
export function mutateBytes(bytes: Buffer, dice: Dice): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + dice.below(4); times > 0; times--) {
    const at = dice.below(result.length + 1);
    const size = 1 + dice.below(dice.of([2, 16, 4096]));
    const [before, after] = [result.subarray(0, at), result.subarray(at)];
    switch (dice.below(7)) {
      case 0:
        if (at < result.length) result[at] = result[at]! ^ (1 << dice.below(8));
        break;
      case 1:
        if (at < result.length) result[at] = dice.below(256);
        break;
      case 2:
        result = Buffer.from(before);
        break;
      case 3:
        result = Buffer.concat([before, after.subarray(size)]);
        break;
      case 4:
        result = Buffer.concat([before, Buffer.from(dice.of(PIECES), "latin1"), after]);
        break;
      case 5:
        result = Buffer.concat([before, after.subarray(0, size), after]);
        break;
      case 6: {
        const piece = Buffer.from(dice.of(PIECES), "latin1");
        result = Buffer.concat([before, piece, after.subarray(piece.length)]);
        break;
      }
    }
  }
  return result;
}

/** Stands for a list in a list in a list …, deeper than JSON.stringify can follow. */
const DEEP = "a list in a list";
const deepText = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Values that readers of JSON stumble over: of every kind, at the ends of ranges, and hostile ones. */
const VALUES: (() => unknown)[] = [
  () => null,
  () => true,
  () => "",
  () => [],
  () => ({}),
  () => 0,
  () => -1,
  () => 1.5,
  () => 2 ** 31,
  () => 2 ** 53,
  () => 1e308,
  () => -1e308,
  () => "7",
  () => "../secret",
  () => "../secret.safetensors",
  () => "/etc/hostname",
  () => "a\0b",
  () => "\ud800",
  () => "x".repeat(70_000),
  () => "{{ 0/0 }}{% for a in range(999999999) %}x{% endfor %}",
  () => "(a+)+$",
  () => Array.from({ length: 3000 }, (_, k) => k),
  () => DEEP,
  () => ({ __proto__: null, constructor: 1, toString: 2, length: -1 }),
];

type Holder = { [key: string]: unknown };

/** Every place of a document that holds a value. */
function placesOf(document: unknown): { holder: Holder; key: string }[] {
  const places: { holder: Holder; key: string }[] = [];
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) {
      places.push({ holder: value as Holder, key });
      visit((value as Holder)[key]);
    }
  };
  visit(document);
  return places;
}

/** Changes one to three values of a JSON document: other values, keys left out, renamed or put elsewhere. */
export function mutateJson(text: string, dice: Dice): string {
  const root = { document: JSON.parse(text) as unknown };
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const places = placesOf(root);
    if (places.length === 0) break;
    const { holder, key } = dice.of(places);
    const other = dice.of(places);
    switch (dice.below(6)) {
      case 0:
        delete holder[key];
        break;
      case 1:
        Object.defineProperty(holder, dice.of(["__proto__", "", "constructor", `${key}2`]), {
          value: holder[key],
          enumerable: true,
          configurable: true,
          writable: true,
        });
        break;
      case 2:
        holder[key] = structuredClone(other.holder[other.key]);
        break;
      case 3:
        if (typeof holder[key] === "number")
          holder[key] = (holder[key] as number) * dice.of([-1, 0.5, 2, 1e6, 1e-9]) + dice.below(2);
        else holder[key] = dice.of(VALUES)();
        break;
      default:
        holder[key] = dice.of(VALUES)();
    }
  }
  const depth = dice.of([2000, 100_000]);
  return (JSON.stringify(root.document) ?? "").replaceAll(JSON.stringify(DEEP), deepText(depth));
}
