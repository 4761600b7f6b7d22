import type { Place } from "../diagnostics/diagnostic.ts";
import { showTokens } from "../values/show.ts";
import type { Lowering } from "./lowering.ts";

/** A stage's budget as the recipe gives it. */
export interface Budget {
  readonly stage: string;
  readonly length: number;
  readonly batch: number;
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
  /** Place of tokens or steps, or of the stage. */
  readonly at: Place;
}

/** Optimizer steps of a stage: as written, or as many whole ones as its tokens fill. Undefined when it says neither. */
export function stepsOf(budget: Budget, { report }: Lowering): number | undefined {
  const { stage, length, batch, steps, tokens, at } = budget;
  const step = length * batch;
  if (steps !== undefined && tokens !== undefined) {
    const product = steps * step;
    if (Math.abs(product - tokens) > 0.005 * product) {
      report.add("CTX4003", at, { steps, batch, length: showTokens(length), product, tokens });
    }
    return steps;
  }
  if (steps !== undefined) return steps;
  if (tokens === undefined) {
    report.add("CTX4004", at, { stage });
    return undefined;
  }
  if (tokens < step) report.add("CTX4012", at, { tokens, step, batch, length: showTokens(length) });
  return Math.ceil(tokens / step);
}
