import type { PlanStage } from "../../compiler/plan.ts";
import { Failure } from "../run/failure.ts";
import { scheduleFactor } from "./schedule.ts";

/**
 * Steps in a row without a finite gradient that end a run. One can come from a single bad batch, which the next step is rid of; the
 * weights are untouched, so a step that repeats it three times shows that they have gone wrong themselves.
 */
const MOST_IN_ROW = 3;

/** What a step came to that changed no weight. `step` counts from 1. */
export interface SkippedStep {
  step: number;
  what: "loss" | "gradient norm";
  value: number;
}

/** Counts the steps in a row that changed nothing. */
export class Divergence {
  readonly #stage: PlanStage;
  readonly #row: SkippedStep[] = [];

  constructor(stage: PlanStage) {
    this.#stage = stage;
  }

  /** Steps at the end of what was done that changed no weight: the state is that of so many steps before. */
  get inRow(): number {
    return this.#row.length;
  }

  used(): void {
    this.#row.length = 0;
  }

  /**
   * @param checkpoint folder of the last checkpoint; null: there is none yet
   * @returns a sentence for the user
   * @throws Failure when there were too many in a row
   */
  skipped(skipped: SkippedStep, checkpoint: string | null): string {
    this.#row.push(skipped);
    const { step, what, value } = skipped;
    const text = `step ${step} of stage ${this.#stage.name}: the ${what} is ${spelled(value)}, so no weight was changed`;
    if (this.inRow < MOST_IN_ROW) return `${text} (${this.inRow} in a row; ${MOST_IN_ROW} end the run)`;
    const first = this.#row[0]!;
    const kept =
      checkpoint === null
        ? "there is no checkpoint before it"
        : `the last checkpoint with finite weights is ${checkpoint}`;
    throw new Failure(
      "run",
      `the ${what} is ${spelled(value)} at step ${step} of stage ${this.#stage.name}, the ${MOST_IN_ROW}rd step in a row that could change no weight (since step ${first.step}); ${kept}`,
      this.#causes(first.step),
    );
  }

  /** What most often lies behind it, the likeliest first, and what to do. */
  #causes(step: number): string {
    const { optimizer, schedule, clip, dtype } = this.#stage.train;
    const lr = optimizer.lr * scheduleFactor(schedule, Math.max(0, step - 2), this.#stage.steps);
    const causes = [`a learning rate too high (${Number(lr.toPrecision(3))} before it)`];
    if (clip === null) causes.push("no clipping (train { clip = 1 })");
    if (schedule.warmup_steps === 0) causes.push("no warm-up (schedule = cosine(warmup: 5%))");
    if (dtype === "bf16") causes.push("activations in bf16 (dtype = f32 tells)");
    return `likely causes: ${causes.join(", ")}; change the recipe and start a new run, since this one would come to the same again`;
  }
}

function spelled(value: number): string {
  return Number.isNaN(value) ? "NaN" : value > 0 ? "infinite" : "minus infinity";
}
