import { hint, renames } from "../diagnostics/suggest.ts";
import { Scope } from "../evaluate/scope.ts";
import { childOf, childrenOf, overlay, type Section } from "../names/section.ts";
import type {
  PlanData,
  PlanDataSource,
  PlanHardware,
  PlanModel,
  PlanStage,
  PlanTokenizer,
  PlanTrain,
} from "../plan.ts";
import { classifyPairs } from "../rope/index.ts";
import { numberArgument } from "../types/typed.ts";
import { showTokens } from "../values/show.ts";
import { number } from "../values/value.ts";
import { lowerEvaluate } from "./evaluate.ts";
import { timed } from "./evaluate_time.ts";
import { lowerLayout } from "./layout.ts";
import type { Lowering } from "./lowering.ts";
import { lowerMix } from "./mix.ts";
import { lowerAttended } from "./packing.ts";
import { Reader } from "./reader.ts";
import { removal } from "./removal.ts";
import { lowerRope } from "./rope.ts";
import { notePathDependence, previousRecord, ropeScope } from "./rope_scope.ts";
import { type StageSource, shapeOf } from "./shape.ts";
import { lowerPositions, lowerTrain } from "./train.ts";

/** What every stage is lowered with. */
export interface StageGround {
  readonly root: Section;
  readonly scope: Scope;
  readonly model: PlanModel;
  readonly hardware: PlanHardware;
  readonly tokenizer: PlanTokenizer;
  readonly sources: readonly PlanDataSource[];
  readonly sourceOf: ReadonlyMap<string, PlanDataSource>;
  readonly data: Pick<PlanData, "sources" | "documents" | "overflow">;
  readonly lowering: Lowering;
}

type Kind = "rope" | "data" | "train" | "parallel" | "memory" | "evaluate";

/**
 * One stage, with the top level's blocks under its own. Undefined when its numbers can't be had; that has been reported.
 *
 * @param done the stages before it that could be lowered, in order
 * @param before the stage right before it, if it could be lowered
 */
export function lowerStage(
  source: StageSource,
  k: number,
  done: ReadonlyMap<string, PlanStage>,
  before: PlanStage | null,
  ground: StageGround,
): PlanStage | undefined {
  const { model, lowering, root } = ground;
  const pointer = `/stages/${k}`;
  lowering.trace.set(pointer, source.at);
  const scope = new Scope(lowering.file, lowering.report, ground.scope);
  scope.define("d", number(model.head_dim));
  const previous = previousStage(source, done, before, ground);
  scope.defineLazy("previous", () => previousRecord(previous, model));
  const shape = shapeOf(source, scope, pointer, lowering);
  if (!shape) return undefined;

  const read = (kind: Kind, within: Scope = scope) => {
    const section = overlay(childOf(root, kind), source.section && childOf(source.section, kind));
    return new Reader(section, lowering.language.blocks[blockOf[kind]]!, within, pathOf(kind, source), lowering);
  };
  const train = read("train");
  const context = contextOf(shape.length, shape.context, train, lowering, pointer);
  if (context === undefined) return undefined;
  scope.define("context", number(context, "tokens"));
  scope.define("scale", number(context / model.context));
  const positions = lowerPositions(train, shape.length, context, pointer);
  const plannedTrain: PlanTrain = lowerTrain(train, shape.steps, before?.train ?? null, ground, pointer);
  // Of RoPE, and of the formulas for it, only positions matter: there `length` is the context that positions reach.
  const { reader, usesPrevious, impliesPrevious } = ropeScope(scope, context, previous, model, (names) =>
    read("rope", names),
  );
  lowering.ropes.set(pointer, reader.section);
  const rope = lowerRope(reader, { model, context, pointer, usesPrevious }, before?.rope ?? model.rope);
  if (before && impliesPrevious()) {
    notePathDependence(source, pointer, before, { root, lowering, model, scope: ground.scope, context });
  }
  const data = read("data");
  refuseDataInStage(source.section, lowering);
  const mix = lowerMix(data, ground.sources, `${pointer}/mix`);
  const { length, steps, sequences } = shape;
  const attended = lowerAttended({ length, mix }, source.name, ground);
  const needs = { model, hardware: ground.hardware, train: plannedTrain, length, steps, sequences, attended, pointer };
  const layout = lowerLayout(read("parallel"), read("memory"), needs);
  const evaluation = read("evaluate");
  lowering.trace.set(`${pointer}/evaluate`, evaluation.section?.at);
  if (train.anyFailed) lowering.trainRead = false;
  if (!rope) return undefined;
  return {
    name: source.name,
    length,
    context,
    steps,
    sequences,
    tokens: steps * sequences * length,
    rope,
    pairs:
      before?.rope.inv_freq === rope.inv_freq && before.context === context
        ? before.pairs
        : classifyPairs(model.rope.inv_freq, model.context, rope.inv_freq, context),
    mix,
    positions,
    ...(attended && { attended }),
    train: plannedTrain,
    ...layout,
    evaluate: null,
  };
}

