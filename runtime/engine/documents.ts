/**
 * Packed documents as the kernels want them: for each token the first token that it may see.
 *
 * @param documents first token of each document (`[0, 300]`, ascending from 0), or one document number per token
 *   (`[0, 0, …, 1, 1, …]`, never decreasing). Where both readings are possible they mean the same.
 * @param tokens length of the sequence
 * @returns [tokens]
 * @throws RangeError when the list is neither
 */
export function documentStarts(documents: ArrayLike<number> | undefined, tokens: number): Int32Array {
  const starts = new Int32Array(tokens);
  if (documents === undefined) return starts;
  if (documents.length === tokens) {
    for (let t = 1; t < tokens; t++) {
      if (documents[t]! < documents[t - 1]!) {
        throw new RangeError(
          `documents[${t}] is ${documents[t]}, less than the one before; documents must be contiguous`,
        );
      }
      starts[t] = documents[t] === documents[t - 1] ? starts[t - 1]! : t;
    }
    return starts;
  }
  for (let d = 0; d < documents.length; d++) {
    const first = documents[d]!;
    const least = d === 0 ? 0 : documents[d - 1]! + 1;
    if (!Number.isInteger(first) || first < least || first >= tokens || (d === 0 && first !== 0)) {
      throw new RangeError(
        `documents must be the first tokens of ${tokens} tokens' documents, ascending from 0, or one number per token; entry ${d} is ${first}`,
      );
    }
    starts.fill(first, first);
  }
  return starts;
}

/** Positions that count from 0 in each document. [tokens] */
export function documentPositions(starts: Int32Array): Int32Array {
  return starts.map((start, t) => t - start);
}
