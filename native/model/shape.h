// shape.h: the numbers that describe a model, its training and the memory it may use. They come from the plan.
// defines: ModelShape, LoraOptions, Training, MemoryPlan
#pragma once
#include "../include/ctx_backend.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ctx {

// A decoder of the Llama family (Touvron et al. 2023, arXiv 2302.13971): pre-norm RMSNorm, RoPE, grouped-query attention, SwiGLU. What its
// relatives do otherwise is data here: Mistral's sliding window (Jiang et al. 2023, arXiv 2310.06825), Qwen2's biases of q, k, v (Yang et
// al. 2024, arXiv 2407.10671), Qwen3's norms of queries and keys (Yang et al. 2025, arXiv 2505.09388).
struct ModelShape {
  int64_t vocab = 0, hidden = 0, ffn = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  float eps = 1e-5f;  // inside the square root of RMSNorm
  bool tied = false;  // lm_head shares the embedding's matrix
  bool qkv_bias = false, o_bias = false, mlp_bias = false; // y = x W^T + b in these linear maps; mlp: gate, up and down
  bool qk_norm = false;            // RMSNorm over head_dim of every query and key head, before RoPE
  int64_t window = 0;              // keys that a query of a windowed layer sees at most, itself included; 0: no layer has a window
  std::vector<bool> window_layers; // [layers] which layers have it; empty where window is 0

  int64_t q_width() const { return heads * head_dim; }
  int64_t kv_width() const { return kv_heads * head_dim; }
  int64_t qkv_width() const { return q_width() + 2 * kv_width(); }
  int64_t qk_heads() const { return heads + kv_heads; } // those that RoPE turns
  bool windowed(int64_t layer) const { return window > 0 && window_layers[(size_t)layer]; }
};

// LoRA (Hu et al. 2021, arXiv 2106.09685): y = x W^T + alpha / rank * (x A^T) B^T with A [rank, in], B [out, rank].
struct LoraOptions {
  int64_t rank = 0;
  float alpha = 0;
  std::vector<std::string> targets;  // q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
  uint64_t seed = 0;

  float scaling() const { return alpha / (float)rank; }
};

struct Training {
  std::optional<LoraOptions> lora;      // the base weights are frozen where there are adapters
  std::vector<std::string> also_train;  // parts of parameter names trained besides the adapters
  bool deterministic = true;            // false: gradients of queries may be added in any order, where that is faster (ctx_attention_grad)
};

// Where saved layer inputs wait between forward and backward pass.
enum class Offload { none, file, host };

struct MemoryPlan {
  int64_t max_tokens = 0;       // of one micro batch, over all ranks of the ring
  bool train = false;           // false: no gradients, no optimizer state, no saved activations
  int64_t checkpoint_every = 0; // 0: keep every activation; n: keep each n-th layer's input, recompute the rest
  int64_t loss_chunk = 0;       // rows of logits formed at once
  int64_t mlp_tile = 1024;      // rows of the MLP computed at once; 0: all
  int64_t head_groups = 1;      // groups of key-value heads, with the queries that read them, whose attention is computed one after the other
  Offload offload = Offload::none; // of checkpoints; the last two stay in the arena
  std::string offload_folder;   // of the file
  bool host_gradients = false;  // the layers' gradients add up in the host's memory (host_gradients.h); of one rank that trains all weights
  bool host_moments = false;    // the optimizer's moments lie in the host's memory and pass the device at each step (optim/host_moments.h)
  // Beside activations in bf16: matrices that are trained are held in bf16 too, which is what products round them to, and the fp32 numbers that learn
  // lie with the moments, as the optimizer's masters (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1).
  bool masters = false;
  int64_t kv_cache_tokens = 0;  // capacity of the key-value cache; 0: none
  // What layers hand to each other, and with it the operands of every matrix product. bf16 halves what is saved for the backward
  // pass. What learns, gradients, the optimizer, log-sum-exps, logits and the loss are fp32 either way.
  ctx_dtype activations = CTX_F32;
};

} // namespace ctx
