import { isFilled, isNumbers, type JsonObject, SILENT_THETA, show } from "./config.ts";
import { finding, type RopeFinding } from "./findings.ts";
import type { StandardRope } from "./standardize.ts";

/** Which keys win over which, and what that hides. */
export function* precedence(config: JsonObject, rope: StandardRope): Iterable<RopeFinding> {
  const scaling = config.rope_scaling;
  const parameters = config.rope_parameters;
  const top = config.rope_theta;
  const insideScaling = isFilled(scaling) ? scaling.rope_theta : undefined;
  const insideParameters = isFilled(parameters) ? parameters.rope_theta : undefined;
  for (const [key, value] of Object.entries({ rope_scaling: scaling, rope_parameters: parameters })) {
    if (
      value !== undefined &&
      value !== null &&
      !isFilled(value) &&
      !(typeof value === "object" && !Array.isArray(value))
    ) {
      yield finding("error", "malformed", key, `${key} must be an object, not ${show(value)}.`);
    }
    if (isFilled(value) && ("full_attention" in value || "sliding_attention" in value)) {
      const message = `${key} holds one RoPE for each layer type; the llama family has a single one.`;
      yield finding("error", "nested-parameters", key, message);
    }
  }
  const inForce = rope.where === "rope_scaling" ? insideScaling : insideParameters;
  if (top === undefined && inForce === undefined) {
    if (insideParameters !== undefined) {
      const message = `rope_scaling replaces rope_parameters whole, and with it rope_theta = ${show(insideParameters)}: transformers silently uses ${SILENT_THETA}.`;
      yield finding("error", "theta-shadowed", "rope_parameters.rope_theta", message);
    } else {
      const message = `no rope_theta anywhere: transformers silently uses ${SILENT_THETA}. Write the theta the model was trained with.`;
      // Llama 1 and 2 were published so and meant 10000; beside a scaling it is always a slip.
      yield finding(rope.type === "default" ? "warning" : "error", "theta-missing", "rope_theta", message);
    }
  }
  if (top !== undefined && inForce !== undefined && top !== inForce) {
    const message = `rope_theta is ${show(top)} at the top level and ${show(inForce)} in ${rope.where}: transformers 4 uses the first, transformers 5 the second.`;
    yield finding("error", "theta-conflict", "rope_theta", message);
  }
  if (isFilled(scaling) && isFilled(parameters) && differ(scaling, parameters)) {
    const message = "rope_scaling and rope_parameters differ; rope_scaling wins in every version of transformers.";
    yield finding("warning", "parameters-shadowed", "rope_parameters", message);
  }
  if (rope.where === "rope_parameters" && (top === undefined || rope.type !== "default")) {
    const message = "transformers 4 does not know rope_parameters; it needs rope_theta and rope_scaling beside it.";
    yield finding("warning", "parameters-unseen", "rope_parameters", message);
  }
  const dict = isFilled(scaling) ? scaling : isFilled(parameters) ? parameters : {};
  if (dict.type !== undefined && dict.rope_type !== undefined && dict.type !== dict.rope_type) {
    const message = `type is "${show(dict.type)}" and rope_type is "${show(dict.rope_type)}": transformers 4 uses the first, transformers 5 the second, and vLLM stops.`;
    yield finding("error", "type-conflict", `${rope.where}.rope_type`, message);
  }
  const partial = rope.values.partial_rotary_factor ?? config.partial_rotary_factor;
  if (typeof partial === "number" && partial !== 1 && rope.type !== "proportional") {
    const message = `partial_rotary_factor = ${show(partial)} turns only part of each head, which the llama family does not do.`;
    yield finding("error", "partial-rotary", "partial_rotary_factor", message);
  }
}

/** Whether two dicts say different things, `type` and `rope_type` being the same word and theta told apart elsewhere. */
function differ(a: JsonObject, b: JsonObject): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of ["type", "rope_type", "rope_theta"]) keys.delete(key);
  const same = (x: unknown, y: unknown) =>
    x === y || (isNumbers(x) && isNumbers(y) && x.length === y.length && x.every((value, i) => value === y[i]));
  return !same(a.rope_type ?? a.type, b.rope_type ?? b.type) || [...keys].some((key) => !same(a[key], b[key]));
}
