import { shownContext } from "../model/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, type CheckContext, chain, plentyOfTokens, type StageStep } from "./context.ts";
import { insideTheArc, thetaInside } from "./inside_the_arc.ts";
import { fallsShort, startsUnsaid } from "./scaling_factor.ts";

/** How far past its trained angle a pair may turn before it is said aloud; Gradient's published stages reach 1.24. */
const tolerated = 1.5;

/**
 * A pair whose wavelength exceeds the trained length has only seen part of a turn. If the new table turns it further at
 * the new length than training ever did, its angles are out of distribution and have to be learned (Liu et al. 2310.05209;
 * YaRN section 3.1). With very many tokens that works (ProLong, Llama 3), with few it does not.
 */
export const trainedArc: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  if (report.has("CTX3019")) return; // the same cause
  for (const step of chain(context)) {
    const { stage, pointer } = step;
    if (!leavesTrainedArc(context, step) || stage.context > shownContext(stage)) continue; // the latter: contextCovered
    const needed = thetaInside(model, stage.context);
    const formula = trace.exact(`${pointer}/rope/theta`);
    report.add(
      "CTX3001",
      formula ?? trace.nearest(`${pointer}/rope`),
      {
        length: showTokens(stage.context),
        pairs: stage.pairs.extrapolated,
        all: stage.rope.inv_freq.length,
        advice:
          stage.rope.method === "default"
            ? `theta is ${showNumber(stage.rope.theta)}; ${showNumber(Math.ceil(needed))} would keep every pair inside`
            : `the slowest of them turn ${showNumber(Number(stage.pairs.furthest.toPrecision(2)))} times as far as in training`,
      },
      { fixes: insideTheArc(context, step) },
    );
  }
};

/** Whether a stage turns pairs far past what the base model has seen, on few tokens. */
export function leavesTrainedArc({ plan, trace }: CheckContext, { stage, pointer, before }: StageStep): boolean {
  const { model } = plan;
  if (stage.tokens >= plentyOfTokens(plan) || stage.context <= model.context || model.initialize) return false;
  if (before && sameTable(before.rope.inv_freq, stage.rope.inv_freq) && before.context >= stage.context) return false;
  if (fallsShort(stage, model.context)) return false; // said by scalingFactor
  if (startsUnsaid(trace, pointer, model.rope)) return false;
  return stage.pairs.furthest > tolerated;
}

export function sameTable(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((frequency, i) => frequency === b[i]));
}
