import type { PlanExport, PlanModel, PlanRope } from "../plan.ts";
import { type HuggingFaceRope, type JsonObject, writeHuggingFaceRope } from "../rope/index.ts";
import { ARCHITECTURES } from "./family.ts";

const TORCH_DTYPE: { [dtype in PlanExport["dtype"]]: string } = { f32: "float32", bf16: "bfloat16", f16: "float16" };

/** Keys that an export decides itself, whatever the base model's config said. */
const OURS = [
  "_name_or_path",
  "dtype",
  "max_position_embeddings",
  "original_max_position_embeddings",
  "partial_rotary_factor",
  "quantization_config",
  "rope_parameters",
  "rope_scaling",
  "rope_theta",
  "torch_dtype",
  "transformers_version",
];

/** What `config.json` of an exported model holds, in transformers' words. */
export type ModelConfig = JsonObject & HuggingFaceRope;

/**
 * The config.json of a trained model for Hugging Face: read as the same table by transformers 4, transformers 5 and vLLM
 * (`proveExport` in rope/ checks it).
 *
 * @param model the plan's model
 * @param rope the last stage's RoPE
 * @param context length the model now has
 * @param dtype of the exported weights
 * @param base the base model's own config, whose other keys (lists of end tokens, padding …) are kept
 * @throws Error when no Hugging Face form holds the frequency table
 */
export function writeModelConfig(
  model: PlanModel,
  rope: PlanRope,
  context: number,
  dtype: PlanExport["dtype"],
  base: JsonObject = {},
): ModelConfig {
  const kept = Object.fromEntries(Object.entries(base).filter(([key]) => !OURS.includes(key)));
  return {
    attention_dropout: 0,
    bos_token_id: model.bos_token_id,
    eos_token_id: model.eos_token_id,
    hidden_act: "silu",
    use_cache: true,
    ...kept,
    architectures: [ARCHITECTURES[model.family]],
    hidden_size: model.hidden_size,
    initializer_range: model.initializer_range,
    intermediate_size: model.intermediate_size,
    model_type: model.family,
    num_attention_heads: model.heads,
    num_hidden_layers: model.layers,
    num_key_value_heads: model.kv_heads,
    rms_norm_eps: model.rms_norm_eps,
    tie_word_embeddings: model.tie_word_embeddings,
    torch_dtype: TORCH_DTYPE[dtype],
    vocab_size: model.vocab_size,
    ...familyKeys(model, base),
    ...writeHuggingFaceRope(rope, context, model.context),
  };
}

/** Biases and windows in the family's own words, so that transformers 4 (`max_window_layers`) and 5 (`layer_types`) agree. */
function familyKeys(model: PlanModel, base: JsonObject): JsonObject {
  const { family, window } = model;
  switch (family) {
    case "llama":
      return { head_dim: model.head_dim, attention_bias: model.qkv_bias, mlp_bias: model.mlp_bias };
    case "mistral":
      return { head_dim: model.head_dim, sliding_window: window?.tokens ?? null };
    case "deepseek_v3":
      return latentKeys(model);
    default: {
      const first = window ? window.layers.indexOf(true) : model.layers;
      const types = Array.from({ length: model.layers }, (_, layer) => window?.layers[layer] === true);
      return {
        head_dim: model.head_dim,
        ...(family === "qwen3" ? { attention_bias: model.qkv_bias } : {}),
        use_sliding_window: window !== null,
        sliding_window: window?.tokens ?? null,
        max_window_layers: window ? first : (base.max_window_layers ?? model.layers),
        layer_types: types.map((windowed) => (windowed ? "sliding_attention" : "full_attention")),
      };
    }
  }
}

function latentKeys({ head_dim, latent, experts }: PlanModel): JsonObject {
  return {
    attention_bias: false,
    qk_rope_head_dim: head_dim,
    ...(latent && {
      ...{ q_lora_rank: latent.query_rank, kv_lora_rank: latent.key_value_rank },
      ...{ qk_nope_head_dim: latent.unrotated, v_head_dim: latent.value_dim },
    }),
    ...(experts && {
      ...{ n_routed_experts: experts.routed, num_experts_per_tok: experts.active, n_shared_experts: experts.shared },
      ...{ moe_intermediate_size: experts.intermediate_size, first_k_dense_replace: experts.dense_layers },
    }),
  };
}
