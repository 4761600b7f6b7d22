// attention_sm80.cu: attention on the tensor cores of any GPU from Ampere on (mma.sync), for bf16 q, k and v and head_dim 64 or 128.
//
//   S = scale Q K^T, P = softmax over the visible keys, O = P V, lse = log sum exp S                   (FlashAttention-2, arXiv 2307.08691)
//   P = exp(S - lse), dP = dO V^T, dS = scale P (dP - delta);   dQ += dS K,  dK += dS^T Q,  dV += P^T dO
//
// Four warps a block. A warp owns 16 rows of its block's queries or, for dK and dV, keys; it multiplies them with tiles of the others, which
// all warps share and which arrive by cp.async while the tiles before are multiplied. S and P stay in registers: the sums of one product lie
// there as the next takes its left operand. P, dS and dO are rounded to bf16, sums are fp32.
//
// As in attention_plain.cu no two blocks write the same numbers: dQ is a kernel over query tiles, dK and dV another over key tiles. Two products
// more than one kernel with atomic sums would need, and the same bits at every run.
#include <cmath>

#include "attention_sm80.h"
#include "reduce.cuh"
#include "tile_sm80.cuh"

namespace ctx_cuda {
namespace {

using namespace sm80;

constexpr float LOG2E = 1.44269504088896341f;

struct Call {
  Rows<Bf16> q, k, v;
  float *lse;
  const int32_t *start;
  int64_t q_rows, k_rows, q_index, k_index;
  int32_t group; // query heads of a key-value head
  float scale;
  bool causal;

  explicit Call(const ctx_attention &a)
      : q(a.q), k(a.k), v(a.v), lse(a.lse), start(a.start), q_rows(a.q.rows), k_rows(a.k.rows), q_index(a.q_index), k_index(a.k_index), group(a.heads / a.kv_heads), scale(a.scale),
        causal(a.causal != 0) {}

  // The first and the last key row that query row i sees; rows beyond the last query see what that one does, and are not stored.
  __device__ int low(int64_t i) const {
    const int64_t j = start ? int64_t(start[i < q_rows ? i : q_rows - 1]) - k_index : 0;
    return int(j > 0 ? j : 0);
  }
  __device__ int high(int64_t i) const {
    const int64_t j = causal ? q_index + (i < q_rows ? i : q_rows - 1) - k_index : k_rows - 1;
    return int(j < k_rows - 1 ? (j > -1 ? j : -1) : k_rows - 1);
  }
};

// Over the four lanes of a row.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

constexpr int FORWARD_ROWS = WARPS * 16, FORWARD_KEYS = 64; // queries of a block, keys of a tile
template <int D> constexpr size_t FORWARD_SHARED = size_t(FORWARD_ROWS + 2 * FORWARD_KEYS) * D * sizeof(Bf16);

// Block (query tile, last first: it sees the most keys; head).
template <int D, class O> __global__ void __launch_bounds__(THREADS) forward_kernel(Call a, Rows<O> out, bool merge) {
  constexpr int KEYS = FORWARD_KEYS;
  begin_block();
  const Tile<D> q = {shared_memory<Bf16>()}, k = {q.data + FORWARD_ROWS * D}, v = {k.data + KEYS * D};
  const int lane = int(threadIdx.x) % WARP, warp_row = int(threadIdx.x) / WARP * 16;
  const int64_t i0 = int64_t(gridDim.x - 1 - blockIdx.x) * FORWARD_ROWS, head = blockIdx.y, column = head * D, kv_column = head / a.group * D;
  const int first = a.low(i0) / KEYS * KEYS, end = a.high(i0 + FORWARD_ROWS - 1) + 1;
  const float c = a.scale * LOG2E;
  q.template bring<FORWARD_ROWS>(a.q, i0, a.q_rows, column);
  k.template bring<KEYS>(a.k, first, a.k_rows, kv_column);
  cp_async_commit();
  v.template bring<KEYS>(a.v, first, a.k_rows, kv_column);
  cp_async_commit();
  Sum<D> o;
  o.clear();
  float max[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}; // of rows lane / 4 and lane / 4 + 8; sum: this lane's share
  const int all_from = a.low(i0 + FORWARD_ROWS - 1), all_to = a.high(i0); // keys that every row of the block sees
  for (int j0 = first; j0 < end; j0 += KEYS) {
    cp_async_wait<1>(); // k
    __syncthreads();
    Sum<KEYS> s;
    multiply<D>(s, q, warp_row, k);
    __syncthreads();
    if (j0 + KEYS < end) k.template bring<KEYS>(a.k, j0 + KEYS, a.k_rows, kv_column);
    cp_async_commit();
    if (j0 < all_from || j0 + KEYS - 1 > all_to) { // most tiles need no mask, so what a row sees holds no register in the loop
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const int64_t i = i0 + warp_row + 8 * h + lane / 4;
        const int low = a.low(i), high = a.high(i);
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++) {
            const int j = j0 + 8 * n + 2 * (lane % 4) + e % 2;
            if (j < low || j > high) s.at[n][e] = -INFINITY;
          }
      }
    }
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float highest = max[h];
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 2 * h; e < 2 * h + 2; e++) highest = fmaxf(highest, s.at[n][e]); // passes over a NaN, but the sum below does not
      highest = row_max(highest);
      const float base = highest == -INFINITY ? 0.0f : highest * c, factor = exp2_of(max[h] * c - base);
      max[h] = highest;
      sum[h] *= factor;
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 2 * h; e < 2 * h + 2; e++) {
          const float p = exp2_of(fmaf(s.at[n][e], c, -base));
          s.at[n][e] = p;
          sum[h] += p;
        }
