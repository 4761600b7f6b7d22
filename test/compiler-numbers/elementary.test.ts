// Powers and logarithms against exact references: fixed-point BigInt with 400 bits behind the point.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exp, ln, log2, log10, pow } from "../../compiler/arithmetic/elementary.ts";

const BITS = 400n;
const ONE = 1n << BITS;

/** A finite number as mantissa × 2^exponent. */
function parts(x: number): [bigint, number] {
  let exponent = 0;
  let mantissa = x;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  return [BigInt(mantissa), exponent];
}

const shift = (value: bigint, by: number) => (by >= 0 ? value << BigInt(by) : value >> BigInt(-by));
const fixed = (x: number) => {
  const [mantissa, exponent] = parts(x);
  return shift(mantissa, Number(BITS) + exponent);
};
const times = (a: bigint, b: bigint) => (a * b) >> BITS;

function atanhTwice(a: bigint, b: bigint): bigint {
  const x = (a << BITS) / b;
  const square = times(x, x);
  let sum = 0n;
  for (let power = x, k = 1n; power !== 0n && power !== -1n; power = times(power, square), k += 2n) sum += power / k;
  return 2n * sum;
}

const LN2 = atanhTwice(1n, 3n);

/** ln of mantissa × 2^exponent. */
function lnOf(x: number): bigint {
  let [mantissa, exponent] = parts(x);
  const size = mantissa.toString(2).length;
  exponent += size;
  mantissa = shift(mantissa, Number(BITS) - size); // 1/2 ≤ m < 1
  return atanhTwice(mantissa - ONE, mantissa + ONE) + BigInt(exponent) * LN2;
}

/** e^x as a fixed-point number m and a power of two: m × 2^k, 1/2 ≤ m < 2. */
function expOf(x: bigint): [bigint, number] {
  const k = Number(x / LN2);
  const rest = (x - BigInt(k) * LN2) >> 8n;
  let sum = ONE;
  let term = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = times(term, rest) / n;
    sum += term;
  }
  for (let n = 0; n < 8; n++) sum = times(sum, sum);
  return [sum, k];
}

/** How far a result is from an exact m × 2^k, in units of its own last place. */
function unitsOff(result: number, m: bigint, k: number): number {
  const [mantissa, exponent] = parts(Math.abs(result));
  const unit = Math.max(-1074, exponent + mantissa.toString(2).length - 53);
  const difference = shift(mantissa, Number(BITS) + exponent - unit) - shift(m < 0n ? -m : m, k - unit);
  return Number((difference < 0n ? -difference : difference) >> (BITS - 40n)) / 2 ** 40;
}

const positive = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
const near = fc.oneof(
  positive,
  fc.double({ min: 0.5, max: 2, noNaN: true }),
  fc.double({ min: 0.999, max: 1.001, noNaN: true }),
);
const runs = { numRuns: 400 };
const most = 0.51;

