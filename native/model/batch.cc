#include "batch.h"

#include <algorithm>

namespace ctx {

void check_batch(const char *operation, const Batch &b, const ModelShape &shape, int64_t max_tokens, bool needs_targets, bool needs_weights) {
  const int64_t n = b.tokens();
  if (n < 1) fail(CTX_ERR_ARGUMENT, "%s: the batch has no tokens", operation);
  if (n > max_tokens)
    fail(CTX_ERR_ARGUMENT, "%s: %lld tokens, but the engine was made for at most %lld (maxTokens)", operation, (long long)n, (long long)max_tokens);
  const auto check_length = [&](const char *field, size_t length, bool needed) {
    if (needed ? length != (size_t)n : length != 0 && length != (size_t)n)
      fail(CTX_ERR_ARGUMENT, "%s: %s has %zu entries for %lld ids", operation, field, length, (long long)n);
  };
  check_length("positions", b.positions.size(), true);
  check_length("starts", b.starts.size(), true);
  check_length("targets", b.targets.size(), needs_targets);
  check_length("weights", b.weights.size(), needs_weights);
  for (int64_t i = 0; i < n; i++) {
    const size_t t = (size_t)i;
    if (b.ids[t] < 0 || b.ids[t] >= shape.vocab)
      fail(CTX_ERR_ARGUMENT, "%s: ids[%lld] is %d, the vocabulary has %lld tokens", operation, (long long)i, b.ids[t], (long long)shape.vocab);
    if (b.positions[t] < 0) fail(CTX_ERR_ARGUMENT, "%s: positions[%lld] is %d, expected 0 or more", operation, (long long)i, b.positions[t]);
    if (b.starts[t] < 0 || b.starts[t] > i || (i > 0 && b.starts[t] < b.starts[t - 1]))
      fail(CTX_ERR_ARGUMENT, "%s: starts[%lld] is %d; starts must not decrease and must lie in 0 … its own index", operation, (long long)i, b.starts[t]);
    if (!b.targets.empty() && b.targets[t] >= shape.vocab)
      fail(CTX_ERR_ARGUMENT, "%s: targets[%lld] is %d, the vocabulary has %lld tokens (-100: no target)", operation, (long long)i, b.targets[t],
           (long long)shape.vocab);
  }
}

void local_rows(int64_t tokens, int ring, int rank, const std::function<void(int64_t, int64_t, int64_t)> &visit) {
  if (ring == 1) return visit(0, 0, tokens);
  int64_t row = 0;
  for (int half = 0; half < 2; half++) {
    const ZigzagChunk chunk = zigzag_half(tokens, ring, rank, half);
    visit(row, chunk.begin, chunk.length);
    row += chunk.length;
  }
}

LocalTokens local_tokens(const Batch &batch, int64_t window, int ring, int rank) {
  LocalTokens local;
  local.sequence = batch.tokens();
  local_rows(batch.tokens(), ring, rank, [&](int64_t, int64_t begin, int64_t count) {
    const auto append = [&](std::vector<int32_t> &to, const std::vector<int32_t> &from) {
      to.insert(to.end(), from.begin() + begin, from.begin() + begin + count);
    };
    append(local.ids, batch.ids);
    append(local.positions, batch.positions);
    append(local.starts, batch.starts);
    for (int64_t i = begin; window > 0 && i < begin + count; i++)
      local.window_starts.push_back((int32_t)std::max<int64_t>(batch.starts[(size_t)i], i - window + 1));
  });
  return local;
}

LocalTargets local_targets(const Batch &batch, int ring, int rank, bool with_weights) {
  LocalTargets local;
  local_rows(batch.tokens(), ring, rank, [&](int64_t row, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
      const size_t t = (size_t)(begin + i);
      if (batch.targets[t] < 0) continue;
      local.rows.push_back((int32_t)(row + i));
      local.targets.push_back(batch.targets[t]);
      if (with_weights) local.weights.push_back(batch.weights[t]);
    }
  });
  return local;
}

void merge_score(Score &score, const LocalTargets &local, int64_t tokens, int ring, int rank) {
  size_t next = 0;
  local_rows(tokens, ring, rank, [&](int64_t row, int64_t begin, int64_t count) {
    for (; next < local.rows.size() && local.rows[next] < row + count; next++) {
      const size_t t = (size_t)(begin + local.rows[next] - row);
      score.nll[t] = local.nll[next];
      score.correct[t] = local.correct[next];
    }
  });
}

} // namespace ctx
