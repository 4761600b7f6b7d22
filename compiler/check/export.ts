import type { PlanDraft } from "../lower/plan.ts";
import { promisedContext } from "../model/index.ts";
import { proveExport, servedByVllm, writeHuggingFaceRope } from "../rope/index.ts";
import { showTokens } from "../values/show.ts";
import type { Check } from "./context.ts";
import { ropePlace } from "./rope_place.ts";

/** Relative difference of frequencies that is rounding. */
const exact = 1e-12;

/** The RoPE keys that the export will write, and the length that they speak of; undefined when no config.json can hold the table. */
function exported(plan: PlanDraft) {
  const last = plan.stages.length - 1;
  const stage = plan.stages[last];
  if (!stage?.rope.parameters) return undefined;
  const context = promisedContext(plan, last);
  const config = { ...writeHuggingFaceRope(stage.rope, context, plan.model.context) };
  return { stage, pointer: `/stages/${last}`, context, config };
}

/** The exported config.json as transformers 4, transformers 5 and vLLM will read it, held against the table that was trained. */
export const readableEverywhere: Check = ({ plan, trace, report }) => {
  const result = exported(plan);
  if (!result) return;
  const { stage, pointer, context, config } = result;
  for (const { consumer, difference, refused } of proveExport(config, plan.model.head_dim, stage.rope, context)) {
    if (refused === null && difference <= exact) continue;
    const other = `it would read another table, off by up to ${difference.toExponential(1)} of a frequency`;
    const values = { consumer, problem: refused?.replace(/\.$/, "") ?? other };
    report.add("CTX8020", ropePlace(trace, pointer), values, refused === null ? { severity: "error" } : {});
  }
};

/** vLLM works the longest sequence out by itself, and for linear scaling takes it to be longer than was trained. */
export const servedLonger: Check = ({ plan, trace, report }) => {
  const result = exported(plan);
  if (!result) return;
  const { stage, pointer, context, config } = result;
  const served = Math.round(servedByVllm(config));
  // A YaRN factor beyond the stage has its own diagnostic.
  if (served <= context || stage.rope.method === "yarn") return;
  const values = { served: showTokens(served), method: stage.rope.method, length: String(context) };
  report.add("CTX8021", ropePlace(trace, pointer), values);
};

/** What the exported model says of its length is what its last table was trained with; that may be less than before. */
export const exportedContextShrinks: Check = ({ plan, trace, report }) => {
  const last = plan.stages.length - 1;
  if (last < 0 || report.has("CTX4001")) return; // said by lengthsFall
  const context = promisedContext(plan, last);
  const base = plan.model.initialize ? [] : [plan.model.context];
  const longest = Math.max(context, ...base, ...plan.stages.map((stage) => stage.context));
  if (longest === context) return;
  if (report.has("CTX3006")) return; // a table made for more: the stage's context says so
  const values = { length: showTokens(context), before: showTokens(longest) };
  report.add("CTX8022", trace.nearest(`/stages/${last}/length`), values);
};