describe("off by less than 0.51 units in the last place", () => {
  test("pow", () => {
    const exponent = fc.oneof(
      fc.double({ min: -300, max: 300, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
    );
    fc.assert(
      fc.property(near, exponent, (x, y) => {
        fc.pre(y !== 0 && Math.abs(y) > 1e-300);
        const [mantissa, power] = parts(y);
        const product = shift(lnOf(x) * mantissa, power);
        const about = Number(product >> (BITS - 20n)) / 2 ** 20;
        fc.pre(about < 709 && about > -700);
        const [m, k] = expOf(product);
        expect(unitsOff(pow(x, y), m, k)).toBeLessThan(most);
      }),
      runs,
    );
  });

  test("the powers of RoPE", () => {
    const theta = fc.double({ min: 1.5, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(theta, fc.constantFrom(32, 64, 80, 96, 128, 256), fc.nat(127), (base, d, pair) => {
        const y = (-2 * (pair % (d / 2))) / d;
        if (y === 0) return;
        const [mantissa, power] = parts(y);
        const [m, k] = expOf(shift(lnOf(base) * mantissa, power));
        expect(unitsOff(pow(base, y), m, k)).toBeLessThan(most);
      }),
      runs,
    );
  });

  test("ln", () => {
    fc.assert(
      fc.property(near, (x) => {
        if (x !== 1) expect(unitsOff(ln(x), lnOf(x), 0)).toBeLessThan(most);
      }),
      runs,
    );
  });

  test("log2 and log10", () => {
    const LN10 = lnOf(10);
    fc.assert(
      fc.property(near, (x) => {
        if (x === 1) return;
        expect(unitsOff(log2(x), (lnOf(x) << BITS) / LN2, 0)).toBeLessThan(most);
        expect(unitsOff(log10(x), (lnOf(x) << BITS) / LN10, 0)).toBeLessThan(most);
      }),
      runs,
    );
  });

  test("exp", () => {
    fc.assert(
      fc.property(fc.double({ min: -700, max: 709, noNaN: true }), (x) => {
        const [m, k] = expOf(fixed(x));
        expect(unitsOff(exp(x), m, k)).toBeLessThan(most);
      }),
      runs,
    );
  });
});

test("what is exact is exact", () => {
  for (let n = 0; n <= 22; n++) {
    expect(pow(10, n)).toBe(Number(`1e${n}`));
    expect(log10(Number(`1e${n}`))).toBe(n);
  }
  for (let n = -1074; n <= 1023; n++) {
    const value = Number(n < 0 ? `${2 ** -537 * 2 ** (n + 537)}` : `${2 ** n}`);
    expect(pow(2, n)).toBe(value);
    expect(log2(value)).toBe(n);
  }
  for (let n = 1; n < 200; n++) {
    expect(pow(n, 2)).toBe(n * n);
    expect(pow(n * n, 0.5)).toBe(n);
    expect(pow(n, 1)).toBe(n);
  }
  expect([ln(1), exp(0), exp(1), ln(Math.E)]).toEqual([0, 1, Math.E, 1]);
  expect([pow(-2, 3), pow(-2, 4), pow(-2, -1)]).toEqual([-8, 16, -0.5]);
});

test("zeros, infinities and no number are as Math has them", () => {
  const odd = [0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, 1e308, -1e308, 5e-324, Number.NaN, Infinity, -Infinity];
  const same = (own: number, theirs: number, exact: boolean) => {
    if (exact || !Number.isFinite(theirs) || theirs === 0) expect(own).toBe(theirs);
    else expect(Math.abs(own / theirs - 1)).toBeLessThan(1e-15);
  };
  for (const x of odd) {
    for (const y of odd) same(pow(x, y), x ** y, !Number.isFinite(x) || !Number.isFinite(y));
    same(ln(x), Math.log(x), false);
    same(exp(x), Math.exp(x), false);
    same(log2(x), Math.log2(x), false);
    same(log10(x), Math.log10(x), false);
  }
  expect([exp(709.79), exp(-746), pow(2, 1024), pow(2, -1080), pow(10, 1e300), pow(10, -1e300)]).toEqual([
    ...[Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 0],
  ]);
});

test("a power takes no more than a few microseconds", () => {
  pow(500_000, -0.3);
  let sum = 0;
  const begin = process.cpuUsage();
  for (let k = 0; k < 100_000; k++) sum += pow(500_000 + k, -0.3);
  expect(sum).toBeGreaterThan(0);
  // 0.3 µs of a processor; the bound leaves room for a slow one.
  expect(process.cpuUsage(begin).user / 100_000).toBeLessThan(10);
});

test("what makes a plan's numbers takes no power or logarithm from the engine", () => {
  // precision.ts looks at what others' float32 makes of a table; sha256.ts takes whole powers of whole numbers.
  const apart = ["precision.ts", "sha256.ts"];
  const files = ["rope", "rope/hugging_face", "evaluate", "lower", "model"].flatMap((folder) =>
    readdirSync(`compiler/${folder}`)
      .filter((file) => file.endsWith(".ts") && !apart.includes(file))
      .map((file) => `compiler/${folder}/${file}`),
  );
  expect(files.length).toBeGreaterThan(50);
  for (const file of files) {
    const code = readFileSync(file, "utf8").replace(/\/\*.*?\*\/|\/\/.*$/gms, "");
    expect(code.match(/Math\.(pow|log\w*|exp\w*|cbrt|[a-z]*h)\b|\*\*(?! ?\d)/g), file).toBeNull();
  }
});
