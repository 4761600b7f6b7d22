import type { Fix } from "../diagnostics/diagnostic.ts";
import type { Setting } from "../names/section.ts";
import { aboveStages, behind, type CheckContext, replacing, type StageStep } from "./context.ts";

/** The two tables of plain RoPE that turn no pair further at the stage's context than the base model has seen. */
const THETA = "theta = critical_base(length)";
const METHOD = "method = yarn(factor: scale)";

/**
 * Edits of the recipe after which no pair of the stage leaves the arc that the base model was trained at. Each holds by construction: both tables count from
 * the base model alone, whatever other stages have, so none is offered for a base model that is scaled already, or where another property of the
 * block would have a say.
 */
export function insideTheArc(context: CheckContext, { stage, pointer }: StageStep): Fix[] {
  const { plan, ropes } = context;
  if (plan.model.rope.method !== "default") return [];
  const section = ropes.get(pointer);
  if (!section) return [THETA, METHOD].flatMap((setting) => insertion(context, pointer, setting));
  const written = [...section.settings.values()];
  if (written.some(({ name, guessed }) => guessed || (name !== "theta" && name !== "method"))) return [];
  const theta = section.settings.get("theta");
  const method = section.settings.get("method");
  if (theta && method) return stage.rope.theta === plan.model.rope.theta ? instead(method, METHOD) : [];
  const only = theta ?? method;
  return only ? [THETA, METHOD].flatMap((setting) => instead(only, setting)) : [];
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
