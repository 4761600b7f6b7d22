import type { JsonObject } from "../rope/index.ts";

/**
 * Configurations of published base models, so that a recipe compiles to its plan without the download. Only facts from
 * the models' own config.json; the weights are still needed to run.
 */

/** Sizes and the norm's epsilon as in the release's params.json; 11008 and the 2048 as its conversion for transformers writes them. */
const LLAMA_1_7B = {
  model_type: "llama",
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  bos_token_id: 1,
  eos_token_id: 2,
};

const LLAMA_2 = {
  model_type: "llama",
  vocab_size: 32000,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  bos_token_id: 1,
  eos_token_id: 2,
};

const LLAMA_2_7B = {
  ...LLAMA_2,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
};

const LLAMA_2_13B = {
  ...LLAMA_2,
  hidden_size: 5120,
  intermediate_size: 13824,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  num_key_value_heads: 40,
};

const LLAMA_2_70B = {
  ...LLAMA_2,
  hidden_size: 8192,
  intermediate_size: 28672,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
};

const LLAMA_3 = {
  model_type: "llama",
  vocab_size: 128256,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  bos_token_id: 128000,
  eos_token_id: 128001,
};

const LLAMA_3_8B = {
  ...LLAMA_3,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};

const LLAMA_3_70B = {
  ...LLAMA_3,
  hidden_size: 8192,
  intermediate_size: 28672,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
};

