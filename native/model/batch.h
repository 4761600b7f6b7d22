// batch.h: what a caller hands in, checked, and cut into the ranks' rows.
// defines: Batch, Score, check_batch, local_tokens, local_targets, merge_score, local_rows
#pragma once
#include <functional>

#include "llama.h"

namespace ctx {

// One flat sequence of N tokens; rows of a batch and packed documents are told apart by `starts`.
struct Batch {
  std::vector<int32_t> ids, positions, starts; // [N]
  std::vector<int32_t> targets;                // [N] token to predict after ids[t], negative: none; may be empty
  std::vector<float> weights;                  // [N] of each target in the loss; may be empty

  int64_t tokens() const { return (int64_t)ids.size(); }
};

struct Score {
  std::vector<float> nll;       // [N] nats, 0 without a target
  std::vector<uint8_t> correct; // [N] 1 where the target is the most likely token
};

// Throws a Failure that names the operation, the field, the index and what was expected.
void check_batch(const char *operation, const Batch &batch, const ModelShape &shape, int64_t max_tokens, bool needs_targets, bool needs_weights);

// Runs over the rank's zigzag chunks: visit(local row, global index, rows).
void local_rows(int64_t tokens, int ring, int rank, const std::function<void(int64_t, int64_t, int64_t)> &visit);

// window: of the windowed layers; 0: none
LocalTokens local_tokens(const Batch &batch, int64_t window, int ring, int rank);
LocalTargets local_targets(const Batch &batch, int ring, int rank, bool with_weights);
void merge_score(Score &score, const LocalTargets &local, int64_t tokens, int ring, int rank);

} // namespace ctx
