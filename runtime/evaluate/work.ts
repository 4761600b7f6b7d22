import { forwardFlops } from "../../compiler/cost/index.ts";
import type { PlanModel } from "../../compiler/plan.ts";

/** How much of an evaluation is done. */
export interface WorkDone {
  /** Rows, of how many. */
  readonly done: number;
  readonly total: number;
  /** Share of the work, from 0 to 1: a row of twice the tokens is more than twice the work. */
  readonly part: number;
}

/** Counts the rows of an evaluation, each by what its length takes. */
export class Work {
  readonly #all: number;
  #done = 0;
  #rows = 0;

  /**
   * @param rows of each length
   * @param cost of one row of a length, in any unit
   */
  constructor(
    readonly lengths: readonly number[],
    readonly rows: number,
    readonly cost: (length: number) => number,
  ) {
    this.#all = lengths.reduce((sum, length) => sum + rows * cost(length), 0);
  }

  /** Adds rows of a length that are done, or that there is no text for. */
  add(length: number, rows: number): WorkDone {
    this.#rows += rows;
    this.#done += rows * this.cost(length);
    const total = this.lengths.length * this.rows;
    // Sums of the same numbers in another order end a rounding beside 1.
    const part = this.#rows >= total ? 1 : Math.min(1, this.#done / this.#all);
    return { done: this.#rows, total, part };
  }
}

/** FLOPs of a row whose tokens pass all layers. */
export function rowCost(model: PlanModel): (length: number) => number {
  return (length) => {
    const { layers, attention } = forwardFlops(model, 1, length);
    return layers + attention;
  };
}
