/**
 * ctx as a library: recipes as text, as trees and as plans; Llama, Mistral and Qwen models computed natively; attention by itself.
 *
 *     import { compile, Engine, nodeHost } from "ctx-recipe";
 *     const { plan, diagnostics } = compile(text, nodeHost(), { file: "recipe.ctx" });
 *     const engine = await Engine.load("path/to/model", { threads: 8 });
 *     const logits = await engine.logits(Int32Array.of(1, 2, 3));
 */
export { nodeHost } from "./cli/host.ts";
export {
  type AnalyzeOptions,
  type Compiled,
  canonicalJson,
  check,
  compile,
  diffPlans,
  emptyHost,
  type FixedRecipe,
  type FixNote,
  fixRecipe,
  type Host,
  type JsonDiagnostic,
  type JsonFile,
  type PlanChange,
  type PlanDifference,
  type PlanTotals,
  planFaults,
  type StageDifference,
  upgradePlan,
} from "./compiler/index.ts";
export type * from "./compiler/plan.ts";
export * from "./grammar/index.ts";
export {
  type AttentionGradients,
  type AttentionOptions,
  type AttentionResult,
  attention,
} from "./runtime/engine/attention.ts";
export { Engine, type EngineLoadOptions, type GenerateOptions, type SequenceOptions } from "./runtime/engine/engine.ts";
