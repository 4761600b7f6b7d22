import type { PlanStage } from "../../compiler/plan.ts";

/** A source's part in a stage. */
export interface MixShare {
  name: string;
  /** 0 … 1; all together 1. */
  share: number;
  synthetic: boolean;
}

/** Which source each row of a stage comes from. */
export interface MixPlan {
  /** Sources with a share above 0. */
  names: string[];
  /** [steps × sequences] index of the source. */
  source: Uint16Array;
  /** [steps × sequences] how many rows of the same source came before in this stage. */
  ordinal: Uint32Array;
  /** Rows of each source over the stage. */
  rows: number[];
}

/**
 * Deals out a stage's rows: each row goes to the source that is furthest behind its share, so that at every moment each source is within
 * a row of it. Retrieval needs a question in every optimizer step (the loss on answers is the early signal of a wrong
 * theta), so a synthetic source that is owed at least half a row a step gets one in every step, as long as a step has
 * room for others beside it.
 */
export function dealRows(shares: MixShare[], steps: number, sequences: number): MixPlan {
  const total = steps * sequences;
  const plan: MixPlan = {
    names: shares.map((s) => s.name),
    source: new Uint16Array(total),
    ordinal: new Uint32Array(total),
    rows: shares.map(() => 0),
  };
  const guaranteed = shares.flatMap((s, k) => (s.synthetic && s.share * sequences >= 0.5 ? [k] : []));
  const forced = guaranteed.length < sequences ? guaranteed : [];
  for (let step = 0; step < steps; step++)
    for (let slot = 0; slot < sequences; slot++) {
      const row = step * sequences + slot;
      const k = forced[slot] ?? furthestBehind(shares, plan.rows, row + 1);
      plan.source[row] = k;
      plan.ordinal[row] = plan.rows[k]!++;
    }
  return plan;
}

function furthestBehind(shares: MixShare[], rows: number[], dealt: number): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (const [k, { share }] of shares.entries()) {
    const behind = share * dealt - rows[k]!;
    // The margin keeps ties from turning on the last bit of a product.
    if (share > 0 && behind > most + 1e-9) [best, most] = [k, behind];
  }
  return best;
}

/** Deals out the rows of a stage of the plan. */
export function stageMix(stage: PlanStage, isSynthetic: (source: string) => boolean): MixPlan {
  const shares = Object.entries(stage.mix)
    .filter(([, share]) => share > 0)
    .map(([name, share]) => ({ name, share, synthetic: isSynthetic(name) }));
  return dealRows(shares, stage.steps, stage.sequences);
}
