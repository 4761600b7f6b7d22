// loss.cc: cross-entropy without the whole matrix of logits: rows that have a target are gathered a chunk at a time, their
// logits are formed, turned into gradients in place, and used at once. Bytes: loss_chunk * vocab * 4 whatever the sequence.
//
//   logits = h W^T;  nll = lse(logits) - logits[target];  dlogits = weight (softmax(logits) - onehot)
//   dW += dlogits^T h;  dh = dlogits W
#include <algorithm>

#include "llama.h"

namespace ctx {

void Llama::loss(LocalTargets &t, bool with_gradient) {
  const int64_t wanted = (int64_t)t.rows.size();
  t.nll.resize((size_t)wanted);
  t.correct.resize((size_t)wanted);
  upload(layout_.picks, t.rows.data(), (size_t)wanted * 4);
  upload(layout_.targets, t.targets.data(), (size_t)wanted * 4);
  if (with_gradient) upload(layout_.target_weights, t.weights.data(), (size_t)wanted * 4);

  if (head_unit() != last_unit()) enter(head_unit());
  const ctx_mat w = weight(parameters_.head), h = hidden();
  int64_t done = 0; // rows of h before this one hold gradients
  for (int64_t from = 0; from < wanted; from += loss_chunk_) {
    const int64_t count = std::min(loss_chunk_, wanted - from);
    const int32_t *picks = reinterpret_cast<const int32_t *>(at(layout_.picks)) + from;
    const ctx_mat picked = activation(layout_.picked, count, shape_.hidden), logits = matrix(at(layout_.logits), count, shape_.vocab);
    ops_.embed_forward(picked, h, picks);
    ops_.matmul_nt(logits, picked, w);
    ops_.cross_entropy(logits, reinterpret_cast<const int32_t *>(at(layout_.targets)) + from, with_gradient ? at(layout_.target_weights) + from : nullptr,
                       at(layout_.nll), reinterpret_cast<uint8_t *>(at(layout_.correct)));
    ops_.download(t.nll.data() + from, at(layout_.nll), (size_t)count * 4);
    ops_.download(t.correct.data() + from, at(layout_.correct), (size_t)count);
    if (!with_gradient) continue;
    if (gradient(parameters_.head)) ops_.matmul_tn(gradient_matrix(parameters_.head), logits, picked, 1, 1);
    ops_.matmul(picked, logits, w);
    // Rows rise, so those up to this chunk's last are gathered already: rows without a target get gradient zero.
    const int64_t next = t.rows[(size_t)(from + count - 1)] + 1;
    ops_.zero(rows(h, done, next - done));
    ops_.embed_backward(h, picked, picks);
    done = next;
  }
  if (with_gradient && done < n_) ops_.zero(rows(h, done, n_ - done));
  if (head_unit() != last_unit()) leave(head_unit());
}

void Llama::logits(int64_t first, int64_t total, float *out) {
  for (int64_t from = 0; from < total; from += loss_chunk_) {
    const int64_t count = std::min(loss_chunk_, total - from);
    const ctx_mat logits = matrix(at(layout_.logits), count, shape_.vocab);
    ops_.matmul_nt(logits, rows(hidden(), first + from, count), weight(parameters_.head));
    ops_.download(out + from * shape_.vocab, floats(logits), (size_t)(count * shape_.vocab) * 4);
  }
}

} // namespace ctx
