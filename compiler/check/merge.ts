import type { Check } from "./context.ts";

/** `merge` speaks of adapters; without any it does nothing. */
export const nothingToMerge: Check = ({ plan, trace, report }) => {
  const place = trace.exact("/export/merge");
  if (place && plan.export.merge && plan.stages.every((stage) => stage.train.method === "full")) {
    report.add("CTX8008", place, {}, { fixes: [] });
  }
};