const blockOf: Record<Kind, string> = {
  rope: "Rope",
  data: "Data",
  train: "Train",
  parallel: "Parallel",
  memory: "Memory",
  evaluate: "Evaluate",
};

/** Defaults of a block that a stage does not touch are the same for all stages, and noted once. */
function pathOf(kind: Kind, source: StageSource): string {
  const own = source.section && childOf(source.section, kind);
  return own || kind === "parallel" || kind === "memory" ? `stage ${source.name}.${kind}` : kind;
}

/** The evaluation after a stage; lengths that only later stages reach are left to those. */
export function evaluateStage(
  source: StageSource,
  stage: PlanStage,
  k: number,
  contexts: readonly number[],
  last: boolean,
  ground: StageGround,
): PlanStage {
  const { root, lowering } = ground;
  const own = source.section && childOf(source.section, "evaluate");
  refuseBefore(own, lowering);
  const section = overlay(childOf(root, "evaluate"), own);
  const gate = {
    stage: source.name,
    at: source.at,
    context: stage.context,
    binding: last || childOf(own, "gate") !== undefined,
  };
  const evaluate = lowerEvaluate(
    section,
    ground.scope,
    pathOf("evaluate", source),
    { sources: ground.sources, contexts, upTo: last ? null : stage.context, pointer: `/stages/${k}/evaluate`, gate },
    lowering,
  );
  return evaluate ? { ...stage, evaluate: timed(evaluate, ground.model, ground.hardware) } : stage;
}

/** Whether the base model is measured does not depend on a stage. */
function refuseBefore(own: Section | undefined, { report }: Lowering): void {
  const setting = own?.settings.get("before");
  if (!setting) return;
  const values = { name: "before", block: "a stage's evaluate", owner: "evaluate at the top level" };
  report.add("CTX2003", setting.nameAt, values, { fixes: [removal(setting)] });
}

/** The stage that `previous` means in the rope block, else the one before. */
function previousStage(
  source: StageSource,
  done: ReadonlyMap<string, PlanStage>,
  before: PlanStage | null,
  { root, lowering }: StageGround,
): PlanStage | null {
  const rope = overlay(childOf(root, "rope"), source.section && childOf(source.section, "rope"));
  const setting = rope?.settings.get("previous");
  if (!setting || setting.value.kind === "error") return before;
  const name = setting.value.kind === "name" ? setting.value.name : undefined;
  const stage = name === undefined ? undefined : done.get(name);
  if (stage) return stage;
  const at = { file: setting.file, start: setting.value.start, end: setting.value.end };
  const names = childrenOf(root, "stage").map((child) => child.label ?? "");
  const earlier = [...new Set([...names.slice(0, Math.max(0, names.indexOf(source.name))), ...done.keys()])];
  // It stands before, but its own numbers could not be had: that has been said there.
  if (name !== undefined && earlier.includes(name)) return before;
  const known = name !== undefined && names.includes(name);
  const shown = name ?? "this";
  const fixes = known ? [] : renames(shown, earlier, at);
  const why = known ? "it does not come before" : hint(shown, earlier);
  lowering.report.add("CTX4007", at, { name: shown, stage: source.name, hint: why }, { fixes });
  return before;
}

/** What the stage makes the model for: the context of pose(…), else as written, else the length. Undefined when it is too small. */
function contextOf(
  length: number,
  written: number | undefined,
  train: Reader,
  lowering: Lowering,
  pointer: string,
): number | undefined {
  const call = train.call("positions");
  const skips = call?.name === "pose";
  const reach = skips ? numberArgument(call, "context") : undefined;
  const reachAt = call?.arguments.get("context")?.at ?? undefined;
  const writtenAt = lowering.trace.exact(`${pointer}/context`);
  const context = reach ?? written ?? length;
  const at = reach === undefined ? writtenAt : reachAt;
  lowering.trace.set(`${pointer}/context`, at);
  if (reachAt && writtenAt && reach !== undefined && written !== undefined && reach !== written) {
    const values = { name: `pose(context: ${showTokens(reach)})`, other: `context = ${showTokens(written)}` };
    const related = [{ message: "the stage's context is set", at: writtenAt }];
    const fixes = [
      { title: showTokens(written), safety: "review" as const, edits: [{ ...reachAt, text: showTokens(written) }] },
    ];
    lowering.report.add("CTX2017", reachAt, { ...values, block: "the stage" }, { related, fixes });
    return undefined;
  }
  if (at && context < length) {
    lowering.report.add("CTX4009", at, { context: showTokens(context), length: showTokens(length) });
    return undefined;
  }
  return context;
}

/** Sources and packing belong to the whole run. */
function refuseDataInStage(section: Section | undefined, { report }: Lowering): void {
  const data = section && childOf(section, "data");
  if (!data) return;
  for (const child of data.children) report.add("CTX5011", child.at, { name: child.kind });
  for (const setting of data.settings.values()) {
    if (setting.name !== "mix") report.add("CTX5011", setting.nameAt, { name: setting.name });
  }
}
