import { shownContext, trainedContext } from "../model/index.ts";
import type { PlanEvaluate, PlanStage } from "../plan.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { type Check, chain } from "./context.ts";
import { fallsShort, isWritten, startsUnsaid } from "./scaling_factor.ts";

/** How much further than in training a pair may turn: less is rounding, as of a theta that is cut to a whole number. */
const rounding = 1.01;

const circle = 2 * Math.PI;

/**
 * A stage may make the model for more than its rows are long where its table is stretched that far: then every pair stays within angles
 * that it was trained at, and the positions between have carried over (YaRN 2309.00071: 128K by rows of 64K, Mistral's by rows of 16K).
 * Where a pair would turn on to angles that nothing has shown, they can't be promised.
 */
export const contextCovered: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  let reached = model.initialize ? model.rope.inv_freq.map(() => 0) : anglesUpTo(model.context, model.rope.inv_freq);
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || !trainedAlike(stage, before)) {
      const angles = anglesUpTo(shownContext(stage), stage.rope.inv_freq);
      reached = reached.map((angle, i) => Math.max(angle, angles[i]!));
    }
    if (stage.context <= shownContext(stage) || startsUnsaid(trace, pointer, model.rope)) continue;
    if (isWritten(trace, pointer, model.rope) && fallsShort(stage, model.context)) continue; // said by scalingFactor
    const { inv_freq: frequencies } = stage.rope;
    const pairs = frequencies.filter((frequency, i) => {
      const angle = Math.min(stage.context * frequency, circle);
      return angle > Math.min(reached[i]!, circle) * rounding;
    }).length;
    if (pairs === 0) continue;
    report.add("CTX4008", trace.nearest(`${pointer}/context`), {
      length: showTokens(stage.length),
      context: showTokens(stage.context),
      pairs,
      all: frequencies.length,
    });
  }
};

/** The largest angle, in radians, that each pair of a table turns to within so many tokens. */
function anglesUpTo(tokens: number, frequencies: readonly number[]): number[] {
  return frequencies.map((frequency) => tokens * frequency);
}

/** Whether two stages, of one table and equally long, show the same angles. */
function trainedAlike(stage: PlanStage, before: PlanStage): boolean {
  return stage.rope.inv_freq === before.rope.inv_freq && shownContext(stage) === shownContext(before);
}

/** Published promises reach this many times the longest row: YaRN's Mistral 128K by rows of 16K, its Llama-2 128K by rows of 64K. */
const furthestPublished = 8;

/** A promise that nothing trains is kept or not: told once, at the stage that first makes the largest. */
export const contextShown: Check = (context) => {
  const { plan, trace, report } = context;
  const { model } = plan;
  if (report.has("CTX4008")) return;
  const unshown = chain(context).flatMap(({ stage, pointer }, k) => {
    // What earlier stages have trained of its table is asked only where its own rows are too short.
    if (stage.context <= shownContext(stage)) return [];
    const to = trainedContext(plan, k);
    if (stage.context <= to || (isWritten(trace, pointer, model.rope) && fallsShort(stage, model.context))) return []; // scalingFactor
    return [{ stage, pointer, to }];
  });
  const most = Math.max(...unshown.map(({ stage }) => stage.context));
  const first = unshown.find(({ stage }) => stage.context === most);
  if (!first) return;
  const { stage, pointer, to } = first;
  const since = plan.stages.slice(plan.stages.indexOf(stage));
  const measured = since.some(({ evaluate }) => longestMeasured(evaluate) >= stage.context);
  const times = stage.context / to;
  const far = times > furthestPublished;
  if (measured && !far) return; // meant, and its evaluation shows whether it holds
  const reach = showTokens(stage.context);
  const published = `published models reach ${furthestPublished} times at most`;
  const unmeasured = `nothing measures whether they carry over: evaluate at lengths up to ${reach}`;
  report.add(
    "CTX4018",
    trace.nearest(`${pointer}/context`),
    {
      stage: stage.name,
      context: reach,
      times: showNumber(Number(times.toPrecision(3))),
      shown: showTokens(to),
      hint: far
        ? `${published}: train longer rows, or let positions skip by pose(…)`
        : `its table is made for them, but ${unmeasured}`,
    },
    far ? { severity: "warning" } : {},
  );
};

function longestMeasured(evaluate: PlanEvaluate | null): number {
  return Math.max(0, ...(evaluate?.needle?.lengths ?? []), ...(evaluate?.perplexity?.lengths ?? []));
}
