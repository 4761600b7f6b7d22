// embedding.cu: y[i] = table[ids[i]], and its gradient d_table[ids[i]] += dy[i].
//
// table and d_table [vocab, hidden], y and dy [tokens, hidden], each fp32 or bf16, ids [tokens]. Bound by memory.
//
// The backward pass sums a token's rows in the order of the sequence, so that every run gives the same bits: a block owns the vocabulary
// rows with id % BUCKETS == its number and a strip of columns, and walks through all ids, a warp's worth at a time.
#include "checks.cuh"
#include "elements.cuh"
#include "operations.h"
#include "reduce.cuh"

namespace ctx_cuda {
namespace {

constexpr int BUCKETS = 256;
constexpr int THREADS = 128; // of a block: each a column, or WIDE neighbouring ones

template <class Y, class T> struct Lookup {
  Rows<Y> y;
  Rows<T> table;
  const int32_t *ids;
  template <int N> __device__ void at(int64_t i, int64_t j) const { put<N>(y.at(i, j), get<N>(table.at(ids[i], j))); }
};

template <int N, class T, class D> __global__ void __launch_bounds__(THREADS) backward_kernel(Rows<T> table, Rows<D> dy, const int32_t *ids, int64_t tokens, int64_t cols) {
  const int bucket = int(blockIdx.x), lane = int(threadIdx.x) % WARP;
  const int64_t j = (int64_t(blockIdx.y) * THREADS + threadIdx.x) * N;
  for (int64_t first = 0; first < tokens; first += WARP) {
    const bool there = first + lane < tokens;
    const int32_t id = there ? ids[first + lane] : 0;
    unsigned mine = __ballot_sync(ALL_LANES, there && id % BUCKETS == bucket); // the same in every warp of the block
    for (int i = 0; mine; i++, mine >>= 1) {
      if (!(mine & 1)) continue;
      const int32_t row = __shfl_sync(ALL_LANES, id, i);
      if (j >= cols) continue;
      const Floats<N> sum = get<N>(table.at(row, j)), d = get<N>(dy.at(first + i, j));
      put<N>(table.at(row, j), each<N>([&](int k) { return sum[k] + d[k]; }));
    }
  }
}

ctx_status check_ids(ctx_device *device, const char *operation, const int32_t *ids, int64_t tokens, int64_t vocab) {
  int32_t index, id;
  CTX_TRY(first_wrong(device, ids, tokens, 0, vocab, &index, &id));
  if (index < 0) return CTX_OK;
  return fail(device, CTX_ERR_ARGUMENT, "%s: ids[%d] is %d, the table has %lld rows", operation, index, id, (long long)vocab);
}

} // namespace

ctx_status embed_forward(ctx_device *device, ctx_mat y, ctx_mat table, const int32_t *ids) {
  CTX_TRY(check_activation(device, "embed_forward: y", y));
  CTX_TRY(check_activation(device, "embed_forward: table", table, table.rows, y.cols));
  CTX_TRY(check_ids(device, "embed_forward", ids, y.rows, table.rows));
  with_types([&](auto ty, auto tt) {
    for_each(device, y.rows, y.cols, wide(y) && wide(table), Lookup<decltype(ty), decltype(tt)>{y, table, ids});
  }, y, table);
  return finish(device, "embed_forward");
}

ctx_status embed_backward(ctx_device *device, ctx_mat d_table, ctx_mat dy, const int32_t *ids) {
  CTX_TRY(check_activation(device, "embed_backward: dy", dy));
  CTX_TRY(check_activation(device, "embed_backward: d_table", d_table, d_table.rows, dy.cols));
  CTX_TRY(check_ids(device, "embed_backward", ids, dy.rows, d_table.rows));
  if (dy.rows * dy.cols == 0) return CTX_OK;
  with_types([&](auto tt, auto td) {
    using T = decltype(tt);
    using D = decltype(td);
    const bool is_wide = wide(d_table) && wide(dy);
    const dim3 blocks(BUCKETS, unsigned(ceil_div(dy.cols, THREADS * (is_wide ? WIDE : 1))));
    launch(device, is_wide ? backward_kernel<WIDE, T, D> : backward_kernel<1, T, D>, blocks, dim3(THREADS), 0, Rows<T>(d_table), Rows<D>(dy), ids, dy.rows, dy.cols);
  }, d_table, dy);
  return finish(device, "embed_backward");
}

} // namespace ctx_cuda
