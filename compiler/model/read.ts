import { parseJson } from "../json.ts";
import type { PlanModel } from "../plan.ts";
import { type JsonObject, readHuggingFaceRope, show } from "../rope/index.ts";
import {
  FAMILIES,
  FAMILY_DEFAULTS,
  familyFeatures,
  isComputed,
  isReadable,
  PLANNED_FAMILIES,
  refuseForeign,
} from "./family.ts";
import type { ModelFinding, ModelFindingKind } from "./finding.ts";
import { Keys } from "./keys.ts";
import { latentFeatures } from "./latent.ts";
import { countActiveParameters, countParameters } from "./parameters.ts";
import { type KnownTraining, knownTraining } from "./trained.ts";

export interface ModelReading {
  /** null when the config can't be used; a finding says why. `path` and `from` are for the caller to fill in. */
  model: PlanModel | null;
  findings: ModelFinding[];
  /** What is known of the length that it was trained at, where config.json says another. */
  training?: KnownTraining | null;
}

/**
 * Reads the config.json of a Llama, Mistral, Qwen2 or Qwen3 model, or of a DeepSeek-V3 to plan for.
 *
 * Defaults are those of transformers' configuration classes where a key may be left out: head_dim = hidden / heads (qwen3:
 * 128), kv heads = heads (mistral: 8, the qwens: 32), silu, untied embeddings, rms_norm_eps 1e-6, initializer_range 0.02.
 * The trained context is max_position_embeddings, but for published models of which it is known that they were trained at less.
 *
 * @param text contents of config.json
 * @param from Hub name or folder as the recipe wrote it
 */
export function readModelConfig(text: string, from: string): ModelReading {
  if (text.startsWith("version https://git-lfs"))
    return refuse("not-json", "", "config.json is a pointer of Git LFS, not the file itself: git lfs pull fetches it.");
  let config: unknown;
  try {
    config = parseJson(text);
  } catch (error) {
    return refuse("not-json", "", `config.json is not valid JSON: ${(error as Error).message}.`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return refuse("not-json", "", "config.json must hold an object.");
  }
  return modelFromConfig(config as JsonObject, from);
}

/** The same from a parsed config. */
export function modelFromConfig(config: JsonObject, from: string): ModelReading {
  const family = config.model_type;
  if (!isReadable(family)) {
    const found = family === undefined ? "no model_type" : `model_type ${show(family)}`;
    const message = `config.json has ${found}; supported is ${FAMILIES.join(", ")}; ${PLANNED_FAMILIES.join(", ")} can be planned.`;
    return refuse("family-unsupported", "model_type", message);
  }
  const keys = new Keys(config);
  const heads = keys.count("num_attention_heads");
  const hidden = keys.count("hidden_size");
  const layers = keys.count("num_hidden_layers", 1 << 16);
  const defaults = FAMILY_DEFAULTS[family];
  /** A family's default holds where the key is missing; null means what it means for llama. */
  const missing = (key: string, otherwise: number | undefined) => (config[key] === undefined ? otherwise : undefined);
  const shape = {
    vocab_size: keys.count("vocab_size"),
    hidden_size: hidden,
    intermediate_size: keys.count("intermediate_size"),
    layers,
    heads,
    kv_heads: keys.count("num_key_value_heads", 1 << 24, missing("num_key_value_heads", defaults.kvHeads) ?? heads),
    head_dim:
      family === "deepseek_v3"
        ? keys.count("qk_rope_head_dim", 1 << 12, defaults.headDim)
        : keys.count("head_dim", 1 << 12, missing("head_dim", defaults.headDim) ?? hidden / heads),
    tie_word_embeddings: keys.flag("tie_word_embeddings", false),
    ...familyFeatures(family, keys, layers),
    ...(family === "deepseek_v3" ? latentFeatures(keys, layers) : {}),
  };
  const promised = keys.count("max_position_embeddings", 2 ** 31 - 1);
  const eps = keys.number("rms_norm_eps", 1e-6);
  const std = keys.number("initializer_range", 0.02);
  const bos = keys.token("bos_token_id");
  const eos = keys.token("eos_token_id");
  refuseForeign(family, keys);
  refuseActivation(keys);
  if (isComputed(family)) refuseQuantized(keys);
  if (!keys.failed) refuseShape(keys, shape);
  const parameters = countParameters(shape);
  if (!keys.failed && !Number.isSafeInteger(parameters)) {
    keys.error("too-large", "", `the sizes in config.json multiply to ${parameters.toExponential(1)} parameters.`);
  }
  if (keys.failed) return { model: null, findings: keys.findings };

  const { rope, findings } = readHuggingFaceRope(config, shape.head_dim, promised);
  if (!rope) return { model: null, findings: [...keys.findings, ...findings] };
  const training = knownTraining({ family, rope }, promised, shape.window?.tokens ?? null);
  const model: PlanModel = {
    from,
    path: null,
    family,
    ...shape,
    rms_norm_eps: eps,
    initializer_range: std,
    bos_token_id: bos,
    eos_token_id: eos,
    ...(training ? { context: training.tokens, promised_context: promised } : { context: promised }),
    parameters,
    ...("experts" in shape ? { active_parameters: countActiveParameters(shape) } : {}),
    rope,
    initialize: null,
  };
  return { model, findings: [...keys.findings, ...findings], training };
}

function refuse(kind: ModelFindingKind, key: string, message: string): ModelReading {
  return { model: null, findings: [{ kind, severity: "error", key, message }] };
}

/** Of a family that is only planned no weights are read. */
function refuseQuantized(keys: Keys): void {
  const { config } = keys;
  if (config.quantization_config === undefined || config.quantization_config === null) return;
  const message = "the weights are quantized (quantization_config); only f32, bf16 and f16 weights can be trained.";
  keys.error("quantized-unsupported", "quantization_config", message);
}

/** Of the activations, SwiGLU's is all that there is. */
function refuseActivation(keys: Keys): void {
  for (const key of ["hidden_act", "hidden_activation"]) {
    const activation = keys.config[key] ?? "silu";
    if (activation === "silu" || activation === "swish") continue;
    keys.error("activation-unsupported", key, `${key} is ${show(activation)}; only "silu" is supported.`);
  }
}

function refuseShape(keys: Keys, shape: { heads: number; kv_heads: number; head_dim: number }): void {
  if (shape.heads % shape.kv_heads !== 0) {
    const message = `num_attention_heads (${shape.heads}) must be a multiple of num_key_value_heads (${shape.kv_heads}).`;
    keys.error("heads-indivisible", "num_key_value_heads", message);
  }
  if (shape.head_dim % 2 !== 0) {
    const message = `RoPE turns pairs of dimensions: head_dim must be even, not ${shape.head_dim}.`;
    keys.error("head-dim-odd", "head_dim", message);
  }
}
