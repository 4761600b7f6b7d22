import type { Fix } from "../diagnostics/diagnostic.ts";
import type { PlanDraft } from "../lower/plan.ts";
import { evaluationNeed, evaluationsOf, scorableTokens, scoredTokens, scoringDtype } from "../memory/index.ts";
import type { PlanEvaluate } from "../plan.ts";
import { showBytes, showTokens, writtenTokens } from "../values/show.ts";
import { type Check, type CheckContext, replacing } from "./context.ts";

/**
 * What each evaluation takes of the one device that does it: rows are scored whole, however many devices train. Only hardware that
 * the recipe describes is held to it, as for stages (see `memoryFits` and `memoryHere`).
 */
export const evaluationFits: Check = (context) => {
  const { plan, trace, report } = context;
  const { name, kind, device_bytes } = plan.hardware;
  if (!trace.exact("/hardware")) return;
  for (const measure of measures(plan)) {
    if (measure.need <= device_bytes) continue;
    const { fitting, fixes } = shorter(context, measure);
    const values = { what: measure.subject, need: showBytes(measure.need), name, have: showBytes(device_bytes) };
    const hint =
      fitting > 0
        ? `up to ${showTokens(fitting)} here`
        : `and this one does not even hold the model in ${scoringDtype(kind)}`;
    report.add("CTX7017", trace.nearest(measure.pointer), { ...values, hint }, { fixes });
  }
};

/** One list of lengths of an evaluation, with what the longest of them takes. */
export interface Measure {
  /** As a sentence begins with it. */
  readonly subject: string;
  readonly lengths: readonly number[];
  /** JSON pointer of the lengths. */
  readonly pointer: string;
  /** Most tokens at once. */
  readonly tokens: number;
  /** Bytes on the device. */
  readonly need: number;
}

/** All that a plan measures. Later ones come first: their lengths contain those of the ones before, which may stand in the same place. */
export function measures(plan: PlanDraft): Measure[] {
  const measure = (subject: string, pointer: string, evaluate: PlanEvaluate, kind: "needle" | "perplexity") => {
    const alone = { ...evaluate, needle: null, perplexity: null, [kind]: evaluate[kind] };
    const tokens = scoredTokens(alone);
    return {
      subject: `${subject}, of up to ${showTokens(tokens)} tokens at once,`,
      lengths: evaluate[kind]?.lengths ?? [],
      pointer: `${pointer}/${kind}/lengths`,
      tokens,
      need: evaluationNeed(plan.model, plan.hardware.kind, alone),
    };
  };
  return evaluationsOf(plan)
    .reverse()
    .flatMap(({ subject, pointer, evaluate }) =>
      (["needle", "perplexity"] as const)
        .filter((kind) => evaluate[kind] !== null)
        .map((kind) => measure(subject, pointer, evaluate, kind)),
    );
}

/** The most tokens of a row that fit, 0 where the device does not even hold the model; and the lengths that do, in place of those that the recipe has. */
export function shorter(
  { plan, trace }: CheckContext,
  { lengths, pointer, tokens }: Measure,
): { fitting: number; fixes: Fix[] } {
  const fitting = scorableTokens(plan.model, plan.hardware, tokens);
  if (fitting === 0) return { fitting, fixes: [] };
  const left = lengths.filter((length) => length <= fitting);
  const list = `[${(left.length > 0 ? left : [fitting]).map(writtenTokens).join(", ")}]`;
  return { fitting, fixes: replacing(trace.exact(pointer), `lengths = ${list}`, list) };
}
