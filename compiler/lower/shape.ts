import type { Place } from "../diagnostics/diagnostic.ts";
import type { Scope } from "../evaluate/scope.ts";
import type { Section } from "../names/section.ts";
import { number } from "../values/value.ts";
import { stepsOf } from "./budget.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";

/** Where a stage comes from: a block of its own, or an entry of the curriculum. */
export interface StageSource {
  readonly name: string;
  /** Place of the name. */
  readonly at: Place;
  /** The stage's block; undefined for one that a curriculum makes. */
  readonly section: Section | undefined;
  /** What the curriculum gives it. */
  readonly given: StageGiven | undefined;
}

export interface StageGiven {
  readonly length: number;
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
  readonly batch: number;
  /** Place of tokens or steps, or of the curriculum. */
  readonly at: Place;
  readonly unread: boolean;
  readonly places: StagePlaces;
}

/** Where a stage's sizes stand in the recipe; undefined for what it does not write as a value of its own. */
export interface StagePlaces {
  readonly length: Place | undefined;
  readonly steps: Place | undefined;
  readonly tokens: Place | undefined;
  readonly sequences: Place | undefined;
}

/** Sizes of a stage. */
export interface StageShape {
  readonly length: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** Rows of a step. */
  readonly sequences: number;
  /** `context` as written; undefined: not written. */
  readonly context: number | undefined;
}

/** The sizes of a stage; undefined when one is missing or wrong. Defines `length` in the stage's scope. */
export function shapeOf(
  source: StageSource,
  scope: Scope,
  pointer: string,
  lowering: Lowering,
): StageShape | undefined {
  if (source.given) {
    const { length, batch, steps, tokens, at, unread, places } = source.given;
    scope.define("length", number(length, "tokens"));
    const taken = stepsOf({ stage: source.name, length, batch, steps, tokens, at, unread }, lowering);
    tracePlaces(places, pointer, lowering);
    return taken === undefined ? undefined : { length, steps: taken, sequences: batch, context: undefined };
  }
  const definition = lowering.language.blocks.Stage!;
  const reader = new Reader(source.section, definition, scope, `stage ${source.name}`, lowering);
  reader.demand("length", "write length = 64Ki");
  const length = reader.number("length");
  scope.define("length", length === undefined ? undefined : number(length, "tokens"));
  const batch = reader.number("batch");
  const steps = reader.number("steps");
  const tokens = reader.number("tokens");
  const context = reader.has("context") ? reader.number("context") : undefined;
  const places: StagePlaces = {
    length: reader.exact("length"),
    steps: reader.exact("steps"),
    tokens: reader.exact("tokens"),
    sequences: reader.exact("batch"),
  };
  tracePlaces(places, pointer, lowering);
  lowering.trace.set(`${pointer}/name`, source.at);
  reader.trace("context", `${pointer}/context`);
  reader.claim("wall_time", `${pointer}/wall_time`);
  if (reader.anyFailed || length === undefined || batch === undefined) return undefined;
  const at = places.tokens ?? places.steps ?? source.at;
  const unread = source.section?.unread ?? false;
  const taken = stepsOf({ stage: source.name, length, batch, steps, tokens, at, unread, places }, lowering);
  if (taken !== undefined && steps === undefined) {
    reader.note("steps", String(taken), "tokens ÷ (batch × length), rounded up");
  }
  return taken === undefined ? undefined : { length, steps: taken, sequences: batch, context };
}

/** `tokens` is traced beside the steps that come of it, so that a fix can tell whether both are written. */
function tracePlaces(places: StagePlaces, pointer: string, { trace }: Lowering): void {
  trace.set(`${pointer}/length`, places.length);
  trace.set(`${pointer}/steps`, places.steps ?? places.tokens);
  trace.set(`${pointer}/tokens`, places.tokens);
  trace.set(`${pointer}/sequences`, places.sequences);
}
