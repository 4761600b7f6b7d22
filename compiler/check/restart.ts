import type { Fix } from "../diagnostics/diagnostic.ts";
import type { PlanDraft } from "../lower/plan.ts";
import type { Trace } from "../lower/trace.ts";
import type { PlanStage } from "../plan.ts";
import { type Check, chain, replacing } from "./context.ts";
import { publishedRange } from "./training.ts";

/** The highest rate of full training that was published, over the highest with which moments began at zero without warmup (2e-5, EasyContext). */
const calmer = 15;

/** Share of a stage's steps that published extensions warm up for: 20 of 1000 (PI, LongLoRA), 25 of 450 (LWM). */
const usual = 0.02;

/**
 * With moments at zero, Adam's first steps move every weight by about lr, whatever its gradient. At small rates published runs did
 * without warmup; at higher ones it stands in for what the moments would know.
 */
export const restartWithoutWarmup: Check = (context) => {
  const { plan, trace, report } = context;
  for (const { stage, pointer, before } of chain(context)) {
    if (!before || !restartsHot(plan, stage)) continue;
    const { lr } = stage.train.optimizer;
    const at = trace.exact(`${pointer}/train/optimizer/state`) ?? trace.nearest(`${pointer}/train/optimizer/lr`);
    const values = { stage: stage.name, lr: String(lr), calm: String(calmRate(plan, stage)) };
    report.add("CTX6010", at, values, { fixes: warmupFix(trace, stage, pointer) });
  }
};

/** The highest rate that does without warmup at this size and method. */
function calmRate(plan: PlanDraft, { train }: PlanStage): number {
  return Number((publishedRange(plan, train.method)[1] / calmer).toPrecision(2));
}

/** Whether a stage begins with moments at zero and a rate that asks for warmup then. */
export function restartsHot(plan: PlanDraft, stage: PlanStage): boolean {
  const { optimizer, schedule } = stage.train;
  return (
    optimizer.state === "reset" && schedule.warmup_steps === 0 && optimizer.lr > calmRate(plan, stage) * (1 + 1e-9)
  );
}

/** Warms up for the usual share of the steps: in the schedule that is written, or in one behind what sets the optimizer. */
export function warmupFix(trace: Trace, { train, steps }: PlanStage, pointer: string): Fix[] {
  const warmup = Math.max(1, Math.ceil(usual * steps));
  if (warmup >= steps) return [];
  const { kind } = train.schedule;
  const title = `warmup: ${warmup}`;
  const written = trace.exact(`${pointer}/train/schedule/warmup_steps`);
  if (written) return replacing(written, title, String(warmup));
  const schedule = trace.exact(`${pointer}/train/schedule`);
  const text = `${kind}(${title})`;
  if (schedule) return schedule.end - schedule.start === kind.length ? replacing(schedule, title, text) : [];
  const beside = trace.exact(`${pointer}/train/optimizer/state`) ?? trace.exact(`${pointer}/train/optimizer`);
  return replacing(beside && { ...beside, start: beside.end }, `schedule = ${text}`, `  schedule = ${text}`);
}
