// Powers, logarithms and exponentials whose last digit is the same everywhere. Engines may round `**`, Math.log and Math.exp as they like, and
// do (V8 has changed its pow from one version to the next), so that a plan made in a browser would differ from the command line's. Only
// + - × ÷ are used here, which IEEE 754 fixes. Values are pairs of numbers, high + low, of together 106 bits (Dekker 1971); results
// are off by less than 0.51 units in the last place.

/** The low part of the last pair that a function below returned the high part of. */
let low = 0;

/** a + b with |a| ≥ |b|. */
function quickSum(a: number, b: number): number {
  const sum = a + b;
  low = b - (sum - a);
  return sum;
}

function add(a: number, aLow: number, b: number, bLow: number): number {
  const sum = a + b;
  const part = sum - a;
  const error = a - (sum - part) + (b - part);
  return quickSum(sum, error + (aLow + bLow));
}

/** 2^27 + 1 splits a number into halves whose products are exact. */
const splitter = 134_217_729;

function multiply(a: number, aLow: number, b: number, bLow: number): number {
  const product = a * b;
  const aBig = splitter * a;
  const aHigh = aBig - (aBig - a);
  const aRest = a - aHigh;
  const bBig = splitter * b;
  const bHigh = bBig - (bBig - b);
  const bRest = b - bHigh;
  const error = aHigh * bHigh - product + aHigh * bRest + aRest * bHigh + aRest * bRest;
  return quickSum(product, error + (a * bLow + aLow * b));
}

function divide(a: number, aLow: number, b: number, bLow: number): number {
  const first = a / b;
  const once = multiply(first, 0, b, bLow);
  const rest = add(a, aLow, -once, -low);
  const restLow = low;
  const second = rest / b;
  const twice = multiply(second, 0, b, bLow);
  const last = add(rest, restLow, -twice, -low) / b;
  const high = quickSum(first, second);
  return add(high, low, last, 0);
}

function pair(high: number): [number, number] {
  return [high, low];
}

/** ln 2, 1/3 and 1/6 as pairs. */
const ln2 = [Math.LN2, 2.3190468138462996e-17] as const;
const third = [1 / 3, 1.850371707708594e-17] as const;
const sixth = [1 / 6, 9.25185853854297e-18] as const;

/** Terms of a series smaller than this, relative to its first, are below the pairs' precision. */
const negligible = 2 ** -110;

/** 2·atanh(a / b), summed term by term. */
function atanhTwice(a: number, b: number): [number, number] {
  const x = pair(divide(a, 0, b, 0));
  const square = pair(multiply(...x, ...x));
  let power = x;
  let sum = x;
  for (let k = 3; Math.abs(power[0]) > negligible * Math.abs(x[0]); k += 2) {
    power = pair(multiply(...power, ...square));
    sum = pair(add(...sum, ...pair(divide(...power, k, 0))));
  }
  return [2 * sum[0], 2 * sum[1]];
}

/** e^x for small x, summed term by term. */
function expSeries(x: number): [number, number] {
  let term: [number, number] = [1, 0];
  let sum: [number, number] = [1, 0];
  for (let k = 1; Math.abs(term[0]) > negligible; k++) {
    term = pair(divide(...pair(multiply(...term, x, 0)), k, 0));
    sum = pair(add(...sum, ...term));
  }
  return sum;
}

const logarithms: ([number, number] | undefined)[] = [];
const exponentials: ([number, number] | undefined)[] = [];

const bits = new DataView(new ArrayBuffer(8));

