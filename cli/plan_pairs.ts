import type { Plan, PlanPairs } from "../compiler/plan.ts";

/** "59 slower, 4 out"; the others turn as they did. */
export function showPairs(pairs: PlanPairs): string {
  const parts = [
    [pairs.interpolated, "slower"],
    [pairs.raised, "faster"],
    [pairs.stopped, "stopped"],
    [pairs.extrapolated, "out"],
  ] as const;
  const changed = parts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return changed.join(", ") || `${pairs.unchanged} same`;
}

/** What the words of `showPairs` mean, of those that occur. */
export function pairLegend({ model }: Plan, all: readonly PlanPairs[]): string | null {
  const some = (count: (pairs: PlanPairs) => number) => all.some((pairs) => count(pairs) > 0);
  const parts = [
    ...(some((pairs) => pairs.interpolated) ? ["slower: turns slower than in training, through no new angle"] : []),
    ...(some((pairs) => pairs.raised) ? ["faster: turns faster, through no new angle"] : []),
    ...(some((pairs) => pairs.stopped) ? ["stopped: turns no more, and tells no positions apart"] : []),
    ...(some((pairs) => pairs.extrapolated) ? ["out: reaches angles that the base model has not seen"] : []),
  ];
  return parts.length === 0 ? null : `pairs: of ${model.rope.inv_freq.length} rotary pairs. ${parts.join("; ")}`;
}
