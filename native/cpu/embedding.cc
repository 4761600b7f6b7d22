// embedding.cc: y[i] = table[ids[i]], and its gradient d_table[ids[i]] += dy[i].
//
// table and d_table [vocab, hidden], y and dy [tokens, hidden], each fp32 or bf16, ids [tokens]. No FLOPs to speak of; bytes moved in
// fp32: 8 per element forward, 12 backward.
//
// The backward pass sums a token's rows in the order of the sequence whatever the thread count: a work item owns the vocabulary
// rows with id % buckets == item and walks through all ids.
#include "elements.h"
#include "operations.h"

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
  CTX_TRY(check_activation(device, "embed_forward: y", y));
  CTX_TRY(check_activation(device, "embed_forward: table", table, table.rows, y.cols));
  CTX_TRY(check_ids(device, "embed_forward", ids, y.rows, table.rows));
  with_types([&]<class Y, class T>(Y, T) {
    parallel_rows(device, y.rows, y.cols, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; i++) {
        Y *const to = at<Y>(y, i);
        const T *const from = at<T>(table, ids[i]);
        vectors(y.cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) { put(to + j, get(from + j, left), left); });
      }
    });
  }, y, table);
  return finish(device, "embed_forward");
}

ctx_status embed_backward(ctx_device *device, ctx_mat d_table, ctx_mat dy, const int32_t *ids) {
  CTX_TRY(check_activation(device, "embed_backward: dy", dy));
  CTX_TRY(check_activation(device, "embed_backward: d_table", d_table, d_table.rows, dy.cols));
  CTX_TRY(check_ids(device, "embed_backward", ids, dy.rows, d_table.rows));
  const int threads = device->pool.threads();
  const int32_t buckets = threads == 1 ? 1 : threads < 8 ? 8 * threads : 64;
  with_types([&]<class D, class T>(D, T) {
    device->pool.parallel_for(buckets, [&](int64_t bucket, int) {
      if (device->cancelled()) return;
      for (int64_t i = 0; i < dy.rows; i++) {
        if (ids[i] % buckets != bucket) continue;
        T *const to = at<T>(d_table, ids[i]);
        const D *const from = at<D>(dy, i);
        vectors(dy.cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) { put(to + j, get(to + j, left) + get(from + j, left), left); });
      }
    });
  }, dy, d_table);
  return finish(device, "embed_backward");
}

} // namespace ctx_cpu
