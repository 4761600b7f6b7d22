import { pow } from "../arithmetic/elementary.ts";

/** What number formats do to RoPE's angles at long positions. All bounds are in radians. */

/** Half a unit in the last place of x in float32. */
function halfUlp32(x: number): number {
  return x === 0 ? 0 : 2 ** (Math.floor(Math.log2(Math.abs(x))) - 24);
}

/**
 * Largest error of an angle formed as float32 frequency × float32 position, as Hugging Face's code does, up to `length`
 * tokens: the frequency's rounding times the position, and the product's own rounding. It grows with the position and is
 * worst in the fast pairs; distances between tokens inherit it, since both ends are rounded on their own.
 *
 * ctx forms angles in float64 (error below 1e-9 rad at 16M tokens), so this speaks of where an exported model is run.
 */
export function float32AngleError(frequencies: readonly number[], length: number): number {
  const position = length - 1;
  const errors = frequencies.map((frequency) => {
    if (Number.isInteger(frequency)) return 0; // 1 and 0 are exact, and so are their products
    // the frequency comes out of a float32 power and a division: off by up to a whole unit in the last place
    return 2 * halfUlp32(frequency) * position + halfUlp32(frequency * position);
  });
  return Math.max(...errors);
}

/** Products that are looked at, at the last positions: 4096 positions of 64 pairs, within which rounding errors repeat well. */
const LOOKED_AT = 2 ** 18;

/**
 * The same as transformers really has it: its float32 arithmetic carried out (the power and the division that give plain
 * RoPE's frequency, the product with the position) against float64, over the last positions before `length`. What
 * scaling methods do to a frequency afterwards adds no more than another rounding.
 *
 * @param rope theta and frequencies of the table
 * @param small errors whose bound is below this are not worth the work: the bound is given
 */
export function float32AngleErrorAt(
  rope: { theta: number; inv_freq: readonly number[] },
  length: number,
  small = 0.1,
): number {
  const bound = float32AngleError(rope.inv_freq, length);
  if (bound <= small) return bound;
  const d = 2 * rope.inv_freq.length;
  const first = Math.max(0, length - Math.ceil(LOOKED_AT / rope.inv_freq.length));
  let worst = 0;
  for (const [i, frequency] of rope.inv_freq.entries()) {
    const plain = pow(rope.theta, (-2 * i) / d);
    const plain32 = Math.fround(1 / Math.fround(Math.fround(rope.theta) ** Math.fround((2 * i) / d)));
    const frequency32 = Math.fround(frequency * (plain32 / plain));
    for (let position = first; position < length; position++) {
      worst = Math.max(worst, Math.abs(Math.fround(frequency32 * position) - frequency * position));
    }
  }
  return worst;
}

/** First position that float32 can't hold exactly. */
export const FLOAT32_POSITIONS = 2 ** 24;

/**
 * Pairs whose cosine is exactly 1 in bfloat16 at every position up to `length`: those with length·θ < √(2·2⁻⁹) = 0.0625.
 * Their sine still tells positions apart, with 8 bits.
 */
export function bfloat16StillPairs(frequencies: readonly number[], length: number): number {
  return frequencies.filter((frequency) => length * frequency < Math.sqrt(2 * 2 ** -9)).length;
}
