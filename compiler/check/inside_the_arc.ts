import type { Fix } from "../diagnostics/diagnostic.ts";
import { plainContext } from "../model/index.ts";
import type { Setting } from "../names/section.ts";
import type { PlanModel, PlanStage } from "../plan.ts";
import { classifyPairs, criticalBase, type RopeSpec, ropeTable, smallestTheta } from "../rope/index.ts";
import { showNumber, writtenTokens } from "../values/show.ts";
import { aboveStages, behind, type CheckContext, replacing, type StageStep } from "./context.ts";

/** The table of plain RoPE that turns no pair further at the stage's context than the base model has seen. */
const THETA = "theta = critical_base(length)";
/** The interpolated one that does not. */
const METHOD = "method = yarn(factor: scale)";

/**
 * A theta of plain RoPE that keeps every pair of a stage inside what the base model has seen: what `critical_base(length)` gives, except where a base's own
 * scaling has shown it less than its theta alone would have (Llama 3.2 divides by 32 for 16 times the length).
 */
export function thetaInside(model: PlanModel, length: number): number {
  const critical = criticalBase(model.rope.theta, plainContext(model), length);
  return Math.max(critical, smallestTheta(model.rope.inv_freq, model.context, length) ?? 1);
}

/**
 * Edits of the recipe after which no pair of the stage leaves the arc that the base model was trained at. Both tables count from the base model alone, whatever
 * other stages have, so none is offered where another property of the block would have a say. For a plain base each holds by construction; for one that is
 * scaled already it is held against what that scaling has shown.
 */
export function insideTheArc(context: CheckContext, { stage, pointer }: StageStep): Fix[] {
  const { plan, ropes } = context;
  const { model } = plan;
  const section = ropes.get(pointer);
  const settings = model.rope.method === "default" ? [THETA, METHOD] : insideOfScaled(model, stage);
  if (!section) return settings.flatMap((setting) => insertion(context, pointer, setting + startOf(model)));
  const written = [...section.settings.values()];
  const known = written.every(({ name, value, guessed }) => {
    if (guessed) return false;
    if (name !== "original" || model.rope.method === "default") return name === "theta" || name === "method";
    return value.kind === "number" && value.value === plainContext(model);
  });
  if (!known) return [];
  const theta = section.settings.get("theta");
  const method = section.settings.get("method");
  if (theta && method) {
    return stage.rope.theta === model.rope.theta && settings.includes(METHOD) ? instead(method, METHOD) : [];
  }
  const only = theta ?? method;
  return only ? settings.flatMap((setting) => instead(only, setting)) : [];
}

/** Those of the two tables that keep inside what a scaled base has seen; where its theta's own bound does not, the number that does. */
function insideOfScaled(model: PlanModel, { context }: PlanStage): string[] {
  const { theta, attention_factor: temperature } = model.rope;
  const original = plainContext(model);
  const common = { theta, d: model.head_dim, length: context };
  const spec: RopeSpec = { ...common, method: "yarn", factor: context / original, original };
  const stays = ({ inv_freq: table }: { inv_freq: readonly number[] }) =>
    classifyPairs(model.rope.inv_freq, model.context, table, context).extrapolated === 0;
  const needed = thetaInside(model, context);
  const enough = needed === criticalBase(theta, original, context);
  return [
    enough ? THETA : `theta = ${showNumber(Math.ceil(needed)).replaceAll(",", "_")}`,
    // A base with an attention temperature of its own has learned to read with that.
    ...(temperature === 1 && stays(ropeTable(spec)) ? [METHOD] : []),
  ];
}

/** What a new table on a scaled base has to say besides. */
function startOf(model: PlanModel): string {
  return model.rope.method === "default" ? "" : `  original = ${writtenTokens(plainContext(model))}`;
}

/** Writes a setting in the place of one that stands. */
function instead({ nameAt, value, file }: Setting, setting: string): Fix[] {
  return replacing({ file, start: nameAt.start, end: value.end }, setting, setting);
}

/** A block with one setting: above the first stage where no stage has one, else in the stage. */
function insertion(context: CheckContext, pointer: string, setting: string): Fix[] {
  const { plan, trace, ropes } = context;
  const block = `rope { ${setting} }`;
  if (plan.stages.every((_, k) => !ropes.get(`/stages/${k}`))) return aboveStages(context, block);
  const length = trace.exact(`${pointer}/name`) && trace.exact(`${pointer}/length`);
  return behind(length, block, `  ${block}`);
}
