import type { Scope } from "../evaluate/scope.ts";
import { plainContext } from "../model/index.ts";
import { isReserved } from "../names/reserved.ts";
import { childOf, childrenOf, type Section } from "../names/section.ts";
import type { Plan, PlanModel, PlanStage } from "../plan.ts";
import { number, type Value } from "../values/value.ts";
import { curriculumStage, curriculumStages } from "./curriculum.ts";
import { lowerData } from "./data.ts";
import { lowerEvaluate } from "./evaluate.ts";
import { timed } from "./evaluate_time.ts";
import { lowerHardware } from "./hardware.ts";
import { holdOut } from "./holdout.ts";
import type { Lowering } from "./lowering.ts";
import { lowerModel, lowerTokenizer } from "./model.ts";
import { Reader } from "./reader.ts";
import type { StageSource } from "./shape.ts";
import { evaluateStage, lowerStage, type StageGround } from "./stage.ts";

/** The plan without what only the finished document has. */
export type Lowered = Omit<Plan, "source" | "defaults" | "trace" | "version" | "recipe">;

/**
 * A recipe's sections as a plan. Undefined when there is no model to plan for; stages whose numbers can't be had are left
 * out and marked broken. Whatever is missing has been reported.
 */
export function lowerRecipe(root: Section, scope: Scope, lowering: Lowering): Lowered | undefined {
  const read = (kind: string, block: string) =>
    new Reader(childOf(root, kind), lowering.language.blocks[block]!, scope, kind, lowering);
  const modelReader = read("model", "Model");
  const model = lowerModel(modelReader);
  scope.define("model", model && modelRecord(model));
  const tokenizer = lowerTokenizer(modelReader, model);
  const dataReader = read("data", "Data");
  const data = lowerData(dataReader, tokenizer);
  if (!dataReader.section) {
    const hint = 'write data { source NAME { files = "…" } }';
    lowering.report.add("CTX2005", dataReader.at("source"), { block: "the recipe", name: "data", hint });
  }
  const sources = stageSources(root, scope, lowering);
  refuseTakenNames(sources, scope, lowering);
  for (const { name } of sources) {
    if (!isReserved(name)) scope.defineAbsent(name, `stage ${name} comes later`);
  }
  const exported = read("export", "Export");
  exported.trace("merge", "/export/merge");
  exported.trace("dtype", "/export/dtype");
  lowering.trace.set("/export", exported.section?.at);
  const hardwareReader = read("hardware", "Hardware");
  const hardware = lowerHardware(hardwareReader, model?.parameters ?? 0, devicesAsked(root, scope, lowering));
  // A machine that is only half described is not one to hold a plan against.
  if (!hardwareReader.anyFailed) lowering.trace.set("/hardware", hardwareReader.section?.at);
  if (!model) {
    lowering.left = { name: "model", at: modelReader.at("from") };
    for (const { name } of sources) scope.define(name, undefined);
    return undefined;
  }

  const sourceOf = new Map(data.sources.map((source) => [source.name, source]));
  const ground: StageGround = {
    root,
    scope,
    model,
    hardware,
    tokenizer,
    sources: data.sources,
    sourceOf,
    data,
    lowering,
  };
  const stages = lowerStages(sources, ground);
  if (sources.length === 0) lowering.left ??= { name: "stages", at: childOf(root, "curriculum")?.at ?? root.at };
  const contexts = [...new Set([model.context, ...stages.map((stage) => stage.context)])].sort((a, b) => a - b);
  const evaluated = stages.map((stage, k) => {
    const source = sources.find(({ name }) => name === stage.name)!;
    lowering.workings.stage = stage.name;
    return evaluateStage(source, stage, k, contexts, k === stages.length - 1, ground);
  });
  Object.assign(lowering.workings, { stage: null, stages: evaluated, model, hardware });
  const before = evaluateBefore(read("evaluate", "Evaluate"), model, contexts, ground);
  lowering.trace.set("/before", childOf(root, "evaluate")?.at);
  return {
    seed: dataReader.number("seed") ?? 0,
    model,
    tokenizer,
    data: { ...data, sources: holdOut(data.sources, [before, ...evaluated.map((stage) => stage.evaluate)], lowering) },
    stages: evaluated,
    before,
    export: {
      dtype: (exported.text("dtype") as Plan["export"]["dtype"] | undefined) ?? "f32",
      merge: exported.flag("merge") ?? false,
    },
    hardware,
  };
}

