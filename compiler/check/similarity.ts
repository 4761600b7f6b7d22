import type { PlanDraft } from "../lower/plan.ts";
import type { PlanStage } from "../plan.ts";
import { type Budget, obtainableLength } from "../rope/index.ts";
import { showRatio, showTokens } from "../values/show.ts";
import { type Check, chain, plentyOfTokens, replacing } from "./context.ts";
import { thetaInside } from "./inside_the_arc.ts";
import { ropePlace } from "./rope_place.ts";
import { startsUnsaid } from "./scaling_factor.ts";
import { leavesTrainedArc, sameTable } from "./trained_arc.ts";

/**
 * Shares of what the base model's own table holds of its own length. Published models on few tokens went down to 0.33
 * (Mistral with YaRN, 128K): below half it is told, below a quarter it is a warning.
 */
const told = 1 / 2;
const warned = 1 / 4;

/** For a whole recipe, about a quarter of a second; the 4M stage of UltraLong, the dearest that is published, takes 4 million. */
const cosines = 20e6;

/**
 * The distance from which on a similar token no longer stands out from a random one (Men et al. 2405.14591), on the
 * stage's own table. Most models work somewhat past it, so a stage is held against its base model, which has shown how
 * much of its length the bound has to cover; and with billions of tokens models have learned to do without (ProLong, LWM).
 */
export const similarityBound: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  const budget: Budget = { left: cosines };
  const base = model.initialize ? 1 : shareHeld(model.rope.inv_freq, seen(plan, model.context), 1, budget);
  // A new model is told what the published ones have not been trained beyond.
  const least = model.initialize ? warned : told * base;
  let before: { table: readonly number[]; length: number; share: number } | undefined;
  for (const step of chain(context)) {
    const { stage, pointer } = step;
    const table = stage.rope.inv_freq;
    if (!model.initialize && (isAsItWas(plan, stage) || stage.tokens >= plentyOfTokens(plan))) continue;
    if (startsUnsaid(trace, pointer, model.rope) || leavesTrainedArc(context, step)) continue; // the same cause
    const length = seen(plan, stage.context);
    const again = before?.length === length && sameTable(before.table, table); // stages often share a table
    const share = again ? before!.share : shareHeld(table, length, least, budget);
    before = { table, length, share };
    if (share >= least) continue;
    const formula = stage.rope.method === "default" ? trace.exact(`${pointer}/rope/theta`) : undefined;
    const needed = thetaInside(model, stage.context);
    report.add(
      "CTX3020",
      ropePlace(trace, pointer),
      {
        reach: showTokens(Math.round(share * length)),
        length: showTokens(length),
        compare: model.initialize
          ? "the tables of published models hold for more of their length"
          : `the base model's holds for ${showRatio(Number(base.toPrecision(2)))} of its length`,
      },
      {
        severity: !model.initialize && share < warned * base ? "warning" : "info",
        fixes:
          stage.rope.theta < needed ? replacing(formula, "theta = critical_base(length)", "critical_base(length)") : [],
      },
    );
  }
};

/** Distances that attention sees at most: those of the context, or of a window that every layer has. */
function seen({ model }: PlanDraft, context: number): number {
  return model.window?.layers.every(Boolean) ? Math.min(context, model.window.tokens) : context;
}

/** The share of `length` that a table's obtainable length covers, looked at up to `enough`. */
function shareHeld(frequencies: readonly number[], length: number, enough: number, budget: Budget): number {
  const limit = Math.ceil(enough * length);
  const held = obtainableLength(frequencies, limit, budget);
  return held === limit ? enough : held / length;
}

function isAsItWas({ model }: PlanDraft, stage: PlanStage): boolean {
  return stage.context <= model.context && sameTable(stage.rope.inv_freq, model.rope.inv_freq);
}
