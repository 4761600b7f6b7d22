import type { PlanSchedule } from "../../compiler/plan.ts";

/**
 * Learning rate as a share of the peak for step `step` (from 0) of `steps`.
 *
 *     warm-up, step < W:  (step + 1) / (W + 1)            never 0, and no step stands still
 *                         (transformers has step / W, which wastes the first step)
 *     after it:           p = (step - W) / (steps - W)    0 at the peak, 1 just after the last step, as in transformers
 *       constant          1
 *       linear            1 - (1 - final) · p
 *       cosine            final + (1 - final) · (1 + cos πp) / 2        (Loshchilov & Hutter, arXiv 1608.03983, eq. 5)
 */
export function scheduleFactor(schedule: PlanSchedule, step: number, steps: number): number {
  const warmup = schedule.warmup_steps;
  if (step < warmup) return (step + 1) / (warmup + 1);
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "linear":
      return 1 - (1 - schedule.final) * progress;
    case "cosine":
      return schedule.final + ((1 - schedule.final) * (1 + Math.cos(Math.PI * progress))) / 2;
  }
}
