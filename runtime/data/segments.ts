import { DataError } from "./data_error.ts";
import type { Random } from "./random.ts";
import { emptyRow, KIND, type Row } from "./row.ts";

/**
 * A row in which one segment of random tokens comes again and again, each time after 0 … `gap` other random tokens.
 *
 * The tokens are uniform over the vocabulary, so nothing predicts a repeat but finding its last occurrence and copying what followed: the two
 * steps of an induction head (Olsson et al. 2022). Random gaps keep a model from learning a fixed distance instead. Repeats weigh 1 but for
 * their first token, which nothing announces; all else weighs 0.
 *
 * @param segment shortest and longest segment, in tokens
 * @throws DataError when no repeat fits into a row
 */
export function segmentRow(
  length: number,
  vocab: number,
  segment: readonly [number, number],
  gap: number,
  random: Random,
): Row {
  const size = random.between(segment[0], segment[1]);
  if (2 * (size + gap) > length)
    throw new DataError(
      `copy rows with segments of ${size} tokens and gaps of up to ${gap} need ${2 * (size + gap)} tokens, but a row has ${length}`,
      "make the stage longer, or segment or gap smaller",
    );
  const token = () => random.between(0, vocab - 1);
  const tokens = Int32Array.from({ length: size }, token);
  const row = emptyRow(length);
  let t = 0;
  for (let occurrence = 0; t < length; occurrence++) {
    for (let g = random.between(0, gap); g > 0 && t < length; g--) row.ids[t++] = token();
    for (let i = 0; i < size && t < length; i++, t++) {
      row.ids[t] = tokens[i]!;
      if (occurrence === 0 || i === 0) continue;
      row.targets[t - 1] = tokens[i]!;
      row.weights[t - 1] = 1;
      row.kinds[t - 1] = KIND.answer;
    }
  }
  return row;
}
