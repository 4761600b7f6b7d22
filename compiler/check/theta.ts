import { criticalBase } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, replacing } from "./context.ts";

/** The largest published ratio of theta to the critical base is 120, of EasyContext's last stage of Danube2; of its Llama-2, 40. */
const overshoot = 125;

/** theta far above what the length needs: every extra factor costs steps (and slow pairs go dead in bfloat16). */
export const thetaOvershoot: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  if (model.rope.method !== "default" || model.initialize) return;
  for (const { stage, pointer } of chain(context)) {
    if (stage.rope.method !== "default" || stage.context <= model.context) continue;
    const needed = criticalBase(model.rope.theta, model.context, stage.context);
    const times = stage.rope.theta / needed;
    if (times <= overshoot) continue;
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

/** theta that falls from one stage to the next while the context does not. */
export const thetaFalls: Check = (context) => {
  const { trace, report } = context;
  for (const { stage, pointer, before, knownRope, knownContext } of chain(context)) {
    if (!(stage.rope.theta < knownRope.theta) || stage.context < knownContext) continue;
    const previous = before ? `stage ${before.name}` : "the base model";
    report.add("CTX3009", trace.nearest(`${pointer}/rope/theta`), {
      before: showNumber(knownRope.theta),
      after: showNumber(stage.rope.theta),
      previous,
    });
  }
};
