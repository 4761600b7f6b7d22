import type { Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import {
  isMadeForLonger,
  type KnownTraining,
  knownConfig,
  modelFromConfig,
  plainContext,
  shownContext,
} from "../model/index.ts";
import type { PlanModel } from "../plan.ts";
import { showTokens, writtenTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/**
 * Methods scale from the length that the base model was trained at; another one moves every pair. A length that an earlier
 * stage trained counts as well.
 */
export const originalLength: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  if (model.initialize) return;
  const known = new Set(trainedLengths(model));
  for (const { stage, pointer } of steps(plan)) {
    const place = trace.exact(`${pointer}/rope/original`);
    const original = stage.rope.parameters?.original_max_position_embeddings;
    if (place && typeof original === "number" && !known.has(original)) {
      const training = original === model.promised_context ? trainingOf(model) : null;
      if (training) {
        reportPromise(context.report, place, "original", original, training);
        continue;
      }
      const [trained] = known;
      report.add(
        "CTX3026",
        place,
        { original: showTokens(original), trained: [...known].map(showTokens).join(" or ") },
        { fixes: replacing(place, `original = ${showTokens(trained!)}`, writtenTokens(trained!)) },
      );
    }
    known.add(shownContext(stage));
  }
};

/** A published model of which the recipe says that it was trained at what its config.json promises; a copy in a folder may have been. */
export const trainedAsPromised: Check = (context) => {
  const { model } = context.plan;
  const place = context.trace.exact("/model/context");
  const training = trainingOf(model);
  if (place && training?.promised.includes(model.context)) {
    reportPromise(context.report, place, "context", model.context, training);
  }
};

/**
 * A recipe that counts from more than config.json promises, or than a published model is known to have been trained at: every check of the
 * table then takes angles for trained that nothing has shown. Not where the theta says itself that the promise is too low.
 */
export const trainedBeyondPromise: Check = (context) => {
  const { model } = context.plan;
  const place = context.trace.exact("/model/context");
  if (!place || model.initialize || context.report.has("CTX3019")) return;
  const training = trainingOf(model);
  const promised = model.promised_context ?? model.context;
  const known = training?.tokens ?? promised;
  if (model.context <= known || isMadeForLonger(model, promised)) return;
  const values = {
    context: showTokens(model.context),
    known: showTokens(known),
    source: training ? `the training of ${training.of} ended (${training.source})` : "its config.json ends",
  };
  context.report.add("CTX8028", place, values, {
    fixes: replacing(place, `context = ${showTokens(known)}`, writtenTokens(known)),
  });
};

/** What is known of a published model that the recipe calls by its name. */
function trainingOf({ from }: PlanModel): KnownTraining | null {
  const config = from === null ? null : knownConfig(from);
  return (config && modelFromConfig(config, "").training) ?? null;
}

/** YaRN on the qwens is published, and was measured, as counting from what they were trained at. */
function reportPromise(
  report: Report,
  place: Place,
  name: string,
  promised: number,
  { tokens, of, source }: KnownTraining,
): void {
  const trained = showTokens(tokens);
  const values = { name, promised: showTokens(promised), of, trained, source };
  report.add("CTX3019", place, values, { fixes: replacing(place, `${name} = ${trained}`, writtenTokens(tokens)) });
}

/** Lengths that a base model was trained at: also that from before a scaling that its config.json has. */
function trainedLengths(model: PlanModel): number[] {
  const { context } = model;
  const plain = plainContext(model);
  return plain === context ? [context] : [plain, context];
}
