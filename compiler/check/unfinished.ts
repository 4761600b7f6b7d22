import { type Check, chain, plentyOfTokens, replacing } from "./context.ts";
import { ropePlace } from "./rope_place.ts";
import { isLast, reachesTooFar, startsUnsaid } from "./scaling_factor.ts";
import { slowedBy } from "./stretched_twice.ts";
import { overshoots } from "./theta.ts";

/**
 * The share of all pairs that a stage may lose from those that make a full turn. EasyContext's trained stages lose up to
 * 8 of 64; its last step to theta 1e9 loses 9, and was left untrained.
 */
const lost = 1 / 8;

/** The share of a plentiful budget that teaches a model to do without them: danube2 lost 8 of 40 pairs on nearly all of one. */
const taught = 1 / 4;

/** Pairs that do not come round within the context tell long distances apart by small angles only, which has to be learned. */
export const unfinishedPeriods: Check = (context) => {
  const { plan, trace, report } = context;
  // Within a window in every layer no distance is long.
  if (plan.model.initialize || plan.model.window?.layers.every(Boolean)) return;
  for (const step of chain(context)) {
    const { stage, pointer } = step;
    const { unfinished, unfinished_before: before, stopped, classes } = stage.pairs;
    const more = unfinished - stopped - before;
    if (more <= lost * classes.length || stage.tokens >= taught * plentyOfTokens(plan)) continue;
    if (stage.context <= plan.model.context || overshoots(plan, stage)) continue;
    if (startsUnsaid(trace, pointer, plan.model.rope) || slowedBy(context, step) !== undefined) continue;
    if (isLast(plan.stages.length, pointer) && reachesTooFar(stage, plan.model.context)) continue; // said by scalingFactor
    const formula = stage.rope.method === "default" ? trace.exact(`${pointer}/rope/theta`) : undefined;
    report.add(
      "CTX3021",
      ropePlace(trace, pointer),
      { now: classes.length - unfinished, before: classes.length - before, all: classes.length },
      { fixes: replacing(formula, "theta = critical_base(length)", "critical_base(length)") },
    );
  }
};
