import type { Fix } from "../diagnostics/diagnostic.ts";
import { adapterOrigin, sharesEmbeddings, standsOnBase } from "../model/index.ts";
import { aboveStages, behind, type Check, type CheckContext, replacing } from "./context.ts";

/** `merge` speaks of adapters; without any it does nothing. */
export const nothingToMerge: Check = ({ plan, trace, report }) => {
  const place = trace.exact("/export/merge");
  if (place && plan.export.merge && plan.stages.every((stage) => stage.train.method === "full")) {
    report.add("CTX8008", place, {}, { fixes: replacing(place, "merge = false", "false", "safe") });
  }
};

/** What a run ends with can only be written with the adapter merged, and the recipe leaves it apart: told before hours of training. */
export const onlyMerged: Check = (context) => {
  const { plan, trace, report } = context;
  const last = plan.stages.length - 1;
  const lora = plan.stages[last]?.train.lora;
  // An lm_head that a model does not have is refused (CTX6008).
  if (!lora || plan.export.merge || !lora.also.includes("embed_tokens") || !sharesEmbeddings(plan.model, lora)) return;
  const place = trace.nearest(`/stages/${last}/train/lora/also`);
  report.add("CTX8027", place, {}, { fixes: merging(context) });
};

/** The same of an adapter on top of weights that are in no base model: those of a stage before, or random ones. */
export const adapterAlone: Check = (context) => {
  const { plan, trace, report, brokenFrom } = context;
  const last = plan.stages.length - 1;
  const stage = plan.stages[last];
  // Merging is one remedy for both, and the embeddings' case says more.
  if (!stage?.train.lora || plan.export.merge || last >= brokenFrom || report.has("CTX8027")) return;
  if (standsOnBase(plan, last)) return;
  const before = plan.stages[adapterOrigin(plan.stages, last) - 1];
  report.add(
    "CTX8029",
    trace.nearest(`/stages/${last}/train/lora`),
    { stage: stage.name, weights: before ? `the weights of stage ${before.name}` : "random weights" },
    { fixes: merging(context) },
  );
};

/** `merge = true` where it belongs: in place of `false`, in the export block, or in one above the first stage. */
function merging(context: CheckContext): Fix[] {
  const { trace } = context;
  const title = "export { merge = true }";
  const written = trace.exact("/export/merge");
  if (written) return replacing(written, "merge = true", "true");
  const dtype = trace.exact("/export/dtype");
  if (dtype) return behind(dtype, title, "  merge = true");
  return trace.exact("/export") ? [] : aboveStages(context, title);
}