#pragma unroll
      for (int n = 0; n < D / 8; n++) o.at[n][2 * h] *= factor, o.at[n][2 * h + 1] *= factor;
    }
    cp_async_wait<1>(); // v
    __syncthreads();
    accumulate<D>(o, s, v);
    __syncthreads();
    if (j0 + KEYS < end) v.template bring<KEYS>(a.v, j0 + KEYS, a.k_rows, kv_column);
    cp_async_commit();
  }
  cp_async_wait<0>();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int64_t i = i0 + warp_row + 8 * h + lane / 4;
    const bool there = i < a.q_rows;
    const float total = row_sum(sum[h]);
    float lse = total == 0 ? -INFINITY : max[h] * a.scale + logf(total), own = total == 0 ? 0.0f : 1.0f / total, before = 0;
    float *const lse_at = a.lse + head * a.q_rows + i;
    if (merge && there) { // softmax over the earlier blocks' keys and these
      const float old = *lse_at, top = fmaxf(old, lse);
      if (old == -INFINITY && lse == -INFINITY) own = 0;
      else {
        const float all = top + logf(expf(old - top) + expf(lse - top));
        before = expf(old - all);
        own *= expf(lse - all);
        lse = all;
      }
    }
    __syncwarp(); // the row's lanes have read its lse
    if (!there) continue;
    if (lane % 4 == 0) *lse_at = lse;
    O *const to = out.at(i, column + 2 * (lane % 4));
#pragma unroll
    for (int n = 0; n < D / 8; n++) o.at[n][2 * h] *= own, o.at[n][2 * h + 1] *= own;
    if (before != 0) { // all of the row's reads before its first write, so that they wait for memory together
#pragma unroll
      for (int n = 0; n < D / 8; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) o.at[n][2 * h + e] = fmaf(before, to_float(to[8 * n + e]), o.at[n][2 * h + e]);
    }
#pragma unroll
    for (int n = 0; n < D / 8; n++) store(to[8 * n], o.at[n][2 * h]), store(to[8 * n + 1], o.at[n][2 * h + 1]);
  }
}

// to[row] += factor * half h of sum. The row is read as a whole before it is written: the reads then wait for memory together, and not each for
// the one before, since for all that the compiler knows they may be of what was just written.
template <int D> __device__ __forceinline__ void add_to(float *to, Sum<D> &sum, int h, float factor) {
#pragma unroll
  for (int n = 0; n < D / 8; n++)
#pragma unroll
    for (int e = 0; e < 2; e++) sum.at[n][2 * h + e] = fmaf(factor, sum.at[n][2 * h + e], to[8 * n + e]);
#pragma unroll
  for (int n = 0; n < D / 8; n++) to[8 * n] = sum.at[n][2 * h], to[8 * n + 1] = sum.at[n][2 * h + 1];
}

