/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna 2021), started from a hash of named parts. Each row of each step has its own
 * generator, made from (seed, stage, step, slot …), so any batch can be formed without those before it.
 */
export class Random {
  constructor(private readonly state: Uint32Array) {}

  /** A generator for these parts. Different parts give independent generators. */
  static of(...parts: (number | string)[]): Random {
    const text = parts.join("\u0000");
    // FNV-1a into four lanes, each finished with murmur3's mixer; the lanes differ by their start.
    const state = new Uint32Array(4);
    for (let lane = 0; lane < 4; lane++) {
      let h = 0x811c9dc5 ^ Math.imul(lane + 1, 0x9e3779b9);
      for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      state[lane] = h ^ (h >>> 16);
    }
    if (state.every((word) => word === 0)) state[0] = 1;
    const random = new Random(state);
    for (let i = 0; i < 8; i++) random.next();
    return random;
  }

  /** Uniform in 0 … 2^32 - 1. */
  next(): number {
    const s = this.state;
    const x = Math.imul(s[1]!, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** Uniform in [0, 1) with 53 bits. */
  unit(): number {
    return ((this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6)) / 2 ** 53;
  }

  /** Uniform integer in [low, high], both included. */
  between(low: number, high: number): number {
    const n = high - low + 1;
    if (!(n >= 1)) throw new RangeError(`no integer between ${low} and ${high}`);
    // Rejection keeps it exactly uniform.
    const limit = 2 ** 53 - (2 ** 53 % n);
    for (;;) {
      const x = (this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6);
      if (x < limit) return low + (x % n);
    }
  }

  /** The integers 0 … n - 1 in random order (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.between(0, i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** `count` different integers in [low, high], ascending. */
  distinct(count: number, low: number, high: number): number[] {
    const chosen = new Set<number>();
    // Floyd's sampling: every subset is equally likely, with exactly `count` draws.
    for (let top = high - count + 1; top <= high; top++) {
      const x = this.between(low, top);
      chosen.add(chosen.has(x) ? top : x);
    }
    return [...chosen].sort((a, b) => a - b);
  }
}
