import { sharesEmbeddings } from "../model/index.ts";
import { type Check, replacing } from "./context.ts";

/** `merge` speaks of adapters; without any it does nothing. */
export const nothingToMerge: Check = ({ plan, trace, report }) => {
  const place = trace.exact("/export/merge");
  if (place && plan.export.merge && plan.stages.every((stage) => stage.train.method === "full")) {
    report.add("CTX8008", place, {}, { fixes: [] });
  }
};

/** What a run ends with can only be written with the adapter merged, and the recipe leaves it apart: told before hours of training. */
export const onlyMerged: Check = ({ plan, trace, report }) => {
  const last = plan.stages.length - 1;
  const lora = plan.stages[last]?.train.lora;
  // An lm_head that a model does not have is refused (CTX6008).
  if (!lora || plan.export.merge || !lora.also.includes("embed_tokens") || !sharesEmbeddings(plan.model, lora)) return;
  const place = trace.nearest(`/stages/${last}/train/lora/also`);
  const written = trace.exact("/export/merge");
  report.add("CTX8027", place, {}, { fixes: replacing(written, "merge = true", "true") });
};