constexpr int STEP = 32; // rows of the tiles that the backward's blocks go through, two of each at a time

constexpr int DQ_ROWS = WARPS * 16;
template <int D> constexpr size_t DQ_SHARED = size_t(2 * DQ_ROWS + 4 * STEP) * D * sizeof(Bf16);

// Block (query tile, last first; head).
template <int D, class G> __global__ void __launch_bounds__(THREADS) dq_kernel(Call a, Rows<G> grad, const float *delta, Rows<float> dq) {
  begin_block();
  const Tile<D> q = {shared_memory<Bf16>()}, d_o = {q.data + DQ_ROWS * D};
  Bf16 *const stages = d_o.data + DQ_ROWS * D; // k, v, k, v
  const int lane = int(threadIdx.x) % WARP, warp_row = int(threadIdx.x) / WARP * 16;
  const int64_t i0 = int64_t(gridDim.x - 1 - blockIdx.x) * DQ_ROWS, head = blockIdx.y, column = head * D, kv_column = head / a.group * D;
  const int first = a.low(i0) / STEP * STEP, end = a.high(i0 + DQ_ROWS - 1) + 1;
  const float c = a.scale * LOG2E;
  const auto k_tile = [&](int stage) { return Tile<D>{stages + 2 * stage * STEP * D}; };
  const auto v_tile = [&](int stage) { return Tile<D>{stages + (2 * stage + 1) * STEP * D}; };
  const auto bring = [&](int j0, int stage) {
    if (j0 < end) k_tile(stage).template bring<STEP>(a.k, j0, a.k_rows, kv_column), v_tile(stage).template bring<STEP>(a.v, j0, a.k_rows, kv_column);
    cp_async_commit();
  };
  q.template bring<DQ_ROWS>(a.q, i0, a.q_rows, column);
  d_o.template bring<DQ_ROWS>(grad, i0, a.q_rows, column);
  bring(first, 0);
  float lse[2], row_delta[2]; // lse in powers of two
  int low[2], high[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int64_t i = i0 + warp_row + 8 * h + lane / 4, at = head * a.q_rows + i;
    lse[h] = i < a.q_rows ? a.lse[at] * LOG2E : INFINITY, row_delta[h] = i < a.q_rows ? delta[at] : 0, low[h] = a.low(i), high[h] = a.high(i);
  }
  const int all_from = a.low(i0 + DQ_ROWS - 1), all_to = a.high(i0);
  Sum<D> sum;
  sum.clear();
  int stage = 0;
  for (int j0 = first; j0 < end; j0 += STEP, stage ^= 1) {
    bring(j0 + STEP, stage ^ 1);
    cp_async_wait<1>();
    __syncthreads();
    Sum<STEP> s, dp;
    multiply<D>(s, q, warp_row, k_tile(stage));
    multiply<D>(dp, d_o, warp_row, v_tile(stage));
    const bool masked = j0 < all_from || j0 + STEP - 1 > all_to;
#pragma unroll
    for (int n = 0; n < STEP / 8; n++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int j = j0 + 8 * n + 2 * (lane % 4) + e % 2, h = e / 2;
        const float p = masked && (j < low[h] || j > high[h]) ? 0.0f : exp2_of(fmaf(s.at[n][e], c, -lse[h]));
        s.at[n][e] = p == 0 ? 0.0f : p * (dp.at[n][e] - row_delta[h]);
      }
    accumulate<D>(sum, s, k_tile(stage));
    __syncthreads(); // the tiles have been read
  }
  cp_async_wait<0>();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int64_t i = i0 + warp_row + 8 * h + lane / 4;
    if (i < a.q_rows) add_to(dq.at(i, column + 2 * (lane % 4)), sum, h, a.scale);
  }
}

