// forward.cc: from token ids to the normalised output of the last layer.
//
//   x_0 = E[ids]
//   for each layer:  q, k, v = split(norm(x) Wqkv^T);  q, k = rope(q), rope(k)    with qk_norm: rope(norm(q)), rope(norm(k)) by head
//                    x2 = x + attention(q, k, v) Wo^T
//                    x  = x2 + (silu(g) * u) Wdown^T   with  g, u = split(norm(x2) Wgate_up^T)
//   h = norm(x)
//
// Residual sums are fused into the norm that follows: a branch writes its output to a new buffer and the next norm adds the
// stream to it in the same pass over memory.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "llama.h"

namespace ctx {

Llama::Llama(const ModelShape &shape, const ParameterTable &parameters, const RankLayout &layout, const Training &training, Ops ops, RingContext &ring,
             float *weights, float *gradients, float *block, float *kv_cache, int64_t kv_capacity, int64_t loss_chunk, CheckpointStore *store, HostGradients *waiting,
             DividedWeights *divided)
    : shape_(shape), parameters_(parameters), layout_(layout), lora_scaling_(training.lora ? training.lora->scaling() : 0), any_order_(!training.deterministic), ops_(ops), ring_(ring),
      weights_(weights), gradients_(gradients), block_(block), kv_cache_(kv_cache), kv_capacity_(kv_capacity), loss_chunk_(loss_chunk), store_(store), waiting_(waiting), divided_(divided),
      tickets_((size_t)layout.offload_slots) {}

void Llama::set_rope(const std::vector<double> &inv_freq, double attention_factor) {
  upload(layout_.inv_freq, inv_freq.data(), inv_freq.size() * sizeof(double));
  attention_factor_ = attention_factor;
}

ctx_mat Llama::weight(int index) const {
  const Parameter &p = parameters_.all[(size_t)index];
  return matrix(divided_ ? divided_->weight(p) : reinterpret_cast<char *>(weights_) + p.offset, p.rows, p.cols, p.dtype);
}

float *Llama::gradient(int index) const {
  const Parameter &p = parameters_.all[(size_t)index];
  if (!gradients_ || !p.trainable) return nullptr;
  return divided_ ? divided_->gradient(p) : gradients_ + layout_.gradients.at(p.gradient);
}

ctx_mat Llama::gradient_matrix(int index) const {
  const Parameter &p = parameters_.all[(size_t)index];
  return matrix(gradient(index), p.rows, p.cols);
}

// Forward only, all layers share the first input's buffer and the first slot.
ctx_mat Llama::layer_input(int64_t layer, bool keep) const { return activation(layout_.x[keep ? (size_t)layer : 0], n_, shape_.hidden); }

LayerBuffers Llama::buffers(int64_t layer, bool keep) const {
  const LayerSpans &s = layout_.slots[keep ? (size_t)layer % layout_.slots.size() : 0];
  LayerBuffers b;
  b.x = layer_input(layer, keep);
  b.qkv = activation(s.qkv, n_, shape_.qkv_width());
  b.o = activation(s.o, n_, shape_.q_width());
  b.x2 = activation(s.x2, n_, shape_.hidden);
  b.gate_up = layout_.keeps_gate_up ? activation(s.gate_up, n_, 2 * shape_.ffn) : no_matrix;
  b.rstd1 = at(s.rstd1);
  b.rstd2 = at(s.rstd2);
  b.lse = at(s.lse);
  return b;
}

// Uploads the batch and forms the rotation table of its positions.
void Llama::stage(const LocalTokens &tokens) {
  if (store_) store_->begin();
  n_ = tokens.count();
  sequence_ = tokens.sequence;
  for (int half = 0; half < 2; half++) {
    const size_t row = half ? (size_t)zigzag_half(sequence_, ring_.world, ring_.rank, 0).length : 0;
    first_visible_[half] = row < tokens.starts.size() ? tokens.starts[row] : 0;
    first_in_window_[half] = row < tokens.window_starts.size() ? tokens.window_starts[row] : 0;
  }
  const size_t bytes = (size_t)n_ * 4;
  upload(layout_.ids, tokens.ids.data(), bytes);
  upload(layout_.positions, tokens.positions.data(), bytes);
  upload(layout_.starts, tokens.starts.data(), bytes);
  if (shape_.window > 0) upload(layout_.window_starts, tokens.window_starts.data(), bytes);
  ops_.rope_table(at(layout_.cos), at(layout_.sin), reinterpret_cast<const double *>(at(layout_.inv_freq)), shape_.head_dim / 2, attention_factor_,
                  reinterpret_cast<const int32_t *>(at(layout_.positions)), n_);
}

void Llama::forward(const LocalTokens &tokens, bool keep) {
  stage(tokens);
  if (divided_) divided_->start(unit_visits(shape_.layers, segment(), head_unit() == embedding_unit));
  enter(embedding_unit);
  ops_.embed_forward(layer_input(0, keep), weight(parameters_.embed), reinterpret_cast<const int32_t *>(at(layout_.ids)));
  leave(embedding_unit);
  ctx_mat residual = no_matrix;
  for (int64_t layer = 0; layer < shape_.layers; layer++) {
    const LayerBuffers b = buffers(layer, keep);
    enter(layer_unit(layer));
    project_qkv(layer, b, residual);
    if (keep) save_input(layer);
    attend(layer, b);
    attention_output(layer, b);
    if (keep) claim_input(layer + 1);
    feed_forward(layer, b, layer_input(layer + 1, keep));
    leave(layer_unit(layer));
    residual = b.x2;
  }
  enter(last_unit());
  ops_.rmsnorm(hidden(), at(layout_.final_rstd), layer_input(shape_.layers, keep), residual, floats(weight(parameters_.norm)), shape_.eps);
  if (head_unit() != last_unit()) leave(last_unit());
}

void Llama::stand_by() { divided_->follow(unit_visits(shape_.layers, segment(), head_unit() == embedding_unit)); }

// x += residual;  q, k, v = split(norm(x) Wqkv^T), q and k normalised and rotated.
void Llama::project_qkv(int64_t layer, const LayerBuffers &b, ctx_mat residual) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  ops_.rmsnorm(hidden(), b.rstd1, b.x, residual, floats(weight(p.input_norm)), shape_.eps);
  linear(b.qkv, hidden(), p.qkv);
  normalize_and_rotate(layer, b);
}