/** From Llama 3.1 on: trained to 128K with the llama3 scaling, factor 8 (3.1) or 32 (the small 3.2 models). */
const scaled = (factor: number) => ({
  max_position_embeddings: 131072,
  rope_scaling: {
    rope_type: "llama3",
    factor,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
});

const LLAMA_3_2_1B = {
  ...LLAMA_3,
  ...scaled(32),
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  tie_word_embeddings: true,
};

const LLAMA_3_2_3B = {
  ...LLAMA_3,
  ...scaled(32),
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 28,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  head_dim: 128,
  tie_word_embeddings: true,
};

const SMOLLM2_135M = {
  model_type: "llama",
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100000,
  initializer_range: 0.041666666666666664,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 0,
};

const MISTRAL_7B = {
  model_type: "mistral",
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-5,
  rope_theta: 1000000,
  sliding_window: null,
  bos_token_id: 1,
  eos_token_id: 2,
};

const MISTRAL_7B_V1 = { ...MISTRAL_7B, rope_theta: 10000, sliding_window: 4096 };
const MISTRAL_7B_V3 = { ...MISTRAL_7B, vocab_size: 32768 };

/** Mistral's design and tokenizer in a smaller size; the second version gave the window up for 8K (2401.16818, section 4). */
const DANUBE2_18B = {
  ...MISTRAL_7B,
  hidden_size: 2560,
  intermediate_size: 6912,
  num_hidden_layers: 24,
  max_position_embeddings: 8192,
  rope_theta: 10000,
};

/** Llama's design; theta is the same before and after the long training. */
const YI_6B = {
  model_type: "llama",
  vocab_size: 64000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 5000000,
  bos_token_id: 1,
  eos_token_id: 2,
};

const QWEN = {
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  use_sliding_window: false,
  bos_token_id: 151643,
  eos_token_id: 151643,
};

/** The instruct models end a turn with <|im_end|>; the configs of Qwen2's and Qwen2.5's promise 32K, what they were trained at. */
const QWEN_TURN = { eos_token_id: 151645 };
const QWEN2_INSTRUCT = { ...QWEN_TURN, max_position_embeddings: 32768 };

/** Of Qwen2 and of Qwen2.5. */
const qwen2 = (
  sizes: [hidden: number, intermediate: number, layers: number, heads: number, kvHeads: number],
  more: JsonObject,
): JsonObject => ({
  model_type: "qwen2",
  ...QWEN,
  ...sizeKeys(sizes),
  max_window_layers: sizes[2],
  ...more,
});

const qwen3 = (
  sizes: [hidden: number, intermediate: number, layers: number, heads: number, kvHeads: number],
  tied: boolean,
): JsonObject => ({
  model_type: "qwen3",
  ...QWEN,
  ...QWEN_TURN,
  ...sizeKeys(sizes),
  vocab_size: 151936,
  head_dim: 128,
  max_position_embeddings: 40960,
  max_window_layers: sizes[2],
  tie_word_embeddings: tied,
});

function sizeKeys([hidden, intermediate, layers, heads, kvHeads]: [number, number, number, number, number]) {
  return {
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
  };
}

const SMALL_VOCABULARY = { vocab_size: 151936, tie_word_embeddings: true };
const QWEN25_05B = qwen2([896, 4864, 24, 14, 2], { ...SMALL_VOCABULARY, max_position_embeddings: 32768 });
const QWEN25_15B = qwen2([1536, 8960, 28, 12, 2], { ...SMALL_VOCABULARY, max_position_embeddings: 131072 });
const QWEN25_3B = qwen2([2048, 11008, 36, 16, 2], { ...SMALL_VOCABULARY, max_position_embeddings: 32768 });
const QWEN25_7B = qwen2([3584, 18944, 28, 28, 4], { vocab_size: 152064, max_position_embeddings: 131072 });
const QWEN25_14B = qwen2([5120, 13824, 48, 40, 8], {
  ...{ vocab_size: 152064, max_position_embeddings: 131072, rms_norm_eps: 1e-5 },
});
const QWEN25_32B = qwen2([5120, 27648, 64, 40, 8], {
  ...{ vocab_size: 152064, max_position_embeddings: 131072, rms_norm_eps: 1e-5 },
});
const QWEN25_72B = qwen2([8192, 29568, 80, 64, 8], {
  ...{ vocab_size: 152064, max_position_embeddings: 131072, rms_norm_eps: 1e-5 },
});
/** The base model's config promises 128K; the report (2407.10671, section 3.2) has it trained at 32K, as the instruct model's says. */
const QWEN2_7B = qwen2([3584, 18944, 28, 28, 4], { vocab_size: 152064, max_position_embeddings: 131072 });
const QWEN3_8B = qwen3([4096, 12288, 36, 32, 8], false);
/** Qwen3's base models promise the 32K that they were trained at. */
const QWEN3_BASE = { eos_token_id: 151643, max_position_embeddings: 32768 };

/** Released after its extension: 160K by YaRN from the 4K that it was pre-trained at. */
const DEEPSEEK_V3 = {
  model_type: "deepseek_v3",
  vocab_size: 129280,
  hidden_size: 7168,
  intermediate_size: 18432,
  num_hidden_layers: 61,
  num_attention_heads: 128,
  num_key_value_heads: 128,
  q_lora_rank: 1536,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  n_routed_experts: 256,
  n_shared_experts: 1,
  num_experts_per_tok: 8,
  moe_intermediate_size: 2048,
  moe_layer_freq: 1,
  first_k_dense_replace: 3,
  max_position_embeddings: 163840,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  rope_scaling: {
    type: "yarn",
    factor: 40,
    original_max_position_embeddings: 4096,
    beta_fast: 32,
    beta_slow: 1,
    mscale: 1,
    mscale_all_dim: 1,
  },
  bos_token_id: 0,
  eos_token_id: 1,
};

const INSTRUCT = { eos_token_id: 128009 };

const KNOWN: { [name: string]: JsonObject } = {
  "huggyllama/llama-7b": LLAMA_1_7B,
  "meta-llama/Llama-2-7b-hf": LLAMA_2_7B,
  "meta-llama/Llama-2-7b-chat-hf": LLAMA_2_7B,
  "meta-llama/Llama-2-13b-hf": LLAMA_2_13B,
  "meta-llama/Llama-2-13b-chat-hf": LLAMA_2_13B,
  "meta-llama/Llama-2-70b-hf": LLAMA_2_70B,
  "meta-llama/Meta-Llama-3-8B": LLAMA_3_8B,
  "meta-llama/Meta-Llama-3-8B-Instruct": { ...LLAMA_3_8B, ...INSTRUCT },
  "meta-llama/Meta-Llama-3-70B": LLAMA_3_70B,
  "meta-llama/Meta-Llama-3-70B-Instruct": { ...LLAMA_3_70B, ...INSTRUCT },
  "meta-llama/Llama-3.1-8B": { ...LLAMA_3_8B, ...scaled(8) },
  "meta-llama/Llama-3.1-8B-Instruct": { ...LLAMA_3_8B, ...scaled(8), eos_token_id: [128001, 128008, 128009] },
  "meta-llama/Meta-Llama-3.1-8B": { ...LLAMA_3_8B, ...scaled(8) },
  "meta-llama/Meta-Llama-3.1-8B-Instruct": { ...LLAMA_3_8B, ...scaled(8), eos_token_id: [128001, 128008, 128009] },
  "meta-llama/Llama-3.1-70B": { ...LLAMA_3_70B, ...scaled(8) },
  "meta-llama/Llama-3.2-1B": LLAMA_3_2_1B,
  "meta-llama/Llama-3.2-1B-Instruct": { ...LLAMA_3_2_1B, eos_token_id: [128001, 128008, 128009] },
  "meta-llama/Llama-3.2-3B": LLAMA_3_2_3B,
  "meta-llama/Llama-3.2-3B-Instruct": { ...LLAMA_3_2_3B, eos_token_id: [128001, 128008, 128009] },
  "gradientai/Llama-3-8B-Instruct-Gradient-4194k": {
    ...LLAMA_3_8B,
    ...INSTRUCT,
    max_position_embeddings: 4194304,
    rope_theta: 45218125210,
  },
  "01-ai/Yi-6B": YI_6B,
  "01-ai/Yi-6B-200K": { ...YI_6B, max_position_embeddings: 200000 },
  "deepseek-ai/DeepSeek-V3": DEEPSEEK_V3,
  "deepseek-ai/DeepSeek-V3-Base": DEEPSEEK_V3,
  "h2oai/h2o-danube2-1.8b-base": DANUBE2_18B,
  "HuggingFaceTB/SmolLM2-135M": SMOLLM2_135M,
  "mistralai/Mistral-7B-v0.1": MISTRAL_7B_V1,
  "mistralai/Mistral-7B-Instruct-v0.1": MISTRAL_7B_V1,
  "mistralai/Mistral-7B-Instruct-v0.2": MISTRAL_7B,
  "mistralai/Mistral-7B-v0.3": MISTRAL_7B_V3,
  "mistralai/Mistral-7B-Instruct-v0.3": MISTRAL_7B_V3,
  "Qwen/Qwen2-7B": QWEN2_7B,
  "Qwen/Qwen2-7B-Instruct": { ...QWEN2_7B, ...QWEN2_INSTRUCT },
  "Qwen/Qwen2.5-0.5B": QWEN25_05B,
  "Qwen/Qwen2.5-0.5B-Instruct": { ...QWEN25_05B, ...QWEN2_INSTRUCT },
  "Qwen/Qwen2.5-1.5B": QWEN25_15B,
  "Qwen/Qwen2.5-1.5B-Instruct": { ...QWEN25_15B, ...QWEN2_INSTRUCT },
  "Qwen/Qwen2.5-3B": QWEN25_3B,
  "Qwen/Qwen2.5-7B": QWEN25_7B,
  "Qwen/Qwen2.5-7B-Instruct": { ...QWEN25_7B, ...QWEN2_INSTRUCT },
  "Qwen/Qwen2.5-14B": QWEN25_14B,
  "Qwen/Qwen2.5-32B": QWEN25_32B,
  "Qwen/Qwen2.5-72B": QWEN25_72B,
  "Qwen/Qwen3-0.6B": qwen3([1024, 3072, 28, 16, 8], true),
  "Qwen/Qwen3-1.7B": qwen3([2048, 6144, 28, 16, 8], true),
  "Qwen/Qwen3-4B": qwen3([2560, 9728, 36, 32, 8], true),
  "Qwen/Qwen3-8B": QWEN3_8B,
  "Qwen/Qwen3-8B-Base": { ...QWEN3_8B, ...QWEN3_BASE },
  "Qwen/Qwen3-14B": qwen3([5120, 17408, 40, 40, 8], false),
  "Qwen/Qwen3-32B": qwen3([5120, 25600, 64, 64, 8], false),
};

/** config.json of a published model by its Hub name; null when it is not in the table. */
export function knownConfig(name: string): JsonObject | null {
  return Object.hasOwn(KNOWN, name) ? KNOWN[name]! : null;
}

/** Hub names in the table. */
export function knownModels(): string[] {
  return Object.keys(KNOWN);
}
