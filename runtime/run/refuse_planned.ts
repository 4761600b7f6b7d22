import { catalogue } from "../../compiler/diagnostics/catalogue.ts";
import { plannedOnlyOf } from "../../compiler/model/index.ts";
import type { Plan, PlanModel } from "../../compiler/plan.ts";
import { Failure } from "./failure.ts";

/**
 * Refuses a model whose family can be planned while no engine computes it, before anything is loaded.
 *
 * @param where what names the model, for the message: a place in a recipe, or a folder
 * @throws Failure in the words of CTX8026
 */
export function refusePlannedModel(model: Pick<PlanModel, "family">, where: string): void {
  const values = plannedOnlyOf(model);
  if (!values) return;
  const { message, label } = catalogue.CTX8026;
  throw new Failure(
    "input",
    `${where}: CTX8026: ${message(values)}`,
    `${label(values)}; ctx explain CTX8026 tells more`,
  );
}

/** The same of a plan's model, at the place of its recipe. */
export function refusePlanned({ model, source, trace }: Plan): void {
  const place = trace["/model/from"];
  refusePlannedModel(model, place ? `${place.file}:${place.line + 1}:${place.character + 1}` : source.file);
}
