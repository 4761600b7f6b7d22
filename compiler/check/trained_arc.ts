import type { PlanRope } from "../plan.ts";
import { criticalBase, wavelength } from "../rope/index.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain, plentyOfTokens, replacing } from "./context.ts";
import { fallsShort, isWritten } from "./scaling_factor.ts";

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
  for (const { stage, pointer, before } of chain(context)) {
    if (stage.tokens >= plentyOfTokens(plan) || stage.context <= model.context || model.initialize) continue;
    if (before && sameTable(before.rope, stage.rope) && before.context >= stage.context) continue;
    if (fallsShort(stage, model.context)) continue; // said by scalingFactor
    if (model.rope.method !== "default" && trace.exact(`${pointer}/rope`) && !isWritten(trace, pointer, model.rope))
      continue;
    const { pairs, worst } = pairsOutside(model.rope, model.context, stage.rope, stage.context);
    if (worst <= tolerated) continue;
    const plain = model.rope.method === "default" && stage.rope.method === "default";
    const needed = criticalBase(model.rope.theta, model.context, stage.context);
    const formula = trace.exact(`${pointer}/rope/theta`);
    report.add(
      "CTX3001",
      formula ?? trace.nearest(`${pointer}/rope`),
      {
        length: showTokens(stage.context),
        pairs,
        all: stage.rope.inv_freq.length,
        advice: plain
          ? `theta is ${showNumber(stage.rope.theta)}; ${showNumber(Math.ceil(needed))} would keep every pair inside`
          : `the slowest of them turn ${showNumber(Number(worst.toPrecision(2)))} times as far as in training`,
      },
      { fixes: replacing(formula, "theta = critical_base(length)", "critical_base(length)") },
    );
  }
};

/** Pairs that never finished a turn in training and now turn past where they stopped, and the worst ratio. */
export function pairsOutside(base: PlanRope, trained: number, rope: PlanRope, length: number) {
  let pairs = 0;
  let worst = 1;
  for (const [i, frequency] of base.inv_freq.entries()) {
    if (frequency <= 0 || wavelength(frequency) <= trained) continue;
    const ratio = (length * (rope.inv_freq[i] ?? 0)) / (trained * frequency);
    if (ratio > 1 + 1e-6) pairs++;
    worst = Math.max(worst, ratio);
  }
  return { pairs, worst };
}

function sameTable(a: PlanRope, b: PlanRope): boolean {
  return a.inv_freq.every((frequency, i) => frequency === b.inv_freq[i]);
}
