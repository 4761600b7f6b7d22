import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Plan, PlanStage } from "../../compiler/plan.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import { openRunFolder, type RunOrigin, readPlan } from "../run/folder.ts";
import { readEvaluation, readOrigin } from "../run/shapes.ts";
import { readMetrics, type StepMetrics } from "../track/metrics.ts";

/** What one stage of the plan became. */
export interface StageRecord {
  plan: PlanStage;
  steps: StepMetrics[];
  /** Wall time of the steps done so far. */
  seconds: number;
  /** Bytes of the arena as it was allocated; null before the first step. */
  memoryBytes: number | null;
  evaluation: EvaluationResult | null;
}

/** Everything that the report tells about one run. */
export interface RunRecord {
  folder: string;
  /** Short name that tells runs apart, e.g. `quickstart/3`. */
  name: string;
  plan: Plan;
  origin: RunOrigin;
  before: EvaluationResult | null;
  stages: StageRecord[];
  /** The last evaluation after training; null when there is none yet. */
  after: EvaluationResult | null;
  /** Every stage did all its steps. */
  complete: boolean;
}

/** Reads a run folder. An unfinished run gives what there is. @throws Failure when it is no run folder or a file is broken. */
export function collectRun(root: string): RunRecord {
  const folder = openRunFolder(root);
  const plan = readPlan(folder.plan);
  const metrics = readMetrics(folder.metrics);
  const evaluation = (name: string) => {
    const path = join(folder.evaluations, `${name}.json`);
    return existsSync(path) ? readEvaluation(path) : null;
  };
  const stages = plan.stages.map((stage): StageRecord => {
    const steps = metrics.filter((line) => line.stage === stage.name);
    return {
      plan: stage,
      steps,
      seconds: steps.reduce((sum, line) => sum + line.seconds, 0),
      memoryBytes: steps[0]?.memory_bytes ?? null,
      evaluation: evaluation(stage.name),
    };
  });
  return {
    folder: folder.root,
    name: `${basename(dirname(folder.root))}/${basename(folder.root)}`,
    plan,
    origin: readOrigin(folder.origin),
    before: evaluation("before"),
    stages,
    after: stages.findLast((stage) => stage.evaluation !== null)?.evaluation ?? null,
    complete: stages.every((stage) => stage.steps.length >= stage.plan.steps),
  };
}

/** Longest context that the run's stages teach. */
export function targetContext(plan: Plan): number {
  return Math.max(...plan.stages.map((stage) => Math.max(stage.length, stage.context)), 0);
}
