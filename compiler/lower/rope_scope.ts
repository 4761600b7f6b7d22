import type { Place } from "../diagnostics/diagnostic.ts";
import { Scope } from "../evaluate/scope.ts";
import { childOf, overlay, type Section } from "../names/section.ts";
import type { PlanModel, PlanRope, PlanStage } from "../plan.ts";
import { number, type Value } from "../values/value.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";
import type { StageSource } from "./shape.ts";

/** What `previous` stands for; null: the base model. */
export type Previous = Pick<PlanStage, "length" | "context"> & { readonly rope: Pick<PlanRope, "theta"> };

export function previousRecord(previous: Previous | null, model: PlanModel, positions = false): Value {
  const length = previous ? (positions ? previous.context : previous.length) : model.context;
  return {
    kind: "record",
    name: "previous",
    members: new Map<string, Value>([
      ["length", number(length, "tokens")],
      ["theta", number(previous ? previous.rope.theta : model.rope.theta)],
    ]),
  };
}

/**
 * The stage's names as RoPE sees them, and what the named formulas start from. `usesPrevious` tells whether a formula has
 * asked for the stage before, `impliesPrevious` whether a named formula did so without the recipe's saying `previous`.
 */
export function ropeScope(scope: Scope, context: number, previous: Previous | null, model: PlanModel) {
  let named = false;
  let spelt = false;
  const implied = <T>(value: T): T => {
    named = true;
    return value;
  };
  const within = new Scope(scope.file, scope.report, scope, {
    modelTheta: model.rope.theta,
    modelContext: model.context,
    get previousTheta() {
      return implied(previous ? previous.rope.theta : model.rope.theta);
    },
    get previousLength() {
      return implied(previous ? previous.context : model.context);
    },
    length: context,
    d: model.head_dim,
  });
  within.define("length", number(context, "tokens"));
  within.defineLazy("previous", () => {
    spelt = true;
    return previousRecord(previous, model, true);
  });
  return { within, usesPrevious: () => named || spelt, impliesPrevious: () => named };
}

interface Ground {
  readonly root: Section;
  readonly scope: Scope;
  readonly model: PlanModel;
  readonly lowering: Lowering;
  /** Context of the stage. */
  readonly context: number;
}

/** Relative difference between two ways to a theta from which on they are two. */
const rounding = 1e-4;

/**
 * Takes the stage's formula for theta two ways, in one jump from the base model and by way of the stage before, and notes
 * where they differ: then every stage that is added or removed changes all thetas after it.
 */
export function notePathDependence(source: StageSource, pointer: string, before: PlanStage, ground: Ground): void {
  const { root, lowering, model, context } = ground;
  const own = source.section && childOf(source.section, "rope");
  const section = overlay(childOf(root, "rope"), own);
  if (!section?.settings.has("theta") || section.settings.has("previous")) return;
  const thetaAt = (length: number, previous: Previous | null): number | undefined => {
    const scope = new Scope(lowering.file, { add: () => {} }, ground.scope);
    scope.define("d", number(model.head_dim));
    scope.define("context", number(length, "tokens"));
    scope.define("scale", number(length / model.context));
    const { within } = ropeScope(scope, length, previous, model);
    return new Reader(section, section.definition, within, "rope", lowering).number("theta");
  };
  const middle = thetaAt(before.context, null);
  const direct = thetaAt(context, null);
  if (middle === undefined || direct === undefined) return;
  const through = { length: before.context, context: before.context, rope: { theta: middle } };
  const chained = thetaAt(context, through);
  if (chained === undefined || Math.abs(chained / direct - 1) <= rounding) return;
  lowering.pathDependent.set(pointer, { chained, direct, insert: insertion(source.section, own, before.name) });
}

/** Where `previous = NAME` goes: into the stage's own rope block, or into the stage with such a block around it. */
function insertion(
  stage: Section | undefined,
  own: Section | undefined,
  name: string,
): { at: Place; text: string } | undefined {
  const block = own ?? stage;
  const last = [...(block?.settings.values() ?? [])].sort((a, b) => b.value.end - a.value.end)[0];
  if (!last) return undefined;
  const at = { file: last.file, start: last.value.end, end: last.value.end };
  return { at, text: own ? `  previous = ${name}` : `  rope { previous = ${name} }` };
}