constexpr int DKV_ROWS = WARPS * 16;
struct Query { // what a key needs of a query beside its numbers
  float lse, delta; // lse in powers of two
  int low, high;
};
template <int D> constexpr size_t DKV_SHARED = size_t(2 * DKV_ROWS + 4 * STEP) * D * sizeof(Bf16) + 2 * STEP * sizeof(Query);

// Block (key tile, key-value head).
template <int D, class G> __global__ void __launch_bounds__(THREADS) dkv_kernel(Call a, Rows<G> grad, const float *delta, Rows<float> dk, Rows<float> dv) {
  begin_block();
  const Tile<D> k = {shared_memory<Bf16>()}, v = {k.data + DKV_ROWS * D};
  Bf16 *const stages = v.data + DKV_ROWS * D; // q, d_o, q, d_o
  Query *const queries = reinterpret_cast<Query *>(stages + 4 * STEP * D);
  const int lane = int(threadIdx.x) % WARP, warp_row = int(threadIdx.x) / WARP * 16;
  const int64_t j0 = int64_t(blockIdx.x) * DKV_ROWS, kv_head = blockIdx.y, kv_column = kv_head * D;
  const int last_key = int((j0 + DKV_ROWS < a.k_rows ? j0 + DKV_ROWS : a.k_rows) - 1);
  const float c = a.scale * LOG2E;
  // Query tiles [begin, end): the first that sees a key of these, to the last that begins before the last of them.
  const int64_t nearest = a.causal ? a.k_index + j0 - a.q_index : 0;
  int begin = int((nearest > 0 ? nearest : 0) / STEP), end = int((a.q_rows + STEP - 1) / STEP);
  for (int above = begin; above < end;) { // a binary search: `start` never decreases
    const int middle = (above + end) / 2;
    if (a.low(int64_t(middle) * STEP) <= last_key) above = middle + 1;
    else end = middle;
  }
  const int tiles = end > begin ? end - begin : 0, steps = tiles * a.group;
  const auto q_tile = [&](int stage) { return Tile<D>{stages + 2 * stage * STEP * D}; };
  const auto d_o_tile = [&](int stage) { return Tile<D>{stages + (2 * stage + 1) * STEP * D}; };
  const auto bring = [&](int step, int stage) {
    if (step < steps) {
      const int64_t head = kv_head * a.group + step / tiles, i0 = int64_t(begin + step % tiles) * STEP, column = head * D;
      q_tile(stage).template bring<STEP>(a.q, i0, a.q_rows, column);
      d_o_tile(stage).template bring<STEP>(grad, i0, a.q_rows, column);
      if (threadIdx.x < STEP) {
        const int64_t i = i0 + threadIdx.x, at = head * a.q_rows + i;
        const bool there = i < a.q_rows;
        queries[stage * STEP + threadIdx.x] = {there ? a.lse[at] * LOG2E : INFINITY, there ? delta[at] : 0.0f, a.low(i), a.high(i)};
      }
    }
    cp_async_commit();
  };
  k.template bring<DKV_ROWS>(a.k, j0, a.k_rows, kv_column);
  v.template bring<DKV_ROWS>(a.v, j0, a.k_rows, kv_column);
  bring(0, 0);
  Sum<D> sum_k, sum_v;
  sum_k.clear(), sum_v.clear();
  for (int step = 0; step < steps; step++) {
    const int stage = step % 2;
    bring(step + 1, stage ^ 1);
    cp_async_wait<1>();
    __syncthreads();
    Sum<STEP> s, ds; // transposed: rows are keys
    multiply<D>(s, k, warp_row, q_tile(stage));
    multiply<D>(ds, v, warp_row, d_o_tile(stage));
    const Query *const of = queries + stage * STEP;
    const bool masked = j0 < of[STEP - 1].low || j0 + DKV_ROWS - 1 > of[0].high;
#pragma unroll
    for (int n = 0; n < STEP / 8; n++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const Query query = of[8 * n + 2 * (lane % 4) + e % 2];
        const int j = int(j0) + warp_row + 8 * (e / 2) + lane / 4;
        const float p = masked && (j < query.low || j > query.high) ? 0.0f : exp2_of(fmaf(s.at[n][e], c, -query.lse));
        s.at[n][e] = p;
        ds.at[n][e] = p == 0 ? 0.0f : p * (ds.at[n][e] - query.delta);
      }
    accumulate<D>(sum_v, s, d_o_tile(stage));
    accumulate<D>(sum_k, ds, q_tile(stage));
    __syncthreads();
  }
  cp_async_wait<0>();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int64_t j = j0 + warp_row + 8 * h + lane / 4;
    if (j >= a.k_rows) continue;
    add_to(dk.at(j, kv_column + 2 * (lane % 4)), sum_k, h, a.scale);
    add_to(dv.at(j, kv_column + 2 * (lane % 4)), sum_v, h, 1);
  }
}

