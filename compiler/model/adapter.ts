import type { PlanLora, PlanModel } from "../plan.ts";

/**
 * Whether an adapter trains, besides its updates, a matrix that the model's input and output share. PEFT keeps such a copy by the
 * name of one layer alone, so that the other would stay as it was: only the merged weights can be written.
 */
export function sharesEmbeddings(model: PlanModel, lora: PlanLora): boolean {
  return model.tie_word_embeddings && lora.also.some((part) => part !== "norm");
}
