// layout.h: where everything lies in the one block of memory that an engine allocates. A pure function of the plan's
// numbers; compiler/memory/ledger.ts computes the same sizes, and a test holds the two against each other.
//
//   weights, or a part of them and room for two whole units (divided_weights.h) | adam m | adam v | masters (or windows onto them) | key-value cache | then for each rank: gradients | activations, checkpoints, logits, workspace
//
// defines: Ledger, GradientPlaces, LayerSpans, RankLayout, ArenaLayout, lay_out
#pragma once
#include <vector>

#include "parameters.h"

namespace ctx {

// Bytes by term, all ranks together.
struct Ledger {
  int64_t weights = 0, gradients = 0, optimizer = 0, activations = 0, checkpoints = 0, logits = 0, workspace = 0, kv_cache = 0;
  int64_t offloaded = 0, host_gradients = 0, host_moments = 0; // outside the arena, not in the total
  int64_t total() const { return weights + gradients + optimizer + activations + checkpoints + logits + workspace + kv_cache; }
};

// Places below count floats from the start of a rank's block; n = RankLayout::tokens. Those marked * hold activations: numbers of
// RankLayout::dtype. The others hold fp32, or what is said.

// Where gradients lie. Those of layers that wait in the host's memory take turns in two places; all others lie as they are counted.
struct GradientPlaces {
  int64_t begin = 0, stride = 0, layers = 0; // layer i's are the numbers from begin + i stride on; stride 0: none waits

  int64_t end() const { return begin + layers * stride; }
  // -1: of no layer, or none waits.
  int64_t layer_of(int64_t gradient) const { return gradient >= begin && gradient < end() ? (gradient - begin) / stride : -1; }
  // Of the number that is counted as `gradient`.
  int64_t at(int64_t gradient) const {
    const int64_t layer = layer_of(gradient);
    if (layer >= 0) return gradient - (layer - layer % 2) * stride;
    return gradient < end() || stride == 0 ? gradient : gradient - (layers - 2) * stride;
  }
};

// What a layer's backward pass reads.
struct LayerSpans {
  int64_t rstd1, rstd2; // [n]
  int64_t qkv;          // * [n, qkv_width] after RoPE; with qk_norm before the norm
  int64_t o, lse;       // * [n, q_width], and [heads, n]
  int64_t x2;           // * [n, hidden] after the attention's residual
  int64_t gate_up;      // * [n, 2 ffn]; only where every activation is kept
};

struct RankLayout {
  int64_t tokens = 0;   // n: most tokens of one rank
  ctx_dtype dtype = CTX_F32; // of activations
  // Rows of the MLP computed at once: gate, up and their gradients exist for this many tokens only (tiled MLP, ALST,
  // Bekman et al. 2025, arXiv 2506.13996), except where every activation is kept.
  int64_t mlp_rows = 0;
  bool keeps_gate_up = false;
  // Attention's gradients, and what a ring keeps and sends on, exist for one of so many groups of heads at a time: heads know nothing of each other.
  int64_t head_groups = 1;
  GradientPlaces gradients;
  std::vector<LayerSpans> slots; // layer i uses slot i % slots.size()
  std::vector<int64_t> x;        // * [n, hidden] input of layer i, and at the end that of the final norm
  int64_t offload_slots = 0, offload_bytes = 0; // inputs that wait outside the arena, and the size of each
  int64_t final_rstd = 0;
  int64_t logits = 0, picked = 0;      // [loss_chunk, vocab], * [loss_chunk, hidden]
  int64_t h = 0, dx = 0, dqkv = 0;     // * [n, max(hidden, q_width)], [n, hidden], [n, qkv_width / head_groups]
  int64_t gate_up = 0, act = 0, d_act = 0; // * [mlp_rows, 2 ffn], * [mlp_rows, ffn] twice
  int64_t xa = 0, dxa = 0;             // [n, adapter_width]: x A^T and its gradient
  int64_t qk = 0, qk_rstd = 0;         // * [n, qk_heads * head_dim] queries and keys after their norm and RoPE, [qk_heads, n]; only with qk_norm
  int64_t cos = 0, sin = 0, inv_freq = 0; // [n, head_dim / 2] twice; head_dim / 2 doubles
  int64_t window_starts = 0;           // [n], 4 bytes each: first visible token in windowed layers; only with a window
  int64_t ids = 0, positions = 0, starts = 0, picks = 0, targets = 0, target_weights = 0; // [n], 4 bytes each
  int64_t nll = 0, correct = 0;        // [loss_chunk] floats, bytes
  int64_t ring = 0;                    // workspace of ring attention
  int64_t floats = 0;                  // size of the block
};

struct ArenaLayout {
  Ledger ledger;
  RankLayout rank;
  int64_t unit_places = 0, unit_floats = 0;     // where ranks divide the weights: room for a layer and any unit that comes before or after it
  int64_t adam_m = 0, adam_v = 0, masters = 0, kv_cache = 0; // floats from the start of the arena; the weights lie at 0
  int64_t first_rank = 0;                       // gradients of rank 0; its block follows them
  int64_t gradient_floats = 0;                  // numbers that have a gradient, padded
  int64_t gradient_place = 0;                   // where ranks divide them, after this rank's part: room for a layer's and any unit's that is summed before or after it, to gradient_block
  int64_t gradient_block = 0, rank_stride = 0;  // places for them in the arena; rank r's gradients lie at first_rank + r * rank_stride
  int64_t moment_floats = 0;                    // of each moment, and of masters: those of all trained parameters, or this process's share of them
  int64_t moment_window = 0;                    // of moments in the host's memory: numbers of each for which there is room at adam_m, adam_v, masters, where they pass
};

// How many ranks there are, and how many of them have their block in this arena.
struct RankCounts {
  int ring = 1;   // that a sequence is cut over
  int here = 1;   // threads of this process: `ring`, or 1 where ranks are processes
  int shares = 1; // that the moments are divided into (ZeRO stage 1, Rajbhandari et al. 2020, arXiv 1910.02054): all processes of the job. If the
                  // table of parameters is divided, weights and gradients are too (stage 3)
};

// Throws a Failure when a number makes no sense or the sum does not fit in 64 bits.
ArenaLayout lay_out(const ModelShape &shape, const ParameterTable &parameters, const MemoryPlan &plan, const RankCounts &ranks);

// The same for two layouts where their parts lie at the same places (FNV-1a, 64 bits).
uint64_t fingerprint(const ArenaLayout &layout);

} // namespace ctx
