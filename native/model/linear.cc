// linear.cc: y = x W^T + b with its LoRA adapters, and the gradients. Few models have the bias b. A Linear may be several weights side
// by side (q, k, v): one product serves them all; adapters and frozen weights are then taken part by part.
//
//   forward     y  = x W^T + b + s (x A^T) B^T        s = alpha / rank, per part
//   backward    dZ = s dy B          (adapter_gradient)
//               dB += s dy^T (x A^T), dA += dZ^T x, dW += dy^T x, db += sum of the rows of dy   (weight_gradient)
//               dx = dy W + dZ A     (input_gradient)
#include "llama.h"

namespace ctx {

// The A matrices of all adapted parts, one under the other: [rank, in].
ctx_mat Llama::adapters_a(const Linear &l, bool of_gradients) const {
  for (const LinearPart &part : l.parts)
    if (part.lora_a >= 0) return matrix(of_gradients ? gradient(part.lora_a) : floats(weight(part.lora_a)), l.rank, l.in);
  return no_matrix;
}

// All weights: [out, in].
ctx_mat Llama::weights(const Linear &l) const {
  ctx_mat w = weight(l.parts[0].weight);
  w.rows = l.out;
  return w;
}

void Llama::linear(ctx_mat y, ctx_mat x, const Linear &l) const {
  ops_.matmul_nt(y, x, weights(l));
  if (l.has_bias()) ops_.add_row(y, floats(weight(l.parts[0].bias)));
  if (l.rank == 0) return;
  const ctx_mat xa = matrix(at(layout_.xa), x.rows, l.rank);
  ops_.matmul_nt(xa, x, adapters_a(l, false));
  for (const LinearPart &part : l.parts) {
    if (part.lora_b < 0) continue;
    const ctx_mat b = weight(part.lora_b);
    ops_.matmul_nt(cols(y, part.out_begin, part.out), cols(xa, part.rank_begin, b.cols), b, lora_scaling_, 1);
  }
}

void Llama::adapter_gradient(const Linear &l, ctx_mat dy) const {
  const ctx_mat dxa = matrix(at(layout_.dxa), dy.rows, l.rank);
  for (const LinearPart &part : l.parts) {
    if (part.lora_b < 0) continue;
    const ctx_mat b = weight(part.lora_b);
    ops_.matmul(cols(dxa, part.rank_begin, b.cols), cols(dy, part.out_begin, part.out), b, lora_scaling_);
  }
}

void Llama::weight_gradient(const Linear &l, ctx_mat x, ctx_mat dy) const {
  bool all = true;
  for (const LinearPart &part : l.parts) all = all && gradient(part.weight);
  if (all) {
    ops_.matmul_tn(matrix(gradient(l.parts[0].weight), l.out, l.in), dy, x, 1, 1);
  } else {
    for (const LinearPart &part : l.parts)
      if (gradient(part.weight)) ops_.matmul_tn(gradient_matrix(part.weight), cols(dy, part.out_begin, part.out), x, 1, 1);
  }
  for (const LinearPart &part : l.parts)
    if (part.bias >= 0 && gradient(part.bias)) ops_.sum_rows(gradient(part.bias), cols(dy, part.out_begin, part.out));
  if (l.rank == 0) return;
  const ctx_mat xa = matrix(at(layout_.xa), x.rows, l.rank), dxa = matrix(at(layout_.dxa), x.rows, l.rank);
  ops_.matmul_nt(xa, x, adapters_a(l, false));
  for (const LinearPart &part : l.parts) {
    if (part.lora_b < 0) continue;
    const ctx_mat db = gradient_matrix(part.lora_b);
    ops_.matmul_tn(db, cols(dy, part.out_begin, part.out), cols(xa, part.rank_begin, db.cols), lora_scaling_, 1);
  }
  ops_.matmul_tn(adapters_a(l, true), dxa, x, 1, 1);
}

void Llama::input_gradient(const Linear &l, ctx_mat dx, ctx_mat dy) const {
  ops_.matmul(dx, dy, weights(l));
  if (l.rank == 0) return;
  ops_.matmul(dx, matrix(at(layout_.dxa), dy.rows, l.rank), adapters_a(l, false), 1, 1);
}

} // namespace ctx
