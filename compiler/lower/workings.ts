import type { Expression, Span } from "../../grammar/ast.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { PlanHardware, PlanModel, PlanStage } from "../plan.ts";
import type { Value } from "../values/value.ts";
import { Trace } from "./trace.ts";

/** A value that an expression had. */
export interface StageValue {
  /** The stage for which it was worked out; null where no stage asked. */
  readonly stage: string | null;
  /** The rotary pair of a `frequency`, from 0; null elsewhere. */
  readonly pair: number | null;
  readonly value: Value;
}

interface Evaluation {
  readonly stage: string | null;
  readonly pair: number | null;
  readonly scope: Scope;
}

/**
 * What was worked out on the way to a plan, for whoever shows it beside the recipe: an editor. It is there, as far as it goes,
 * also where an error stands in the plan's way.
 */
export class Workings {
  /** The stages whose numbers could be had, in order. */
  stages: readonly PlanStage[] = [];
  model: PlanModel | null = null;
  hardware: PlanHardware | null = null;
  /** Places of the stages' values: `/stages/0/length`, by the index in `stages`. */
  trace = new Trace({ file: "", start: 0, end: 0 });
  /** The stage that is being lowered. */
  stage: string | null = null;
  readonly #evaluations = new Map<Expression, Evaluation[]>();

  /** Notes that an expression (a property's, a definition's, a condition's) is evaluated in a scope. */
  note(node: Expression, scope: Scope, pair: number | null = null): void {
    const noted = this.#evaluations.get(node);
    const evaluation = { stage: this.stage, pair, scope };
    if (noted) noted.push(evaluation);
    else this.#evaluations.set(node, [evaluation]);
  }

  /**
   * The values of an expression, one for each stage that asked for it (and pair, in a `frequency`), in the order of the stages.
   * Where several askers of one stage got different values, the first counts.
   *
   * @param whole the expression that a statement holds
   * @param part that, or an expression within it
   */
  valuesOf(whole: Expression, part: Expression = whole): StageValue[] {
    const found = new Map<string, StageValue>();
    for (const { stage, pair, scope } of this.#evaluations.get(whole) ?? []) {
      const key = `${stage} ${pair}`;
      if (found.has(key)) continue;
      const value = evaluate(part, scope.reportingTo({ add: () => {} }));
      if (value) found.set(key, { stage, pair, value });
    }
    const values = [...found.values()];
    const ofStages = values.filter(({ stage }) => stage !== null);
    return ofStages.length > 0 ? ofStages : values;
  }

  /** The stages that asked for the value of an expression; none where it was never asked for within one. */
  stagesOf(whole: Expression): string[] {
    return [...new Set((this.#evaluations.get(whole) ?? []).flatMap(({ stage }) => stage ?? []))];
  }

  /** Index in `stages` of each one whose value at the pointer (`rope/theta`) stands at this place. */
  stagesAt(file: string, at: Span, pointer: string): number[] {
    return [...this.stages.keys()].filter((k) => {
      const place = this.trace.exact(`/stages/${k}/${pointer}`);
      return place?.file === file && place.start === at.start && place.end === at.end;
    });
  }
}
