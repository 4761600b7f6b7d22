import type { PlanExperts, PlanLatent } from "../plan.ts";
import type { Keys } from "./keys.ts";

/** What a `deepseek_v3` model has besides a Llama's sizes. */
export interface LatentFeatures {
  latent: PlanLatent;
  experts: PlanExperts;
}

/**
 * Multi-head latent attention and the mixture of experts of a `deepseek_v3` config.json, with the defaults of transformers'
 * DeepseekV3Config, which are DeepSeek-V3's own figures. The modules that predict further tokens
 * (`num_nextn_predict_layers`) are no part of the model whose parameters its report counts, and are left out.
 */
export function latentFeatures(keys: Keys, layers: number): LatentFeatures {
  const { config } = keys;
  const latent = {
    query_rank: config.q_lora_rank === null ? null : keys.count("q_lora_rank", 1 << 24, 1536),
    key_value_rank: keys.count("kv_lora_rank", 1 << 24, 512),
    unrotated: keys.count("qk_nope_head_dim", 1 << 12, 128),
    value_dim: keys.count("v_head_dim", 1 << 12, 128),
  };
  const experts = {
    routed: keys.count("n_routed_experts", 1 << 16, 256),
    active: keys.count("num_experts_per_tok", 1 << 16, 8),
    shared: keys.wholeNumber("n_shared_experts", 1),
    intermediate_size: keys.count("moe_intermediate_size", 1 << 24, 2048),
    dense_layers: keys.wholeNumber("first_k_dense_replace", 3),
  };
  if (experts.active > experts.routed) {
    const message = `num_experts_per_tok (${experts.active}) must not exceed n_routed_experts (${experts.routed}).`;
    keys.error("value-wrong", "num_experts_per_tok", message);
  }
  if (experts.dense_layers > layers) {
    const message = `first_k_dense_replace (${experts.dense_layers}) must not exceed num_hidden_layers (${layers}).`;
    keys.error("value-wrong", "first_k_dense_replace", message);
  }
  if ((config.moe_layer_freq ?? 1) !== 1) {
    const message = "moe_layer_freq must be 1: every layer behind the dense ones has experts.";
    keys.error("feature-unsupported", "moe_layer_freq", message);
  }
  return { latent, experts };
}
