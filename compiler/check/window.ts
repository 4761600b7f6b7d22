import { showTokens } from "../values/show.ts";
import { type Check, steps } from "./context.ts";

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
