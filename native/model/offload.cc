// offload.cc: layer inputs that wait outside the arena. The arena has two places for the inputs of segments, used in turns:
//
//   forward   segment k's input is complete after its first norm; it goes to the store while k is computed, and must be there
//             before segment k + 2 is written over it. The last two segments' stay where they are.
//   backward  when segment k is computed again, the place of k + 1 is free: k - 1 is fetched into it meanwhile.
//
// Bytes moved in a step: 2 (segments - 2) n hidden, each rank.
#include "llama.h"

namespace ctx {

namespace {
size_t bytes(ctx_mat x) { return (size_t)(x.rows * x.cols * size_of(x.dtype)); }
} // namespace

// `layer`'s input is about to be written: what was in its place is safe.
void Llama::claim_input(int64_t layer) {
  if (!store_ || layer == shape_.layers || layer % segment() != 0) return;
  const int64_t k = layer / segment();
  if (k >= 2) store_->wait(tickets_[(size_t)k - 2]);
}

// `layer`'s input is complete.
void Llama::save_input(int64_t layer) {
  if (!store_ || layer % segment() != 0) return;
  const int64_t k = layer / segment();
  if (k >= layout_.offload_slots) return;
  const ctx_mat x = layer_input(layer, true);
  tickets_[(size_t)k] = store_->put(k, x.data, bytes(x));
}

// The input of the segment that begins at `layer` is there when this returns, and that of the one before is on its way.
void Llama::fetch_input(int64_t layer) {
  if (!store_) return;
  const int64_t k = layer / segment();
  if (k < layout_.offload_slots) store_->wait(tickets_[(size_t)k]);
  if (k == 0 || k - 1 >= layout_.offload_slots) return;
  const ctx_mat x = layer_input(layer - segment(), true);
  tickets_[(size_t)k - 1] = store_->get(k - 1, x.data, bytes(x));
}

} // namespace ctx