// Queries and keys as attention reads them, heads side by side. With qk_norm the saved ones are those before it, which its backward pass
// needs, and the others are made anew in one buffer for all layers.
ctx_mat Llama::queries_keys(const LayerBuffers &b) const {
  const int64_t width = shape_.qk_heads() * shape_.head_dim;
  return shape_.qk_norm ? activation(layout_.qk, n_, width) : cols(b.qkv, 0, width);
}

// q = rope(norm(q)), k = rope(norm(k)), each head by itself; without qk_norm in place and without the norm.
void Llama::normalize_and_rotate(int64_t layer, const LayerBuffers &b) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  const int64_t heads = shape_.qk_heads(), d = shape_.head_dim;
  const ctx_mat qk = queries_keys(b);
  for (int64_t head = 0; shape_.qk_norm && head < heads; head++) {
    const float *w = floats(weight(head < shape_.heads ? p.q_norm : p.k_norm));
    ops_.rmsnorm(cols(qk, head * d, d), at(layout_.qk_rstd) + head * n_, cols(b.qkv, head * d, d), no_matrix, w, shape_.eps);
  }
  ops_.rope(qk, heads, d, at(layout_.cos), at(layout_.sin), false);
}

// First token that each query of the layer may see.
const int32_t *Llama::visible_from(int64_t layer) const {
  return reinterpret_cast<const int32_t *>(at(shape_.windowed(layer) ? layout_.window_starts : layout_.starts));
}

// Attention of the `group`-th of so many equal groups of key-value heads and the query heads that read them.
RingAttention Llama::attention(int64_t layer, const LayerBuffers &b, int64_t group, int64_t groups) const {
  const int64_t q = shape_.q_width(), kv = shape_.kv_width(), own_q = q / groups, own_kv = kv / groups;
  const ctx_mat qk = queries_keys(b);
  RingAttention a{};
  a.tokens = sequence_;
  a.heads = (int32_t)(shape_.heads / groups);
  a.kv_heads = (int32_t)(shape_.kv_heads / groups);
  a.q = cols(qk, group * own_q, own_q);
  a.k = cols(qk, q + group * own_kv, own_kv);
  a.v = cols(b.qkv, q + kv + group * own_kv, own_kv);
  a.o = cols(b.o, group * own_q, own_q);
  a.lse = b.lse + group * a.heads * n_;
  a.head_dim = (int32_t)shape_.head_dim;
  a.scale = 1.0f / std::sqrt((float)shape_.head_dim);
  a.start = visible_from(layer);
  std::copy_n(shape_.windowed(layer) ? first_in_window_ : first_visible_, 2, a.first_visible);
  a.causal = 1;
  return a;
}

