import type { Plan } from "../../compiler/plan.ts";
import type { PlanDataset } from "../data/data.ts";
import { checkEvaluatedText } from "../evaluate/evaluated_text.ts";

/**
 * Refuses, once the text is tokenised and before anything is computed, what its amount rules out: a stage without text,
 * synthetic rows that do not fit, an evaluation without enough to read.
 *
 * @param baseModel folder of the base model; null when the plan starts from nothing, and nothing is evaluated before
 * @throws Failure or DataError that says what is missing
 */
export async function checkText(plan: Plan, data: PlanDataset, baseModel: string | null): Promise<void> {
  for (const index of plan.stages.keys()) await data.checkStage(index);
  if (plan.before && baseModel !== null) {
    await checkEvaluatedText("the evaluation before training", plan.before, data);
  }
  for (const { name, evaluate } of plan.stages) {
    if (evaluate) await checkEvaluatedText(`the evaluation after stage ${name}`, evaluate, data);
  }
}
