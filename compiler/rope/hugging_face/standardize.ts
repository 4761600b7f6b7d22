import { type Consumer, isFilled, isObject, type JsonObject, SILENT_THETA, show } from "./config.ts";

/** The RoPE keys of a config as one library sees them after its own defaults. */
export interface StandardRope {
  /** Key in config.json that the values came from; findings point there. */
  where: "rope_scaling" | "rope_parameters" | "";
  type: string;
  theta: unknown;
  /** Flat parameters without type and theta. */
  values: JsonObject;
  /** `original_max_position_embeddings` in force, with the library's fallback to `max_position_embeddings`. */
  original: unknown;
  /** Whether `original` is that fallback. */
  originalAssumed: boolean;
}

/**
 * Applies a library's own precedence.
 *
 * transformers 5 (5.18, `convert_rope_params_to_dict` and `standardize_rope_params`): a filled `rope_scaling` replaces
 * `rope_parameters`; theta comes from inside the dict, else from the top-level `rope_theta`, else 10000; `rope_type`
 * before `type`; a top-level `original_max_position_embeddings` before the one inside.
 *
 * transformers 4 (4.57, `LlamaConfig`, `LlamaRotaryEmbedding`): `rope_parameters` is not known; theta is the top-level
 * `rope_theta`, else 10000; `type` before `rope_type`; LongRoPE's original length is the
 * top-level key alone, and with it the factor is max_position / original whatever was written.
 *
 * vLLM (0.11 and later, `patch_rope_parameters`) lets the transformers beside it read the config: as version 5 does.
 */
export function standardize(config: JsonObject, consumer: Consumer): StandardRope {
  const scaling = config.rope_scaling;
  const parameters = config.rope_parameters;
  const modern = consumer !== "transformers 4";
  const useScaling = isFilled(scaling) || (!modern && isObject(scaling));
  const dict: JsonObject = useScaling ? (scaling as JsonObject) : modern && isObject(parameters) ? parameters : {};
  const { rope_type, type, rope_theta, ...values } = dict;
  const name = (modern ? (rope_type ?? type) : (type ?? rope_type)) ?? (modern || !useScaling ? "default" : "(none)");
  const theta = config.rope_theta ?? SILENT_THETA;
  const maxPosition = config.max_position_embeddings;
  const top = config.original_max_position_embeddings;
  const longOnV4 = !modern && name === "longrope";
  const original = longOnV4
    ? top
    : modern
      ? (top ?? values.original_max_position_embeddings)
      : values.original_max_position_embeddings;
  if (longOnV4 && typeof top === "number" && typeof maxPosition === "number") values.factor = maxPosition / top;
  return {
    where: useScaling ? "rope_scaling" : Object.keys(dict).length > 0 ? "rope_parameters" : "",
    type: show(name),
    theta: modern ? (rope_theta ?? theta) : theta,
    values,
    original: original ?? maxPosition,
    originalAssumed: original === undefined || original === null,
  };
}
