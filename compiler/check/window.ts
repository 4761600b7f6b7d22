import { showTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/**
 * With a sliding window in every layer no query sees further back than the window, whatever RoPE can do: what lies
 * further comes through only in what the tokens between have kept of it. Said once, at the first stage that is longer.
 */
export const windowHidesContext: Check = ({ plan, trace, report }) => {
  const { window } = plan.model;
  if (!window?.layers.every(Boolean)) return;
  for (const { stage, pointer } of steps(plan)) {
    if (stage.context <= window.tokens) continue;
    report.add("CTX3018", trace.nearest(`${pointer}/length`), {
      length: showTokens(stage.context),
      window: showTokens(window.tokens),
    });
    return;
  }
};

/** Qwen3's config.json promises 40,960 positions: the 32,768 that it was trained at, and room for a prompt. */
const qwen3 = { promised: 40_960, trained: 32_768 } as const;

/** YaRN on Qwen3 is published (and was measured) as counting from the trained 32,768, not from what config.json promises. */
export const qwenTrainedLength: Check = ({ plan, trace, report }) => {
  const { family, context } = plan.model;
  if (family !== "qwen3" || context !== qwen3.promised) return;
  for (const { stage, pointer } of steps(plan)) {
    const original = stage.rope.parameters?.original_max_position_embeddings;
    if (stage.rope.method !== "yarn" || original !== qwen3.promised) continue;
    const place = trace.exact(`${pointer}/rope/original`);
    report.add(
      "CTX3019",
      place ?? trace.nearest(`${pointer}/rope/method`),
      { promised: showTokens(qwen3.promised), trained: showTokens(qwen3.trained) },
      { fixes: replacing(place, "original = 32Ki", "32Ki") },
    );
  }
};
