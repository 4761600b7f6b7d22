import { type RingLayout, rankSpans } from "./layout.ts";
import { type RingOptions, ringSchedule } from "./schedule.ts";

/**
 * The mask as text, for people: rows are chunks of queries, columns chunks of keys, and each cell is the step at which the
 * row's rank computes it (`.`: nothing is visible there).
 *
 * ```
 * zigzag ring of 2: step at which each block of the mask is computed
 *   queries     keys 0  1  2  3
 *   0  rank 0        0
 *   1  rank 1        1  0
 *   2  rank 1        1  0  0
 *   3  rank 0        0  1  1  0
 * ```
 *
 * @throws RangeError when the length does not divide, or the ring has more than 18 ranks and would not fit a screen
 */
export function drawRing(options: RingOptions): string {
  const { length, ring, layout } = options;
  if (ring > 18) throw new RangeError(`a ring of ${ring} is too large to draw; 18 ranks are the most`);
  const size = chunkSize(length, ring, layout);
  const chunks = length / size;
  const cells = Array.from({ length: chunks }, () => new Array<string>(chunks).fill(""));
  const owner = new Array<number>(chunks).fill(0);
  for (const [rank, steps] of ringSchedule(options).entries()) {
    for (const span of rankSpans(length, ring, rank, layout)) owner[span.from / size] = rank;
    for (const [t, { blocks }] of steps.entries()) {
      for (const { queries, keys } of blocks) {
        cells[Math.floor(queries.from / size)]![Math.floor(keys.from / size)] = String(t);
      }
    }
  }
  const head = `  queries     keys ${Array.from({ length: chunks }, (_, c) => String(c).padEnd(2)).join(" ")}`;
  const rows = cells.map((row, q) => {
    const shown = row.slice(0, q + 1).map((cell) => (cell || ".").padEnd(2));
    return `  ${String(q).padEnd(2)} rank ${String(owner[q]).padEnd(8)} ${shown.join(" ")}`.trimEnd();
  });
  const title = `${layout} ring of ${ring}: step at which each block of the mask is computed`;
  return [title, head.trimEnd(), ...rows].join("\n");
}

function chunkSize(length: number, ring: number, layout: RingLayout): number {
  const [first] = rankSpans(length, ring, 0, layout);
  return first!.to - first!.from;
}
