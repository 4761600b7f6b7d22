import type { RingBlock, RingStep } from "./schedule.ts";

/** How evenly a ring's work lies. */
export interface RingBalance {
  /** Query-key pairs in all. */
  pairs: number;
  /** Pairs at each step on the busiest rank: all others wait for it. */
  busiest: number[];
  /** pairs / (P × Σ busiest): 1 when no rank ever waits. */
  efficiency: number;
}

/** Query-key pairs of a block; attention costs 4 × pairs × heads × head_dim FLOPs forward. */
export function blockPairs(block: RingBlock): number {
  const queries = block.queries.to - block.queries.from;
  const keys = block.keys.to - block.keys.from;
  return block.causal ? (queries * (queries + 1)) / 2 : queries * keys;
}

/** Pairs of one rank at one step. */
export function stepPairs(step: RingStep): number {
  return step.blocks.reduce((sum, block) => sum + blockPairs(block), 0);
}

export function ringBalance(schedule: readonly RingStep[][]): RingBalance {
  const ring = schedule.length;
  const busiest = Array.from({ length: ring }, (_, t) => Math.max(...schedule.map((steps) => stepPairs(steps[t]!))));
  const pairs = schedule.flat().reduce((sum, step) => sum + stepPairs(step), 0);
  const waited = ring * busiest.reduce((sum, most) => sum + most, 0);
  return { pairs, busiest, efficiency: pairs / waited };
}
