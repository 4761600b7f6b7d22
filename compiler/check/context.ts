import type { Fix, Place } from "../diagnostics/diagnostic.ts";
import type { Report } from "../diagnostics/report.ts";
import type { Host } from "../host.ts";
import type { Claim, PathDependence } from "../lower/lowering.ts";
import type { PlanDraft } from "../lower/plan.ts";
import type { Trace } from "../lower/trace.ts";
import { shownContext } from "../model/index.ts";
import type { Section } from "../names/section.ts";
import type { PlanRope, PlanStage } from "../plan.ts";

/** What a check looks at: the finished plan, and where each of its values came from. */
export interface CheckContext {
  readonly plan: PlanDraft;
  readonly trace: Trace;
  readonly report: Report;
  readonly host: Host;
  /** From this stage on, what came before is uncertain (see `Lowering.brokenFrom`). */
  readonly brokenFrom: number;
  /** Stages, by pointer, whose theta depends on the stages before. */
  readonly pathDependent: ReadonlyMap<string, PathDependence>;
  /** Numbers that are declared only to be held against the plan. */
  readonly claims: ReadonlyMap<string, Claim>;
  /** The rope block of each stage as written, the top level's under its own; undefined where there is neither. */
  readonly ropes: ReadonlyMap<string, Section | undefined>;
  /** Heading of the first stage or curriculum, above which a block of the top level can be written. */
  readonly firstStage: Place | undefined;
}

/** One rule about a plan. It reports what it finds and changes nothing. */
export type Check = (context: CheckContext) => void;

/** A stage with its place in the plan and the state it starts from. */
export interface StageStep {
  readonly stage: PlanStage;
  /** JSON pointer of the stage. */
  readonly pointer: string;
  readonly before: PlanStage | null;
  /** Context and frequency table that the weights know when the stage begins. */
  readonly knownContext: number;
  readonly knownRope: PlanRope;
}

/** The stages whose past is known, for rules about what a stage starts from. */
export function chain({ plan, brokenFrom }: CheckContext): readonly StageStep[] {
  return steps(plan).slice(0, brokenFrom);
}

/** The stages in order. */
export function steps(plan: PlanDraft): readonly StageStep[] {
  const known = walked.get(plan) ?? plan.stages.map((stage, k) => stepAt(stage, k, plan));
  walked.set(plan, known);
  return known;
}

/** The steps of a plan, which most checks walk. */
const walked = new WeakMap<PlanDraft, readonly StageStep[]>();

function stepAt(stage: PlanStage, k: number, { stages, model }: PlanDraft): StageStep {
  const before = stages[k - 1] ?? null;
  return {
    stage,
    pointer: `/stages/${k}`,
    before,
    knownContext: before ? shownContext(before) : model.context,
    knownRope: (before ?? model).rope,
  };
}

/**
 * Tokens from which published recipes stop showing harm from a crude change: a billion for models of 8 billion
 * parameters, fewer in proportion for smaller ones.
 */
export function plentyOfTokens(plan: PlanDraft): number {
  return Math.min(1e9, plan.model.parameters / 8);
}

/** A fix that writes another value in the place of the one that the recipe has. */
export function replacing(
  place: Place | undefined,
  title: string,
  text: string,
  safety: Fix["safety"] = "review",
): Fix[] {
  return place ? [{ title, safety, edits: [{ ...place, text }] }] : [];
}

/** A fix that writes something behind a place, if there is one. */
export function behind(place: Place | undefined, title: string, text: string): Fix[] {
  return place ? [{ title, safety: "review", edits: [{ ...place, start: place.end, text }] }] : [];
}

/** A fix that writes a block of the recipe above the first stage. */
export function aboveStages({ firstStage }: CheckContext, block: string): Fix[] {
  if (!firstStage) return [];
  return [{ title: block, safety: "review", edits: [{ ...firstStage, end: firstStage.start, text: `${block}\n` }] }];
}
