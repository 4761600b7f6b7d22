import type { PlanModel, PlanWindow } from "../plan.ts";
import { type JsonObject, show } from "../rope/index.ts";
import type { Keys } from "./keys.ts";

/** `model_type`s that the engine computes. */
export const FAMILIES = ["llama", "mistral", "qwen2", "qwen3"] as const;
export type Family = (typeof FAMILIES)[number];

/** `model_type`s whose extension can be planned, while no engine here computes them. */
export const PLANNED_FAMILIES = ["deepseek_v3"] as const;

/** Any `model_type` that a config.json is read of. */
export type ReadFamily = PlanModel["family"];

/** Whether the engine computes models of a family. */
export function isComputed(family: ReadFamily): family is Family {
  return isFamily(family);
}

/** Where a family does otherwise than Llama. */
export type FamilyFeatures = Pick<PlanModel, "qkv_bias" | "o_bias" | "mlp_bias" | "qk_norm" | "window">;

/** Of a model that is only planned: its family, and what of it the engine lacks. null: the engine computes it. */
export function plannedOnlyOf({ family }: Pick<PlanModel, "family">): { family: string; missing: string } | null {
  return isComputed(family) ? null : { family, missing: "latent attention and experts" };
}

/** What transformers takes for a key that config.json leaves out; undefined: it follows from other keys. */
export const FAMILY_DEFAULTS: { [family in ReadFamily]: { kvHeads?: number; headDim?: number } } = {
  llama: {},
  mistral: { kvHeads: 8 },
  qwen2: { kvHeads: 32 },
  qwen3: { kvHeads: 32, headDim: 128 },
  deepseek_v3: { kvHeads: 128, headDim: 64 },
};

/** transformers' name of a family's model with a language-modelling head. */
export const ARCHITECTURES: { [family in ReadFamily]: string } = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  deepseek_v3: "DeepseekV3ForCausalLM",
};

function isFamily(name: unknown): name is Family {
  return FAMILIES.some((family) => family === name);
}

/** Whether config.json can be read of a `model_type`. */
export function isReadable(name: unknown): name is ReadFamily {
  return isFamily(name) || PLANNED_FAMILIES.some((family) => family === name);
}

/**
 * Biases, head norms and sliding windows as transformers 5 derives them from config.json.
 *
 * llama: biases by `attention_bias` and `mlp_bias`. mistral: `sliding_window` in every layer, 4096 where the key is
 * missing, none where it is null. qwen2: biases of q, k, v always. qwen3: biases of q, k, v, o by `attention_bias`, head
 * norms always. Both qwens: a window by `use_sliding_window`, in the layers that `layer_types` or `max_window_layers` names.
 * deepseek_v3: none of these.
 */
export function familyFeatures(family: ReadFamily, keys: Keys, layers: number): FamilyFeatures {
  const innate = innateFeatures(family);
  const attentionBias = (family === "llama" || family === "qwen3") && keys.flag("attention_bias", false);
  return {
    qkv_bias: innate.qkv_bias || attentionBias,
    o_bias: attentionBias,
    mlp_bias: family === "llama" && keys.flag("mlp_bias", false),
    qk_norm: innate.qk_norm,
    window: readWindow(family, keys, layers),
  };
}

/** What every model of a family has, whatever its config.json says. */
export function innateFeatures(family: ReadFamily): Pick<FamilyFeatures, "qkv_bias" | "qk_norm"> {
  return { qkv_bias: family === "qwen2", qk_norm: family === "qwen3" };
}

function readWindow(family: ReadFamily, keys: Keys, layers: number): PlanWindow | null {
  if (family === "llama" || family === "deepseek_v3") {
    refuseLayerTypes(keys, layers, "full_attention");
    return null;
  }
  if (family === "mistral") {
    const tokens = keys.window(4096);
    refuseLayerTypes(keys, layers, tokens === null ? "full_attention" : "sliding_attention");
    return tokens === null ? null : { tokens, layers: new Array<boolean>(layers).fill(true) };
  }
  const tokens = keys.flag("use_sliding_window", false) ? keys.window(4096) : null;
  const windowed = windowedLayers(keys, layers);
  if (tokens !== null) return windowed.includes(true) ? { tokens, layers: windowed } : null;
  if (keys.config.layer_types !== undefined && windowed.includes(true)) {
    const message = "layer_types names sliding_attention, but use_sliding_window or sliding_window gives no window.";
    keys.error("value-wrong", "layer_types", message);
  }
  return null;
}

