import { chunkCount, type RingLayout } from "./layout.ts";

/** Whether a row of `length` tokens divides over a ring. */
export function divides(length: number, ring: number, layout: RingLayout): boolean {
  return length % chunkCount(ring, layout) === 0;
}

/** Numbers that divide `number`, ascending; it takes √number steps. */
export function divisors(number: number): number[] {
  const small: number[] = [];
  const large: number[] = [];
  for (let divisor = 1; divisor * divisor <= number; divisor++) {
    if (number % divisor !== 0) continue;
    small.push(divisor);
    if (divisor * divisor !== number) large.push(number / divisor);
  }
  return [...small, ...large.reverse()];
}

/** Ring sizes from 1 to `most` that a row divides over, ascending. */
export function legalRings(length: number, most: number, layout: RingLayout): number[] {
  const chunks = length / chunkCount(1, layout);
  return Number.isInteger(chunks) ? divisors(chunks).filter((ring) => ring <= most) : [];
}

/** Legal ring size closest to `ring`, the smaller one of two; null when there is none up to `most`. */
export function nearestRing(length: number, ring: number, most: number, layout: RingLayout): number | null {
  let best: number | null = null;
  for (const legal of legalRings(length, most, layout)) {
    if (best === null || Math.abs(legal - ring) < Math.abs(best - ring)) best = legal;
  }
  return best;
}

/** Closest lengths that divide over a ring: the largest one ≤ `length` (null when that is 0) and the smallest ≥ `length`. */
export function nearestLengths(
  length: number,
  ring: number,
  layout: RingLayout,
): { below: number | null; above: number } {
  const chunks = chunkCount(ring, layout);
  const below = Math.floor(length / chunks) * chunks;
  return { below: below === 0 ? null : below, above: Math.ceil(length / chunks) * chunks };
}
