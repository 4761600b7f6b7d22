import type { PlanLora, PlanModel, PlanStage } from "../plan.ts";

/**
 * Whether an adapter trains, besides its updates, a matrix that the model's input and output share. PEFT keeps such a copy by the
 * name of one layer alone, so that the other would stay as it was: only the merged weights can be written.
 */
export function sharesEmbeddings(model: PlanModel, lora: PlanLora): boolean {
  return model.tie_word_embeddings && lora.also.some((part) => part !== "norm");
}

/** Whether two adapters consist of the same parameters. */
export function sameAdapter(a: PlanLora, b: PlanLora): boolean {
  // Stages that share one description of it have one object, and a check asks this of every two in a row.
  return a === b || (a.rank === b.rank && a.alpha === b.alpha && alike(a.targets, b.targets) && alike(a.also, b.also));
}

/** Whether two lists hold the same words, in any order. */
function alike(a: readonly string[], b: readonly string[]): boolean {
  const words = (list: readonly string[]) => [...list].sort().join(" ");
  return words(a) === words(b);
}

/** Stages as far as they tell which adapter goes on. */
type Trained = readonly { readonly train: Pick<PlanStage["train"], "lora"> }[];

/** Whether stage `index` trains the same adapter further instead of merging it and beginning a new one. */
export function continuesAdapter(stages: Trained, index: number): boolean {
  const lora = stages[index]?.train.lora;
  const before = stages[index - 1]?.train.lora;
  return lora != null && before != null && sameAdapter(lora, before);
}

/** First stage of the unbroken line of stages that train the adapter of stage `index`. */
export function adapterOrigin(stages: Trained, index: number): number {
  let first = index;
  while (continuesAdapter(stages, first)) first--;
  return first;
}

/**
 * Whether the adapter of stage `index` is of use by itself: it stands on a base model that others have. One that stands on a stage's
 * weights, or on weights that the run made up, is not.
 */
export function standsOnBase({ model, stages }: { model: PlanModel; stages: Trained }, index: number): boolean {
  return !model.initialize && adapterOrigin(stages, index) === 0;
}
