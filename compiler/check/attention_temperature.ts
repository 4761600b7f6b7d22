import type { PlanModel, PlanRope } from "../plan.ts";
import { longRopeAttentionFactor, yarnMscale } from "../rope/index.ts";
import { showNumber } from "../values/show.ts";
import { type Check, chain, replacing, steps } from "./context.ts";
import { ropePlace } from "./rope_place.ts";
import { startsUnsaid } from "./scaling_factor.ts";

/** How far from the published value is still the same. */
const slack = 1e-3;

/** Attention factors that a recipe sets, against the rule that every published model of the method uses. */
export const attentionTemperature: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const given = trace.exact(`${pointer}/rope/attention_factor`);
    const place = given ?? trace.exact(`${pointer}/rope/parameters/mscale`);
    const published = place && publishedFactor(stage.rope);
    if (!place || published === undefined) continue;
    const { attention_factor } = stage.rope;
    if (Math.abs(attention_factor * softmaxShare(plan.model, stage.rope) - published.value) <= slack) continue;
    report.add(
      "CTX3007",
      place,
      {
        given: attention_factor,
        published: published.value,
        rule: published.rule,
      },
      { fixes: given ? replacing(given, showNumber(published.value), String(published.value)) : [] },
    );
  }
};

/** DeepSeek's own code multiplies the scores by the square of this besides; no other family's reads `mscale_all_dim` so. */
function softmaxShare({ family }: PlanModel, { parameters }: PlanRope): number {
  const { factor, mscale_all_dim: mscale } = parameters ?? {};
  const own = family === "deepseek_v3" && typeof factor === "number" && typeof mscale === "number";
  return own ? yarnMscale(factor, mscale) : 1;
}

/** What the method's authors multiply cos and sin with; undefined for methods without such a rule. */
function publishedFactor({ method, parameters }: PlanRope): { value: number; rule: string } | undefined {
  const factor = parameters?.factor;
  const original = parameters?.original_max_position_embeddings;
  if (typeof factor !== "number" || typeof original !== "number") return undefined;
  if (method === "yarn")
    return { value: yarnMscale(factor), rule: "YaRN multiplies cos and sin by 0.1 ln(factor) + 1" };
  if (method === "longrope") {
    const rule = "LongRoPE multiplies cos and sin by sqrt(1 + ln(factor) / ln(original))";
    return { value: longRopeAttentionFactor(factor, original), rule };
  }
  return undefined;
}

/**
 * Weights that were trained with a temperature expect it: a stage whose table has a smaller one flattens all attention at
 * once. A larger one comes with a larger factor, as YaRN's own stages have it.
 */
export const temperatureFalls: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer, before, knownRope, knownContext } of chain(context)) {
    const now = stage.rope.attention_factor;
    if (now >= knownRope.attention_factor - slack || stage.context < knownContext) continue;
    if (startsUnsaid(trace, pointer, plan.model.rope) || (!before && trace.exact(`${pointer}/rope`) === undefined))
      continue;
    if (now < (publishedFactor(stage.rope)?.value ?? 0) - slack) continue; // said by attentionTemperature
    const { method, parameters } = stage.rope;
    const given = method === "custom" || (method !== "resonance" && parameters?.attention_factor !== undefined);
    report.add("CTX3023", ropePlace(trace, pointer, given ? ["attention_factor"] : []), {
      before: knownRope.attention_factor,
      now,
      previous: before ? `stage ${before.name}` : "the base model",
    });
  }
};
