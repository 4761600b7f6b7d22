import { folderOf, joinPath } from "../path.ts";
import { folderWeights, SafetensorsError, weightsProblem } from "../weights/index.ts";
import type { Check } from "./context.ts";

/**
 * A base model whose weights are not those that its config.json describes. Only headers are read, and only where all files are at hand: a
 * recipe can be planned from the config.json alone.
 */
export const baseWeights: Check = ({ plan, trace, report, host }) => {
  const { model } = plan;
  if (model.path === null || model.initialize) return;
  try {
    const weights = folderWeights(joinPath(folderOf(plan.source.file), model.path), host);
    const wrong = weights && weightsProblem(weights, model, weights.tensors);
    if (wrong) report.add("CTX8030", trace.nearest("/model/from"), { ...wrong });
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    const { file, problem, hint } = error;
    report.add("CTX8030", trace.nearest("/model/from"), { file, problem, hint });
  }
};