/** 2^k as a number, for |k| ≤ 1022. */
function twoTo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** ln x of a finite x > 0, as a pair. */
function logarithm(x: number): number {
  const scaled = x < 2 ** -1022 ? x * 2 ** 54 : x;
  bits.setFloat64(0, scaled);
  const head = bits.getUint32(0);
  let exponent = (head >>> 20) - 1023 - (scaled === x ? 0 : 54);
  bits.setUint32(0, (head & 0xfffff) | (1023 << 20));
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    exponent++;
  }
  // ln m = ln c + 2·atanh((m - c) / (m + c)) with c = j/128 next to m.
  const j = Math.round(128 * m);
  const c = j / 128;
  if (j !== 128) logarithms[j] ??= atanhTwice(j - 128, j + 128);
  const near = logarithms[j];
  const sum = add(m, 0, c, 0);
  const s = divide(m - c, 0, sum, low);
  const sLow = low;
  const z = multiply(s, sLow, s, sLow);
  const zLow = low;
  const tail = z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13))));
  let high = add(third[0], third[1], tail, 0);
  high = multiply(high, low, z, zLow);
  high = multiply(high, low, s, sLow);
  high = add(s, sLow, high, low);
  high *= 2;
  low *= 2;
  if (near) high = add(near[0], near[1], high, low);
  if (exponent === 0) return high;
  const [before, beforeLow] = [high, low];
  high = multiply(ln2[0], ln2[1], exponent, 0);
  return add(high, low, before, beforeLow);
}

/** e^(x + xLow), rounded, for |x| below 800. */
function exponential(x: number, xLow: number): number {
  const k = Math.round(x * Math.LOG2E);
  let high = multiply(ln2[0], ln2[1], k, 0);
  high = add(x, xLow, -high, -low);
  const restLow = low;
  // e^x = 2^k · e^(j/256) · e^r
  const j = Math.round(256 * high);
  exponentials[j + 256] ??= expSeries(j / 256);
  const near = exponentials[j + 256]!;
  const r = add(high, restLow, -j / 256, 0);
  const rLow = low;
  const tail = r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r / 40_320))));
  high = add(sixth[0], sixth[1], tail, 0);
  high = multiply(high, low, r, rLow);
  high = add(0.5, 0, high, low);
  high = multiply(high, low, r, rLow);
  high = add(1, 0, high, low);
  high = multiply(high, low, r, rLow);
  high = multiply(high, low, near[0], near[1]);
  high = add(near[0], near[1], high, low);
  if (k > 1022) return high * 2 * twoTo(k - 1);
  return k < -1021 ? high * twoTo(k + 200) * 2 ** -200 : high * twoTo(k);
}

/** x^y, as `Math.pow` defines it, but for its last digit. */
export function pow(x: number, y: number): number {
  if (x < 0 && Number.isInteger(y)) return y % 2 === 0 ? pow(-x, y) : -pow(-x, y);
  // Of zeros, infinities and what is no number the results are exact.
  if (!(x > 0 && x < Number.POSITIVE_INFINITY && Number.isFinite(y)) || y === 0) return x ** y;
  const high = logarithm(x);
  if (high === 0) return 1;
  const about = high * y;
  if (about > 720) return Number.POSITIVE_INFINITY;
  if (about < -760) return 0;
  const product = multiply(high, low, y, 0);
  return exponential(product, low);
}

/** Natural logarithm, as `Math.log` defines it, but for its last digit. */
export function ln(x: number): number {
  return x > 0 && x < Number.POSITIVE_INFINITY ? logarithm(x) : Math.log(x);
}

/** Logarithm of base 2; whole for powers of two. */
export function log2(x: number): number {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) return Math.log2(x);
  const high = logarithm(x);
  return divide(high, low, ln2[0], ln2[1]);
}

/** Logarithm of base 10; whole for powers of ten. */
export function log10(x: number): number {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) return Math.log10(x);
  const high = logarithm(x);
  const before = low;
  ln10 ??= pair(logarithm(10));
  return divide(high, before, ln10[0], ln10[1]);
}

let ln10: [number, number] | undefined;

/** e^x, as `Math.exp` defines it, but for its last digit. */
export function exp(x: number): number {
  if (x > 720) return Number.POSITIVE_INFINITY;
  if (x < -760) return 0;
  return Number.isNaN(x) || x === 0 ? Math.exp(x) : exponential(x, 0);
}
