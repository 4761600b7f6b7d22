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

/** An expression that was evaluated in a scope, the stage that asked, and the pair. */
type Evaluation = readonly [node: Expression, scope: Scope, stage: string | null, pair: number | null];

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
  /** As they were noted: a compilation that nobody asks about pays for no more. */
  readonly #noted: Evaluation[] = [];
  /** While someone asks: what is evaluated for the answer is not what the recipe evaluates. */
  #asked = false;
  /** By expression, of the first so many that were noted. */
  readonly #sorted = { upTo: 0, evaluations: new Map<Expression, Evaluation[]>() };

  /** What the stages are planned for; null where it could not be had. */
  get ground(): { readonly model: PlanModel; readonly hardware: PlanHardware } | null {
    const { model, hardware } = this;
    return model && hardware && { model, hardware };
  }

  /** Notes that an expression (a property's, a definition's, a condition's) is evaluated in a scope. */
  note(node: Expression, scope: Scope, pair: number | null = null): void {
    if (!this.#asked) this.#noted.push([node, scope, this.stage, pair]);
  }

  #evaluationsOf(node: Expression): readonly Evaluation[] {
    const { evaluations } = this.#sorted;
    for (; this.#sorted.upTo < this.#noted.length; this.#sorted.upTo++) {
      const evaluation = this.#noted[this.#sorted.upTo]!;
      const others = evaluations.get(evaluation[0]);
      if (others) others.push(evaluation);
      else evaluations.set(evaluation[0], [evaluation]);
    }
    return evaluations.get(node) ?? [];
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
    this.#asked = true;
    for (const [, scope, stage, pair] of this.#evaluationsOf(whole)) {
      const key = `${stage} ${pair}`;
      if (found.has(key)) continue;
      const value = evaluate(part, scope.reportingTo({ add: () => {} }));
      if (value) found.set(key, { stage, pair, value });
    }
    this.#asked = false;
    const values = [...found.values()];
    const ofStages = values.filter(({ stage }) => stage !== null);
    return ofStages.length > 0 ? ofStages : values;
  }

  /** The stages that asked for the value of an expression; none where it was never asked for within one. */
  stagesOf(whole: Expression): string[] {
    return [...new Set(this.#evaluationsOf(whole).flatMap(([, , stage]) => stage ?? []))];
  }

  /** Index in `stages` of each one whose value at the pointer (`rope/theta`) stands at this place. */
  stagesAt(file: string, at: Span, pointer: string): number[] {
    return [...this.stages.keys()].filter((k) => {
      const place = this.trace.exact(`/stages/${k}/${pointer}`);
      return place?.file === file && place.start === at.start && place.end === at.end;
    });
  }
}