// In groups for what a ring keeps beside its result; one rank keeps nothing.
void Llama::attend(int64_t layer, const LayerBuffers &b) const {
  const int64_t groups = ring_.world > 1 ? layout_.head_groups : 1;
  for (int64_t group = 0; group < groups; group++) {
    const ctx_status status = ring_attention_forward(*ops_.table, ops_.device, ring_, attention(layer, b, group, groups), at(layout_.ring));
    if (status != CTX_OK) throw Failure(status, "attention_forward: " + ring_.error);
  }
}

// x2 = x + o Wo^T;  h = norm(x2).
void Llama::attention_output(int64_t layer, const LayerBuffers &b) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  linear(b.x2, b.o, p.o);
  ops_.rmsnorm(hidden(), b.rstd2, b.x2, b.x, floats(weight(p.post_norm)), shape_.eps);
}

// out = (silu(gate) * up) Wdown^T with gate, up = split(h Wgate_up^T), a tile of rows at a time. Whoever reads `out` adds x2.
void Llama::feed_forward(int64_t layer, const LayerBuffers &b, ctx_mat out) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  for (int64_t from = 0; from < n_; from += layout_.mlp_rows) {
    const int64_t count = std::min(layout_.mlp_rows, n_ - from);
    const ctx_mat gate_up = b.gate_up.data ? rows(b.gate_up, from, count) : activation(layout_.gate_up, count, 2 * shape_.ffn);
    const ctx_mat act = activation(layout_.act, count, shape_.ffn);
    linear(gate_up, rows(hidden(), from, count), p.gate_up);
    ops_.swiglu(act, cols(gate_up, 0, shape_.ffn), cols(gate_up, shape_.ffn, shape_.ffn));
    linear(rows(out, from, count), act, p.down);
  }
}

// As `forward`, with keys and values of earlier calls: rows [0, past) of the cache.
void Llama::forward_cached(const int32_t *ids, int64_t count, int64_t past) {
  LocalTokens tokens;
  tokens.sequence = count;
  tokens.ids.assign(ids, ids + count);
  tokens.positions.resize((size_t)count);
  std::iota(tokens.positions.begin(), tokens.positions.end(), (int32_t)past);
  tokens.starts.assign((size_t)count, 0);
  for (int64_t i = 0; shape_.window > 0 && i < count; i++) tokens.window_starts.push_back((int32_t)std::max<int64_t>(0, past + i - shape_.window + 1));
  stage(tokens);
  ops_.embed_forward(layer_input(0, false), weight(parameters_.embed), reinterpret_cast<const int32_t *>(at(layout_.ids)));
  ctx_mat residual = no_matrix;
  for (int64_t layer = 0; layer < shape_.layers; layer++) {
    const LayerBuffers b = buffers(layer, false);
    project_qkv(layer, b, residual);
    attend_cached(layer, b, past);
    attention_output(layer, b);
    feed_forward(layer, b, b.x);
    residual = b.x2;
  }
  ops_.rmsnorm(hidden(), at(layout_.final_rstd), layer_input(0, false), residual, floats(weight(parameters_.norm)), shape_.eps);
}

void Llama::attend_cached(int64_t layer, const LayerBuffers &b, int64_t past) const {
  const int64_t q = shape_.q_width(), kv = shape_.kv_width();
  const ctx_mat cache = matrix(kv_cache_, 2 * shape_.layers * kv_capacity_, kv, layout_.dtype);
  const ctx_mat keys = rows(cache, 2 * layer * kv_capacity_, kv_capacity_), values = rows(cache, (2 * layer + 1) * kv_capacity_, kv_capacity_);
  const ctx_mat qk = queries_keys(b);
  ops_.copy(rows(keys, past, n_), cols(qk, q, kv));
  ops_.copy(rows(values, past, n_), cols(b.qkv, q + kv, kv));
  ctx_attention a{};
  a.q = cols(qk, 0, q);
  a.k = rows(keys, 0, past + n_);
  a.v = rows(values, 0, past + n_);
  a.o = b.o;
  a.lse = b.lse;
  a.heads = (int32_t)shape_.heads;
  a.kv_heads = (int32_t)shape_.kv_heads;
  a.head_dim = (int32_t)shape_.head_dim;
  a.scale = 1.0f / std::sqrt((float)shape_.head_dim);
  a.q_index = past;
  a.start = visible_from(layer);
  a.causal = 1;
  ops_.attention_forward(a);
}

} // namespace ctx
