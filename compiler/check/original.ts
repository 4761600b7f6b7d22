import { shownContext } from "../model/index.ts";
import type { PlanModel } from "../plan.ts";
import { showTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/**
 * Methods scale from the length that the base model was trained at; another one moves every pair. A length that an earlier
 * stage trained counts as well.
 */
export const originalLength: Check = ({ plan, trace, report }) => {
  if (plan.model.initialize) return;
  const known = new Set(trainedLengths(plan.model));
  for (const { stage, pointer } of steps(plan)) {
    const place = trace.exact(`${pointer}/rope/original`);
    const original = stage.rope.parameters?.original_max_position_embeddings;
    if (place && typeof original === "number" && !known.has(original)) {
      const [trained] = known;
      report.add(
        "CTX3026",
        place,
        { original: showTokens(original), trained: [...known].map(showTokens).join(" or ") },
        { fixes: replacing(place, `original = ${showTokens(trained!)}`, showTokens(trained!)) },
      );
    }
    known.add(shownContext(stage));
  }
};

/**
 * Lengths that a base model was trained at. Some configs promise more than that: Qwen3's room for a prompt, Qwen2.5's
 * YaRN to come, the first Mistral's window.
 */
function trainedLengths({ family, context, rope, window }: PlanModel): number[] {
  const scaledFrom = rope.parameters?.original_max_position_embeddings;
  return [
    ...(typeof scaledFrom === "number" ? [scaledFrom] : []),
    context,
    ...((family === "qwen2" || family === "qwen3") && context > 32_768 ? [32_768] : []),
    ...(family === "mistral" && window ? [8192] : []),
  ];
}
