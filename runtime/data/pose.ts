import { DataError } from "./data_error.ts";
import type { Random } from "./random.ts";

/**
 * PoSE, positional skip-wise training (Zhu et al. 2309.10400): a row of `length` tokens is cut into chunks whose positions
 * jump, so that RoPE sees distances up to `context` while attention costs only `length`.
 *
 * With chunk k starting at token s_k, its positions are s_k + u_k, s_k + 1 + u_k, …, where u_0 = 0 and
 * u_k ~ U{u_(k-1), …, context - length}. Two chunks are cut as in the authors' code: the first takes 1 … (length + 1) / 2 tokens,
 * drawn uniformly. More chunks: all sets of cuts are equally likely. The text stays contiguous (the paper's v_k = 0; it reports
 * that content skips matter little), so each token is still trained once an epoch.
 *
 * @param within the first cut falls into this range (both ends included) instead: how a question is set apart from
 * what it asks for
 * @returns [length] positions, ascending, below `context`
 */
export function posePositions(
  length: number,
  context: number,
  chunks: number,
  random: Random,
  within?: { from: number; to: number },
): Int32Array {
  if (chunks < 1 || chunks > length || context < length)
    throw new DataError(
      `PoSE can't cut ${length} tokens into ${chunks} chunks within ${context} positions`,
      "use fewer chunks, or a context that is longer than the row",
    );
  const cuts = cutPlaces(length, chunks, random, within);
  const positions = new Int32Array(length);
  let skip = 0;
  let next = 0;
  for (let t = 0; t < length; t++) {
    if (t === cuts[next]) {
      skip = random.between(skip, context - length);
      next++;
    }
    positions[t] = t + skip;
  }
  return positions;
}

function cutPlaces(length: number, chunks: number, random: Random, within?: { from: number; to: number }): number[] {
  if (chunks === 1) return [];
  if (within && within.from <= within.to) {
    const chosen = random.between(within.from, within.to);
    // The rest from all other places.
    const others = random.distinct(chunks - 2, 1, length - 2).map((cut) => (cut >= chosen ? cut + 1 : cut));
    return [chosen, ...others].sort((a, b) => a - b);
  }
  if (chunks === 2) return [random.between(1, Math.floor((length + 1) / 2))];
  return random.distinct(chunks - 1, 1, length - 1);
}
