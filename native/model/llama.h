// llama.h: one rank's share of a Llama-family model: forward, backward, loss and generation, written once over the
// backend's table of operations. Nothing here allocates: every buffer is a place of the arena (layout.h).
//
// Shapes: n local tokens; x [n, hidden] is the residual stream. With ring attention the rank's rows are two zigzag
// chunks of the sequence and all ranks call the same functions at the same time; everything but attention is row-wise.
//
// defines: LocalTokens, LocalTargets, LayerBuffers, Llama
#pragma once
#include "../ring/ring.h"
#include "checkpoint_store.h"
#include "divided_weights.h"
#include "host_gradients.h"
#include "layout.h"
#include "ops.h"

namespace ctx {

// A rank's rows of one batch, in host memory.
struct LocalTokens {
  int64_t sequence = 0;               // tokens of the whole sequence
  std::vector<int32_t> ids, positions, starts; // [n]
  std::vector<int32_t> window_starts; // [n] max(starts, index - window + 1); empty for a model without a window
  int64_t count() const { return (int64_t)ids.size(); }
};

// The rows to be scored, rising, and what each should predict.
struct LocalTargets {
  std::vector<int32_t> rows, targets;
  std::vector<float> weights; // of each row in the loss; empty where no gradient is asked for
  std::vector<float> nll;     // result: negative log-likelihood in nats
  std::vector<uint8_t> correct; // result: 1 where the target is the most likely token
};

// What one layer reads and writes.
struct LayerBuffers {
  ctx_mat x, qkv, o, x2;
  ctx_mat gate_up; // {NULL} where it exists for a tile only
  float *rstd1, *rstd2, *lse;
};

class Llama {
 public:
  // `block`: this rank's block of the arena; `kv_cache`, `gradients`, `store` (for offloaded layer inputs), `waiting` (for
  // layers' gradients that do not lie in the arena) and `divided` (for weights that other ranks hold) may be null. With `divided`
  // passes are forward, loss and backward, in this order.
  Llama(const ModelShape &shape, const ParameterTable &parameters, const RankLayout &layout, const Training &training, Ops ops, RingContext &ring,
        float *weights, float *gradients, float *block, float *kv_cache, int64_t kv_capacity, int64_t loss_chunk, CheckpointStore *store,
        HostGradients *waiting, DividedWeights *divided);

  // inv_freq: head_dim / 2 angular frequencies in radians per token; cos and sin are multiplied by the factor (YaRN's temperature).
  void set_rope(const std::vector<double> &inv_freq, double attention_factor);

  // Ends with h = the normalised output of the last layer. `keep`: saves what `backward` reads.
  void forward(const LocalTokens &tokens, bool keep);

  // Cross-entropy of the rows of `h` that have a target, a chunk of logits at a time. `with_gradient` replaces h by its gradient
  // and adds the output layer's.
  void loss(LocalTargets &targets, bool with_gradient);

  // Logits of rows [from, from + count) of h into host memory [count, vocab].
  void logits(int64_t from, int64_t count, float *out);

  // From the gradient of h to those of all trainable parameters (+=).
  void backward();

  // Puts tokens at [past, past + count) into the key-value cache; h holds the result. One rank only.
  void forward_cached(const int32_t *ids, int64_t count, int64_t past);

  // The part of a forward and backward pass that a rank without tokens has in it, where weights are divided.
  void stand_by();

  int64_t tokens() const { return layout_.tokens; }

 private:
  const ModelShape &shape_;
  const ParameterTable &parameters_;
  const RankLayout &layout_;
  const float lora_scaling_;
  const bool any_order_; // of sums in attention's gradients
  const Ops ops_;
  RingContext &ring_;
  float *const weights_, *const gradients_, *const block_, *const kv_cache_;
  const int64_t kv_capacity_, loss_chunk_;
  CheckpointStore *const store_;
  HostGradients *const waiting_;
  DividedWeights *const divided_;
  std::vector<int64_t> tickets_; // of each offloaded input's last transfer
  double attention_factor_ = 1;
  int64_t sequence_ = 0, n_ = 0; // of the batch at hand
  int32_t first_visible_[2] = {}, first_in_window_[2] = {}; // of its first row in each half (ring.h)

  float *at(int64_t place) const { return block_ + place; }
  ctx_mat local(int64_t place, int64_t width) const { return matrix(at(place), n_, width); }
  ctx_mat activation(int64_t place, int64_t count, int64_t width) const { return matrix(at(place), count, width, layout_.dtype); }
  ctx_mat weight(int index) const;
  float *gradient(int index) const; // null when frozen
  ctx_mat gradient_matrix(int index) const;
  ctx_mat hidden() const { return activation(layout_.h, n_, shape_.hidden); }
  LayerBuffers buffers(int64_t layer, bool keep) const;
  ctx_mat layer_input(int64_t layer, bool keep) const;
  void upload(int64_t place, const void *data, size_t bytes) const { ops_.upload(at(place), data, bytes); }
  void stage(const LocalTokens &tokens);
  ctx_mat queries_keys(const LayerBuffers &b) const;
  const int32_t *visible_from(int64_t layer) const;
  RingAttention attention(int64_t layer, const LayerBuffers &b, int64_t group, int64_t groups) const;

  // linear.cc
  void linear(ctx_mat y, ctx_mat x, const Linear &l) const;
  void adapter_gradient(const Linear &l, ctx_mat dy) const;
  void weight_gradient(const Linear &l, ctx_mat x, ctx_mat dy) const;
  void input_gradient(const Linear &l, ctx_mat dx, ctx_mat dy) const;
  ctx_mat adapters_a(const Linear &l, bool of_gradients) const;
  ctx_mat weights(const Linear &l) const;

  // forward.cc
  void project_qkv(int64_t layer, const LayerBuffers &b, ctx_mat residual) const;
  void normalize_and_rotate(int64_t layer, const LayerBuffers &b) const;
  void attend(int64_t layer, const LayerBuffers &b) const;
  void attend_cached(int64_t layer, const LayerBuffers &b, int64_t past) const;
  void attention_output(int64_t layer, const LayerBuffers &b) const;
  void feed_forward(int64_t layer, const LayerBuffers &b, ctx_mat out) const;

  // Layers between saved inputs.
  int64_t segment() const { return (int64_t)layout_.slots.size(); }

  // Units of divided weights, around what is computed with them: the embedding, a layer, the final norm.
  static constexpr int embedding_unit = 0;
  static int layer_unit(int64_t layer) { return (int)layer + 1; }
  int last_unit() const { return (int)shape_.layers + 1; }
  int head_unit() const { return parameters_.head == parameters_.embed ? embedding_unit : last_unit(); }
  void enter(int unit) const {
    if (divided_) divided_->enter(unit);
  }
  void leave(int unit) const {
    if (divided_) divided_->leave(unit);
  }

  // offload.cc
  void claim_input(int64_t layer);
  void save_input(int64_t layer);
  void fetch_input(int64_t layer);

  // backward.cc
  void queries_keys_backward(int64_t layer, const LayerBuffers &b, int64_t group, ctx_mat dqk) const;
  void rebuild(int64_t first, int64_t last) const;
  void feed_forward_backward(int64_t layer, const LayerBuffers &b, ctx_mat dx) const;
  void attention_backward(int64_t layer, const LayerBuffers &b, ctx_mat dx) const;
};

} // namespace ctx
