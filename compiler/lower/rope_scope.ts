import type { Place } from "../diagnostics/diagnostic.ts";
import { Scope } from "../evaluate/scope.ts";
import { plainContext } from "../model/index.ts";
import { childOf, overlay, type Section } from "../names/section.ts";
import type { PlanModel, PlanRope, PlanStage } from "../plan.ts";
import { number, type Value } from "../values/value.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";
import type { StageSource } from "./shape.ts";

/** What `previous` stands for; null: the base model. */
export type Previous = Pick<PlanStage, "length" | "context"> & { readonly rope: Pick<PlanRope, "theta"> };

export function previousRecord(previous: Previous | null, model: PlanModel): Value {
  return recordOf(previous ?? model, previous?.length ?? model.context);
}

function recordOf({ rope }: { readonly rope: Pick<PlanRope, "theta"> }, length: number): Value {
  return {
    kind: "record",
    name: "previous",
    members: new Map<string, Value>([
      ["length", number(length, "tokens")],
      ["theta", number(rope.theta)],
    ]),
  };
}

/**
 * Theta and the length that it was trained at, of the stage before or the base model. A table that a scaled base has kept counts as the base's own:
 * its theta alone, which is all that a formula takes from it, reaches no further than before the scaling.
 */
function startOf(previous: Previous | null, model: PlanModel): { length: number; rope: Pick<PlanRope, "theta"> } {
  const kept = previous?.rope === model.rope && model.rope.method !== "default";
  return previous && !kept
    ? { length: previous.context, rope: previous.rope }
    : { length: plainContext(model), rope: model.rope };
}

/**
 * The rope block, read with the stage's names as RoPE sees them, and what the named formulas start from. `usesPrevious` tells whether a formula has
 * asked for the stage before, `impliesPrevious` whether a named formula did so without the recipe's saying `previous`.
 *
 * @param read makes the block's reader for a scope
 */
export function ropeScope(
  scope: Scope,
  context: number,
  previous: Previous | null,
  model: PlanModel,
  read: (within: Scope) => Reader,
) {
  const start = startOf(previous, model);
  let named = false;
  let spelt = false;
  const implied = <T>(value: T): T => {
    named = true;
    return value;
  };
  const within = new Scope(scope.file, scope.report, scope, {
    modelTheta: model.rope.theta,
    modelOriginal: plainContext(model),
    get previousTheta() {
      return implied(start.rope.theta);
    },
    get previousLength() {
      return implied(start.length);
    },
    length: context,
    d: model.head_dim,
  });
  within.define("length", number(context, "tokens"));
  within.defineLazy("previous", () => {
    spelt = true;
    return recordOf(start, start.length);
  });
  const reader = read(within);
  if (reader.has("original")) {
    // Whoever says what a table starts from means its scale to count from there, as the methods' own defaults do.
    within.defineLazy("scale", () => {
      const original = reader.number("original");
      return original === undefined ? undefined : number(context / original);
    });
  }
  return { reader, usesPrevious: () => named || spelt, impliesPrevious: () => named };
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
    const read = (within: Scope) => new Reader(section, section.definition, within, "rope", lowering);
    return ropeScope(scope, length, previous, model, read).reader.number("theta");
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
