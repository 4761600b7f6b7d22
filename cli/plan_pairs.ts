import type { Plan, PlanStage } from "../compiler/plan.ts";
import { classifyPairs } from "../compiler/rope/pairs.ts";

type PairReport = ReturnType<typeof classifyPairs>;

/** What a stage's table does to the rotary pairs that the base model was trained with. */
export function pairsOf({ model }: Plan, stage: PlanStage): PairReport {
  return classifyPairs(model.rope.inv_freq, model.context, stage.rope.inv_freq, stage.context);
}

/** "59 slower, 4 out"; the others turn as they did. */
export function showPairs(pairs: PairReport): string {
  const parts = [
    [pairs.interpolated, "slower"],
    [pairs.raised, "faster"],
    [pairs.extrapolated, "out"],
  ] as const;
  const changed = parts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return changed.join(", ") || `${pairs.unchanged} same`;
}

/** What the words of `showPairs` mean, of those that occur. */
export function pairLegend({ model }: Plan, all: readonly PairReport[]): string | null {
  const some = (count: (pairs: PairReport) => number) => all.some((pairs) => count(pairs) > 0);
  const parts = [
    ...(some((pairs) => pairs.interpolated) ? ["slower: turns slower than in training, through no new angle"] : []),
    ...(some((pairs) => pairs.raised) ? ["faster: turns faster, through no new angle"] : []),
    ...(some((pairs) => pairs.extrapolated) ? ["out: reaches angles that the base model has not seen"] : []),
  ];
  return parts.length === 0 ? null : `pairs: of ${model.rope.inv_freq.length} rotary pairs. ${parts.join("; ")}`;
}
