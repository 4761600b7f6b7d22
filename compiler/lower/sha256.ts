/**
 * SHA-256 (FIPS 180-4) of a text's UTF-8 bytes, in hex. Written out because the compiler is synchronous and runs in
 * browsers, whose own hashing is not.
 */
export function sha256(text: string): string {
  const bytes = padded(new TextEncoder().encode(text));
  constants ??= makeConstants();
  const { initial, round } = constants;
  const state = Uint32Array.from(initial);
  const w = new Uint32Array(64);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < bytes.length; block += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getUint32(block + 4 * t);
    for (let t = 16; t < 64; t++) {
      const a = w[t - 15]!;
      const b = w[t - 2]!;
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
      w[t] = w[t - 16]! + s0 + w[t - 7]! + s1;
    }
    compress(state, w, round);
  }
  return [...state].map((word) => word.toString(16).padStart(8, "0")).join("");
}

function compress(state: Uint32Array, w: Uint32Array, round: readonly number[]): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + round[t]! + w[t]!) >>> 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) >>> 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) >>> 0, c, b, a, (t1 + t2) >>> 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, k) => {
    state[k] = state[k]! + word;
  });
}

const rotate = (x: number, n: number) => (x >>> n) | (x << (32 - n));

/** The message with 0x80, zeros and its length in bits appended, a whole number of 64-byte blocks. */
function padded(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(message.length) * 8n);
  return bytes;
}

interface Constants {
  readonly initial: readonly number[];
  /** One for each round. */
  readonly round: readonly number[];
}

/** Worked out with the first hash: who only checks a recipe needs none. */
let constants: Constants | undefined;

/** The fractions of the roots of the first 64 primes. */
function makeConstants(): Constants {
  const primes = Array.from({ length: 312 }, (_, n) => n).filter(
    (n) => n > 1 && Array.from({ length: n - 2 }, (_, k) => k + 2).every((k) => n % k !== 0),
  );
  return {
    initial: primes.slice(0, 8).map((prime) => rootFraction(prime, 2n)),
    round: primes.map((prime) => rootFraction(prime, 3n)),
  };
}

/** First 32 bits of the fraction of the n-th root of a prime, exactly, by integer search. */
function rootFraction(prime: number, n: 2n | 3n): number {
  const target = BigInt(prime) << (n * 32n);
  let low = 0n;
  let high = 1n << 40n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** n <= target) low = middle;
    else high = middle - 1n;
  }
  return Number(low & 0xffffffffn);
}
