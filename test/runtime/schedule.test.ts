import fc from "fast-check";
import { expect, test } from "vitest";
import type { PlanSchedule } from "../../compiler/plan.ts";
import { scheduleFactor } from "../../runtime/train/schedule.ts";

const linear: PlanSchedule = { kind: "linear", warmup_steps: 3, final: 0.1 };
const cosine: PlanSchedule = { kind: "cosine", warmup_steps: 0, final: 0 };

test("values by hand", () => {
  expect([0, 1, 2, 3].map((step) => scheduleFactor(linear, step, 13))).toEqual([0.25, 0.5, 0.75, 1]);
  // Half of the ten steps after warm-up: halfway from 1 to 0.1.
  expect(scheduleFactor(linear, 8, 13)).toBeCloseTo(0.55, 12);
  expect(scheduleFactor(cosine, 0, 10)).toBe(1);
  expect(scheduleFactor(cosine, 5, 10)).toBeCloseTo(0.5, 12);
  // (1 + cos 0.9π) / 2
  expect(scheduleFactor(cosine, 9, 10)).toBeCloseTo(0.02447174185242318, 12);
  expect(scheduleFactor({ kind: "constant", warmup_steps: 0, final: 0 }, 9, 10)).toBe(1);
});

test("after the warm-up it is what transformers computes, so that final comes just after the last step", () => {
  // get_linear_schedule_with_warmup: max(0, (T - step) / max(1, T - W)); get_cosine_schedule_with_warmup:
  // max(0, 0.5 (1 + cos(π · 2 · 0.5 · progress))), the min_lr form of which is factor · (1 - r) + r.
  for (const [steps, warmup] of [
    [3, 0],
    [10, 3],
    [100, 10],
  ] as const) {
    for (let step = warmup; step <= steps; step++) {
      const left = Math.max(0, (steps - step) / Math.max(1, steps - warmup));
      const half = Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((step - warmup) / Math.max(1, steps - warmup)))));
      for (const final of [0, 0.1]) {
        const factor = (kind: "linear" | "cosine") =>
          scheduleFactor({ kind, warmup_steps: warmup, final }, step, steps);
        expect(factor("linear")).toBeCloseTo(left * (1 - final) + final, 12);
        expect(factor("cosine")).toBeCloseTo(half * (1 - final) + final, 12);
        if (step === steps) expect(factor("linear")).toBeCloseTo(final, 12);
      }
    }
  }
});

test("it never leaves (0, 1], rises through warm-up and then never rises", () => {
  const schedules = fc.record({
    kind: fc.constantFrom("constant" as const, "linear" as const, "cosine" as const),
    warmup_steps: fc.integer({ min: 0, max: 30 }),
    final: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(schedules, fc.integer({ min: 1, max: 100 }), (schedule, steps) => {
      const values = Array.from({ length: steps }, (_, step) => scheduleFactor(schedule, step, steps));
      values.forEach((value, step) => {
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(1);
        if (step === 0) return;
        if (step < schedule.warmup_steps) expect(value).toBeGreaterThan(values[step - 1]!);
        else if (step > schedule.warmup_steps) expect(value).toBeLessThanOrEqual(values[step - 1]! + 1e-12);
      });
    }),
  );
});
