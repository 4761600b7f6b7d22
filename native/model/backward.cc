// backward.cc: from the gradient of h to those of all trainable parameters, layer by layer from the last to the first.
// dx is the gradient of the residual stream; each branch adds its own part to it in the backward pass of the branch's norm.
#include "llama.h"

namespace ctx {

void Llama::backward() {
  const ctx_mat dx = local(layout_.dx, shape_.hidden);
  if (head_unit() != last_unit()) enter(last_unit());
  ops_.rmsnorm_backward(dx, false, gradient(parameters_.norm), hidden(), layer_input(shape_.layers, true), at(layout_.final_rstd),
                        floats(weight(parameters_.norm)));
  leave(last_unit());
  // The last segment's activations are still there; those of an earlier one are computed again when its last layer is reached.
  const int64_t last_segment = (shape_.layers - 1) / segment() * segment();
  for (int64_t layer = shape_.layers - 1; layer >= 0; layer--) {
    if (layer < last_segment && (layer + 1) % segment() == 0) {
      fetch_input(layer + 1 - segment());
      rebuild(layer + 1 - segment(), layer);
    }
    const LayerBuffers b = buffers(layer, true);
    if (waiting_) waiting_->claim(layer);
    enter(layer_unit(layer));
    feed_forward_backward(layer, b, dx);
    attention_backward(layer, b, dx);
    leave(layer_unit(layer));
    if (waiting_) waiting_->release(layer);
  }
  enter(embedding_unit);
  if (float *d_embed = gradient(parameters_.embed))
    ops_.embed_backward(matrix(d_embed, shape_.vocab, shape_.hidden), dx, reinterpret_cast<const int32_t *>(at(layout_.ids)));
  leave(embedding_unit);
}

// Forward again from the checkpoint at `first`. The last layer's output is not needed.
void Llama::rebuild(int64_t first, int64_t last) const {
  ctx_mat residual = no_matrix; // the checkpoint is complete
  for (int64_t layer = first; layer <= last; layer++) {
    const LayerBuffers b = buffers(layer, true);
    enter(layer_unit(layer));
    project_qkv(layer, b, residual);
    attend(layer, b);
    attention_output(layer, b);
    if (layer < last) feed_forward(layer, b, layer_input(layer + 1, true));
    leave(layer_unit(layer));
    residual = b.x2;
  }
}

// out = act Wdown^T, act = silu(gate) * up, gate_up = norm(x2) Wgate_up^T, a tile of rows at a time.
void Llama::feed_forward_backward(int64_t layer, const LayerBuffers &b, ctx_mat dx) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  const float *norm = floats(weight(p.post_norm));
  ops_.rmsnorm(hidden(), b.rstd2, b.x2, no_matrix, norm, shape_.eps);
  for (int64_t from = 0; from < n_; from += layout_.mlp_rows) {
    const int64_t count = std::min(layout_.mlp_rows, n_ - from);
    const ctx_mat h = rows(hidden(), from, count), d_out = rows(dx, from, count);
    const ctx_mat act = activation(layout_.act, count, shape_.ffn), d_act = activation(layout_.d_act, count, shape_.ffn);
    const ctx_mat gate_up = b.gate_up.data ? rows(b.gate_up, from, count) : activation(layout_.gate_up, count, 2 * shape_.ffn);
    if (!b.gate_up.data) linear(gate_up, h, p.gate_up);

    adapter_gradient(p.down, d_out);
    input_gradient(p.down, d_act, d_out);
    ops_.swiglu_backward(cols(gate_up, 0, shape_.ffn), cols(gate_up, shape_.ffn, shape_.ffn), act, d_act); // gate_up is its gradient now
    weight_gradient(p.down, act, d_out);

    adapter_gradient(p.gate_up, gate_up);
    weight_gradient(p.gate_up, h, gate_up);
    input_gradient(p.gate_up, h, gate_up); // h is its gradient now
  }
  ops_.rmsnorm_backward(dx, true, gradient(p.post_norm), hidden(), b.x2, b.rstd2, norm);
}

// From the gradient of a group's queries and keys that attention read to that of those which the projection made, in place.
void Llama::queries_keys_backward(int64_t layer, const LayerBuffers &b, int64_t group, ctx_mat dqk) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  const int64_t d = shape_.head_dim, count = dqk.cols / d, queries = shape_.heads / layout_.head_groups, keys = count - queries;
  ops_.rope(dqk, count, d, at(layout_.cos), at(layout_.sin), true);
  for (int64_t i = 0; shape_.qk_norm && i < count; i++) {
    const bool query = i < queries;
    const int64_t head = query ? group * queries + i : shape_.heads + group * keys + i - queries; // of all queries, then keys
    const int norm = query ? p.q_norm : p.k_norm;
    const ctx_mat dx = cols(dqk, i * d, d);
    ops_.rmsnorm_backward(dx, false, gradient(norm), dx, cols(b.qkv, head * d, d), at(layout_.qk_rstd) + head * n_, floats(weight(norm)));
  }
}

// x2 = x + o Wo^T, o = attention(rope(q), rope(k), v), qkv = norm(x) Wqkv^T. Gradients of q, k, v are formed for a group of heads at a time; one of
// several replaces the q, k, v that it is of, which no other group reads.
void Llama::attention_backward(int64_t layer, const LayerBuffers &b, ctx_mat dx) const {
  const LayerParameters &p = parameters_.layers[(size_t)layer];
  const int64_t groups = layout_.head_groups, q = shape_.q_width() / groups, kv = shape_.kv_width() / groups;
  const ctx_mat d_o = activation(layout_.h, n_, shape_.q_width()), d_group = local(layout_.dqkv, q + 2 * kv);

  adapter_gradient(p.o, dx);
  weight_gradient(p.o, b.o, dx);
  input_gradient(p.o, d_o, dx);

  if (shape_.qk_norm) normalize_and_rotate(layer, b); // its buffer holds those of another layer
  for (int64_t group = 0; group < groups; group++) {
    const ctx_mat dq = cols(d_group, 0, q), dk = cols(d_group, q, kv), dv = cols(d_group, q + kv, kv);
    ops_.zero(d_group);
    const RingAttentionGrad call{attention(layer, b, group, groups), cols(d_o, group * q, q), dq, dk, dv, any_order_};
    const ctx_status status = ring_attention_backward(*ops_.table, ops_.device, ring_, call, at(layout_.ring));
    if (status != CTX_OK) throw Failure(status, "attention_backward: " + ring_.error);
    queries_keys_backward(layer, b, group, cols(d_group, 0, q + kv));
    if (groups == 1) break;
    const int64_t keys = groups * q, values = keys + groups * kv;
    ops_.copy(cols(b.qkv, group * q, q), dq);
    ops_.copy(cols(b.qkv, keys + group * kv, kv), dk);
    ops_.copy(cols(b.qkv, values + group * kv, kv), dv);
  }
  const ctx_mat dqkv = groups == 1 ? d_group : b.qkv;

  const float *norm = floats(weight(p.input_norm));
  ops_.rmsnorm(hidden(), b.rstd1, b.x, no_matrix, norm, shape_.eps);
  adapter_gradient(p.qkv, dqkv);
  weight_gradient(p.qkv, hidden(), dqkv);
  input_gradient(p.qkv, hidden(), dqkv);
  ops_.rmsnorm_backward(dx, true, gradient(p.input_norm), hidden(), b.x, b.rstd1, norm);
}

} // namespace ctx
