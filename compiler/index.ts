/** Text → plan: names, types, units, formulas, checks. Runs in Node and in browsers. */
import { type AnalyzeOptions, analyze } from "./analyze.ts";
import type { JsonDiagnostic, JsonFile } from "./diagnostics/json.ts";
import { toJson } from "./diagnostics/json.ts";
import type { Host } from "./host.ts";
import { emptyHost } from "./host.ts";
import type { Plan } from "./plan.ts";
import { planFaults } from "./validate_plan.ts";

export { type Analysis, type AnalyzeOptions, analyze } from "./analyze.ts";
export type { JsonDiagnostic, JsonFile } from "./diagnostics/json.ts";
export { type FixedRecipe, type FixNote, fixRecipe } from "./fix.ts";
export { emptyHost, type Host } from "./host.ts";
export { canonicalJson } from "./lower/canonical.ts";
export type * from "./plan.ts";
export { diffPlans, type PlanChange, type PlanDifference, type PlanTotals, type StageDifference } from "./plan_diff.ts";
export { upgradePlan } from "./upgrade_plan.ts";
export { planFaults } from "./validate_plan.ts";

/** What comes of a compilation. */
export interface Compiled {
  /** Absent when an error stands in its way. */
  plan?: Plan;
  diagnostics: readonly JsonDiagnostic[];
}

/**
 * Compiles a recipe. Never throws for what the text says: whatever is wrong is among the diagnostics.
 *
 * @param host reads what the recipe names; without one, only what needs no files can be compiled
 * @throws Error if the plan does not fit its own schema, which is a fault of the compiler
 */
export function compile(text: string, host: Host = emptyHost, options: AnalyzeOptions = {}): Compiled {
  const { plan, diagnostics, texts } = analyze(text, host, options);
  const list = diagnostics.map((diagnostic) => toJson(diagnostic, (file) => texts.get(file)));
  if (!plan) return { diagnostics: list };
  const [fault] = planFaults(plan);
  if (fault !== undefined) throw new Error(`the compiler made a plan that does not fit its schema: ${fault}`);
  return { plan, diagnostics: list };
}

/** Checks a recipe: the diagnostics of `compile`, as `ctx check --json` prints them for a file. */
export function check(text: string, host: Host = emptyHost, options: AnalyzeOptions = {}): JsonFile {
  const { file, diagnostics, texts } = analyze(text, host, options);
  return { file, diagnostics: diagnostics.map((diagnostic) => toJson(diagnostic, (name) => texts.get(name))) };
}
