import type { PlanDraft } from "../lower/plan.ts";
import type { PlanStage } from "../plan.ts";
import { criticalBase } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, replacing } from "./context.ts";

/** Published ratios of theta to the critical base reach 40 (EasyContext's Llama-2) and 120 (its danube2, with pairs of 80 dimensions). */
const overshoot = 150;

/** theta far above what the length needs: every extra factor costs steps (and slow pairs go dead in bfloat16). */
export const thetaOvershoot: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  let over = false;
  for (const { stage, pointer, before } of chain(context)) {
    // Stages of one table and one context overshoot alike.
    const alike = before?.rope.inv_freq === stage.rope.inv_freq && before.context === stage.context;
    if (!alike || before.rope.theta !== stage.rope.theta) over = overshoots(plan, stage);
    if (!over) continue;
    const needed = criticalBase(model.rope.theta, model.context, stage.context);
    const times = stage.rope.theta / needed;
    const formula = trace.exact(`${pointer}/rope/theta`);
    report.add(
      "CTX3002",
      formula ?? trace.nearest(`${pointer}/rope`),
      {
        theta: showNumber(stage.rope.theta),
        times: Math.round(times),
        length: showTokens(stage.context),
        needed: showNumber(Math.ceil(needed)),
      },
      { fixes: replacing(formula, "theta = critical_base(length)", "critical_base(length)") },
    );
  }
};

export function overshoots({ model }: PlanDraft, stage: PlanStage): boolean {
  if (model.rope.method !== "default" || model.initialize) return false;
  if (stage.rope.method !== "default" || stage.context <= model.context) return false;
  return stage.rope.theta / criticalBase(model.rope.theta, model.context, stage.context) > overshoot;
}

/** theta that falls from one stage to the next while the context does not, or in the first stage below the model's own. */
export const thetaFalls: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer, before, knownRope, knownContext } of chain(context)) {
    if (!(stage.rope.theta < knownRope.theta)) continue;
    // A shorter stage may turn back to what it knew; a theta below the model's own it never knew.
    if (stage.context < knownContext && (before || plan.model.initialize)) continue;
    const previous = before ? `stage ${before.name}` : "the base model";
    report.add("CTX3009", trace.nearest(`${pointer}/rope/theta`), {
      before: showNumber(knownRope.theta),
      after: showNumber(stage.rope.theta),
      though:
        stage.context < knownContext
          ? `for ${showTokens(stage.context)}, which the model reads already`
          : "while the length does not",
      previous,
    });
  }
};
