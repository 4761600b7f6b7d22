/** What a target is, for the report: the answers' loss shows a wrong theta long before the text's does. */
export const KIND = { text: 0, answer: 1, prompt: 2 } as const;

/** No target. */
export const IGNORE = -100;

/**
 * One row of a batch, before weights are normalised. All arrays are [length]; entry t of the last three is about the target, the token after t.
 */
export interface Row {
  ids: Int32Array;
  positions: Int32Array;
  /** First token of this row that token t may see. */
  starts: Int32Array;
  /** IGNORE exactly where the weight is 0. */
  targets: Int32Array;
  weights: Float64Array;
  kinds: Uint8Array;
}

export function emptyRow(length: number): Row {
  return {
    ids: new Int32Array(length),
    positions: Int32Array.from({ length }, (_, t) => t),
    starts: new Int32Array(length),
    targets: new Int32Array(length).fill(IGNORE),
    weights: new Float64Array(length),
    kinds: new Uint8Array(length),
  };
}