function lowerStages(sources: readonly StageSource[], ground: StageGround): PlanStage[] {
  const { lowering } = ground;
  const stages: PlanStage[] = [];
  const done = new Map<string, PlanStage>();
  let before: PlanStage | null = null;
  for (const source of sources) {
    lowering.workings.stage = source.name;
    const stage = lowerStage(source, stages.length, done, before, ground);
    lowering.workings.stage = null;
    if (!isReserved(source.name)) defineStage(source.name, stage, ground);
    if (!stage) {
      lowering.left ??= { name: `stage ${source.name}`, at: source.at };
      lowering.brokenFrom = Math.min(lowering.brokenFrom, stages.length);
      lowering.forget(`/stages/${stages.length}`);
      continue;
    }
    stages.push(stage);
    done.set(source.name, stage);
    before = stage;
  }
  // What a stage that was lost would have used is unknown.
  if (!lowering.left) lowering.idle.reportTo(lowering.report);
  return stages;
}

function defineStage(name: string, stage: PlanStage | undefined, { scope, model }: StageGround): void {
  if (stage) scope.defineLazy(name, () => stageRecord(stage, model));
  else scope.define(name, undefined);
}

/** The stages as written, or as the curriculum makes them. */
function stageSources(root: Section, scope: Scope, lowering: Lowering): StageSource[] {
  const written = childrenOf(root, "stage");
  const curriculum = childOf(root, "curriculum");
  if (curriculum) {
    if (written[0]) {
      const related = [{ message: "the curriculum stands", at: curriculum.at }];
      lowering.report.add("CTX4006", written[0].at, {}, { related });
    }
    const stages = curriculumStages(new Reader(curriculum, curriculum.definition, scope, "curriculum", lowering));
    if (stages.length === 0) scope.defineLost(curriculumStage);
    return stages;
  }
  if (written.length === 0) lowering.report.add("CTX4005", root.at, {});
  return written.map((section) => ({
    name: section.label ?? "",
    at: section.labelAt ?? section.at,
    section,
    given: undefined,
  }));
}

/** A formula could mean either by the name that a stage shares with a `let` or `param`. */
function refuseTakenNames(sources: readonly StageSource[], scope: Scope, { report }: Lowering): void {
  const taken = new Set(scope.names().filter((name) => !isReserved(name)));
  for (const { name, at } of sources) if (taken.has(name)) report.add("CTX2015", at, { kind: "name", name });
}

/** The largest number of devices that any `parallel` block asks for. */
function devicesAsked(root: Section, scope: Scope, lowering: Lowering): number {
  const blocks = [root, ...childrenOf(root, "stage")].map((section) => childOf(section, "parallel"));
  const asked = blocks.map((section) => {
    if (!section) return 1;
    // Asked before the stages are known, so a value that speaks of one is left to its stage.
    const reader = new Reader(section, section.definition, scope.reportingTo({ add: () => {} }), "parallel", lowering);
    const devices = reader.has("devices") ? reader.number("devices") : undefined;
    return devices ?? (reader.has("ring") ? reader.number("ring") : undefined) ?? 1;
  });
  return Math.max(1, ...asked);
}

/** The base model measured before the first stage: unless the recipe says no, or the model knows nothing yet. */
function evaluateBefore(reader: Reader, model: PlanModel, contexts: readonly number[], ground: StageGround) {
  const wanted = reader.flag("before") ?? true;
  if (!reader.section || !wanted || (model.initialize && !reader.has("before"))) return null;
  const at = { sources: ground.sources, contexts, upTo: null, pointer: "/before", gate: null };
  const evaluate = lowerEvaluate(reader.section, ground.scope, "evaluate", at, ground.lowering);
  return evaluate && timed(evaluate, model, ground.hardware);
}

function modelRecord(model: PlanModel): Value {
  return {
    kind: "record",
    name: "model",
    members: new Map<string, Value>([
      ["theta", number(model.rope.theta)],
      ["context", number(model.context, "tokens")],
      ["original", number(plainContext(model), "tokens")],
      ["head_dim", number(model.head_dim)],
      ["layers", number(model.layers)],
      ["hidden", number(model.hidden_size)],
      ["intermediate", number(model.intermediate_size)],
      ["heads", number(model.heads)],
      ["kv_heads", number(model.kv_heads)],
      ["vocab", number(model.vocab_size)],
      ["parameters", number(model.parameters)],
    ]),
  };
}

function stageRecord(stage: PlanStage, model: PlanModel): Value {
  return {
    kind: "record",
    name: `stage ${stage.name}`,
    members: new Map<string, Value>([
      ["length", number(stage.length, "tokens")],
      ["context", number(stage.context, "tokens")],
      ["scale", number(stage.context / model.context)],
      ["steps", number(stage.steps)],
      ["batch", number(stage.sequences)],
      ["tokens", number(stage.tokens, "tokens")],
      ["theta", number(stage.rope.theta)],
    ]),
  };
}