/** Of the qwens: the layers that `layer_types` calls sliding, else those from `max_window_layers` on. */
function windowedLayers(keys: Keys, layers: number): boolean[] {
  const types = keys.config.layer_types ?? null;
  if (types === null) {
    const from = keys.wholeNumber("max_window_layers", 28);
    return Array.from({ length: Math.min(layers, MOST_LAYERS) }, (_, layer) => layer >= from);
  }
  if (!Array.isArray(types) || types.length !== layers) {
    const found = Array.isArray(types) ? `${types.length} entries` : show(types);
    keys.error("value-wrong", "layer_types", `layer_types must name the attention of ${layers} layers, not ${found}.`);
    return [];
  }
  const odd = types.find((type) => type !== "full_attention" && type !== "sliding_attention");
  if (odd !== undefined) {
    const message = `layer_types has ${show(odd)}; only "full_attention" and "sliding_attention" are supported.`;
    keys.error("attention-unsupported", "layer_types", message);
  }
  return types.map((type) => type === "sliding_attention");
}

/** Above any model's; a wrong count has been reported and makes no long list. */
const MOST_LAYERS = 1 << 16;

/** transformers reads no `layer_types` for these families: it may be there, but must not say anything else. */
function refuseLayerTypes(keys: Keys, layers: number, computed: string): void {
  const types = keys.config.layer_types ?? null;
  if (types === null) return;
  if (Array.isArray(types) && types.length === layers && types.every((type) => type === computed)) return;
  const message = `layer_types asks for other layers than ${show(computed)} in all ${layers}, which a model of this family does not have.`;
  keys.error("attention-unsupported", "layer_types", message);
}

const EXPERTS = "a mixture of experts";

/** Keys of relatives that change what a model computes, with the values that leave it as it is. */
const FOREIGN: { [key: string]: { neutral: readonly unknown[]; meaning: string } } = {
  alibi: { neutral: [false], meaning: "linear attention biases instead of RoPE" },
  attention_chunk_size: { neutral: [], meaning: "attention in chunks" },
  attention_multiplier: { neutral: [], meaning: "another scale of the attention scores" },
  attn_logit_softcapping: { neutral: [], meaning: "soft-capping of the attention scores" },
  clip_qkv: { neutral: [], meaning: "clipped queries, keys and values" },
  embedding_multiplier: { neutral: [1], meaning: "scaled embeddings" },
  final_logit_softcapping: { neutral: [], meaning: "soft-capping of the logits" },
  logit_scale: { neutral: [1], meaning: "scaled logits" },
  logits_scaling: { neutral: [1], meaning: "scaled logits" },
  moe_intermediate_size: { neutral: [0], meaning: EXPERTS },
  n_routed_experts: { neutral: [0], meaning: EXPERTS },
  no_rope_layers: { neutral: [], meaning: "layers without RoPE" },
  num_experts: { neutral: [0], meaning: EXPERTS },
  num_local_experts: { neutral: [0], meaning: EXPERTS },
  qk_layernorm: { neutral: [false], meaning: "norms of queries and keys" },
  query_pre_attn_scalar: { neutral: [], meaning: "another scale of the attention scores" },
  residual_multiplier: { neutral: [1], meaning: "scaled residual branches" },
  use_qk_norm: { neutral: [false], meaning: "norms of queries and keys" },
};

/** Keys that would change the computation and are not read by the family's own code. */
export function refuseForeign(family: ReadFamily, keys: Keys): void {
  const { config } = keys;
  for (const [key, { neutral, meaning }] of Object.entries(FOREIGN)) {
    const value = Object.hasOwn(config, key) ? config[key] : null;
    if (value === null || value === undefined || neutral.includes(value)) continue;
    if (family === "deepseek_v3" && meaning === EXPERTS) continue;
    keys.error("feature-unsupported", key, `${key} is ${show(value)}: ${meaning} is not part of ${family}.`);
  }
  for (const key of FOREIGN_BIASES[family]) {
    if (config[key] !== true) continue;
    keys.error("bias-unsupported", key, `${key} is true; a ${family} model has no such biases.`);
  }
  warnUnread(family, keys);
}

const FOREIGN_BIASES: { [family in ReadFamily]: readonly string[] } = {
  llama: [],
  mistral: ["attention_bias", "mlp_bias"],
  qwen2: ["mlp_bias"],
  qwen3: ["mlp_bias"],
  deepseek_v3: ["attention_bias", "mlp_bias"],
};

/** What other programs read and transformers does not. */
function warnUnread(family: ReadFamily, keys: Keys): void {
  const config: JsonObject = keys.config;
  if (family === "llama" && typeof config.sliding_window === "number") {
    const message = `sliding_window is ${show(config.sliding_window)}, which transformers does not read for llama: attention sees the whole context.`;
    keys.warning("key-unread", "sliding_window", message);
  }
  if (typeof config.dual_chunk_attention_config === "object" && config.dual_chunk_attention_config !== null) {
    const message =
      "dual_chunk_attention_config is not read here nor by transformers: attention is computed without it.";
    keys.warning("key-unread", "dual_chunk_attention_config", message);
  }
}
