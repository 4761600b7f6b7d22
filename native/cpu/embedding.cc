// embedding.cc: y[i] = table[ids[i]], and its gradient d_table[ids[i]] += dy[i].
//
// table [vocab, hidden], y and dy [tokens, hidden], ids [tokens]. No FLOPs to speak of; bytes moved:
// 8 per element forward, 12 backward.
//
// The backward pass sums a token's rows in the order of the sequence whatever the thread count: a work item owns the vocabulary
// rows with id % buckets == item and walks through all ids.
#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

ctx_status check_ids(ctx_device *device, const char *operation, const int32_t *ids, int64_t tokens, int64_t vocab) {
  for (int64_t i = 0; i < tokens; i++)
    if (ids[i] < 0 || ids[i] >= vocab)
      return fail(device, CTX_ERR_ARGUMENT, "%s: ids[%lld] is %d, the table has %lld rows", operation, (long long)i, ids[i], (long long)vocab);
  return CTX_OK;
}

} // namespace

ctx_status embed_forward(ctx_device *device, ctx_mat y, ctx_mat table, const int32_t *ids) {
  CTX_TRY(check_f32(device, "embed_forward: y", y));
  CTX_TRY(check_f32(device, "embed_forward: table", table, table.rows, y.cols));
  CTX_TRY(check_ids(device, "embed_forward", ids, y.rows, table.rows));
  parallel_rows(device, y.rows, y.cols, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; i++) __builtin_memcpy(row(y, i), row(table, ids[i]), y.cols * sizeof(float));
  });
  return finish(device, "embed_forward");
}

ctx_status embed_backward(ctx_device *device, ctx_mat d_table, ctx_mat dy, const int32_t *ids) {
  CTX_TRY(check_f32(device, "embed_backward: dy", dy));
  CTX_TRY(check_f32(device, "embed_backward: d_table", d_table, d_table.rows, dy.cols));
  CTX_TRY(check_ids(device, "embed_backward", ids, dy.rows, d_table.rows));
  const int threads = device->pool.threads();
  const int32_t buckets = threads == 1 ? 1 : threads < 8 ? 8 * threads : 64;
  device->pool.parallel_for(buckets, [&](int64_t bucket, int) {
    if (device->cancelled()) return;
    for (int64_t i = 0; i < dy.rows; i++) {
      if (ids[i] % buckets != bucket) continue;
      float *to = row(d_table, ids[i]);
      const float *from = row(dy, i);
      int64_t j = 0;
      for (; j + W <= dy.cols; j += W) store(to + j, load(to + j) + load(from + j));
      for (; j < dy.cols; j++) to[j] += from[j];
    }
  });
  return finish(device, "embed_backward");
}

} // namespace ctx_cpu