// cp.async reads 16 bytes at a time.
bool readable(const ctx_mat &x) { return x.dtype == CTX_BF16 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && (x.ld % 8 == 0 || x.rows <= 1); }

template <class Kernel> ctx_status allow_shared(ctx_device *device, Kernel kernel, size_t bytes) {
  if (bytes > 48 * 1024) CTX_CUDA(device, "attention", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)));
  return CTX_OK;
}

template <int D, class O> ctx_status forward(ctx_device *device, const ctx_attention &a) {
  CTX_TRY(allow_shared(device, forward_kernel<D, O>, FORWARD_SHARED<D>));
  launch(device, forward_kernel<D, O>, dim3(unsigned(ceil_div(a.q.rows, FORWARD_ROWS)), unsigned(a.heads)), dim3(THREADS), FORWARD_SHARED<D>, Call(a), Rows<O>(a.o), a.merge != 0);
  return CTX_OK;
}

template <int D, class G> ctx_status backward(ctx_device *device, const ctx_attention_grad &g) {
  const ctx_attention &a = g.fwd;
  CTX_TRY(allow_shared(device, dq_kernel<D, G>, DQ_SHARED<D>));
  CTX_TRY(allow_shared(device, dkv_kernel<D, G>, DKV_SHARED<D>));
  launch(device, dq_kernel<D, G>, dim3(unsigned(ceil_div(a.q.rows, DQ_ROWS)), unsigned(a.heads)), dim3(THREADS), DQ_SHARED<D>, Call(a), Rows<G>(g.d_o), g.delta, Rows<float>(g.dq));
  launch(device, dkv_kernel<D, G>, dim3(unsigned(ceil_div(a.k.rows, DKV_ROWS)), unsigned(a.kv_heads)), dim3(THREADS), DKV_SHARED<D>, Call(a), Rows<G>(g.d_o), g.delta, Rows<float>(g.dk),
         Rows<float>(g.dv));
  return CTX_OK;
}

} // namespace

bool ampere_can(const ctx_attention &a) { return (a.head_dim == 64 || a.head_dim == 128) && readable(a.q) && readable(a.k) && readable(a.v); }
bool ampere_can(const ctx_attention_grad &g) { return ampere_can(g.fwd) && (g.d_o.dtype == CTX_F32 || readable(g.d_o)); }

ctx_status ampere_forward(ctx_device *device, const ctx_attention &a) {
  if (a.q.rows == 0) return CTX_OK;
  const bool f32 = a.o.dtype == CTX_F32;
  if (a.head_dim == 64) return f32 ? forward<64, float>(device, a) : forward<64, Bf16>(device, a);
  return f32 ? forward<128, float>(device, a) : forward<128, Bf16>(device, a);
}

ctx_status ampere_backward(ctx_device *device, const ctx_attention_grad &g) {
  if (g.fwd.q.rows == 0 || g.fwd.k.rows == 0) return CTX_OK;
  const bool f32 = g.d_o.dtype == CTX_F32;
  if (g.fwd.head_dim == 64) return f32 ? backward<64, float>(device, g) : backward<64, Bf16>(device, g);
  return f32 ? backward<128, float>(device, g) : backward<128, Bf16>(device, g);
}

} // namespace ctx_cuda
