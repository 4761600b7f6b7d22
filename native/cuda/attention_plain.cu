// attention_plain.cu: attention on the plain cores of any GPU, in fp32, any head_dim up to MAX_HEAD_DIM: what the tensor-core kernels are
// held against, and what runs where they do not. Calls that attention_sm80.cu takes go on to it.
//
//   S = scale Q K^T, P = softmax over the visible keys, O = P V, lse = log sum exp S                   (FlashAttention-2, arXiv 2307.08691)
//   P = exp(S - lse), dP = dO V^T, dS = scale P (dP - delta);   dQ += dS K,  dK += dS^T Q,  dV += P^T dO
//
// Tiles of 16 queries and 16 keys in shared memory; 8 threads share a query (or, for dK and dV, a key), each with every eighth column. No
// two blocks write the same numbers, so sums have one order: dQ is a kernel over query tiles, dK and dV another over key tiles, which forms
// P and dS again.
#include <cmath>

#include "attention.h"
#include "attention_sm80.h"
#include "elements.cuh"
#include "reduce.cuh"

namespace ctx_cuda {
namespace {

constexpr int TILE = 16, SHARE = 8, THREADS = TILE * SHARE, PER_THREAD = TILE / SHARE;

// What a kernel needs of a call.
template <class T> struct Call {
  Rows<T> q, k, v;
  float *lse;
  const int32_t *start;
  int64_t q_rows, k_rows, q_index, k_index;
  int32_t heads, group, head_dim; // group: query heads of a key-value head
  float scale;
  bool causal;

  explicit Call(const ctx_attention &a)
      : q(a.q), k(a.k), v(a.v), lse(a.lse), start(a.start), q_rows(a.q.rows), k_rows(a.k.rows), q_index(a.q_index), k_index(a.k_index), heads(a.heads),
        group(a.heads / a.kv_heads), head_dim(a.head_dim), scale(a.scale), causal(a.causal != 0) {}

  __device__ int64_t first_visible(int64_t i) const { return start ? start[i] : 0; }
  __device__ bool visible(int64_t i, int64_t j) const {
    return i < q_rows && j < k_rows && first_visible(i) <= k_index + j && (!causal || k_index + j <= q_index + i);
  }
  // Keys [first, end) that hold all those visible to queries [i0, i0 + TILE): `start` never decreases.
  __device__ int64_t first_key(int64_t i0) const {
    const int64_t j = first_visible(i0) - k_index;
    return j > 0 ? j / TILE * TILE : 0;
  }
  __device__ int64_t end_key(int64_t i0) const {
    const int64_t last = i0 + TILE < q_rows ? i0 + TILE : q_rows, j = causal ? q_index + last - k_index : k_rows;
    return j < k_rows ? j : k_rows;
  }
};

// Shared memory: tiles of TILE rows of head_dim numbers, one number longer so that rows fall into different banks; then tiles of scores.
struct Tiles {
  float *memory;
  int width;
  __device__ Tiles(int head_dim) : memory(shared_memory<float>()), width(head_dim + 1) {}
  __device__ float *operator[](int i) const { return memory + i * TILE * width; }
};
constexpr int SCORES = TILE * TILE;
constexpr size_t shared_bytes(int tiles, int head_dim, int scores) { return (size_t(tiles) * TILE * (size_t(head_dim) + 1) + size_t(scores) * SCORES) * sizeof(float); }

// Rows [first, first + TILE) of a head, zeros beyond `rows`.
template <class T> __device__ void bring(float *tile, int width, const Rows<T> &x, int64_t first, int64_t rows, int64_t column, int head_dim) {
  for (int e = int(threadIdx.x); e < TILE * head_dim; e += THREADS) {
    const int r = e / head_dim, c = e % head_dim;
    tile[r * width + c] = first + r < rows ? to_float(*x.at(first + r, column + c)) : 0.0f;
  }
}

__device__ __forceinline__ float dot(const float *x, const float *y, int n) {
  float sum = 0;
  for (int d = 0; d < n; d++) sum = fmaf(x[d], y[d], sum);
  return sum;
}

// Over the SHARE threads of a row, which lie side by side in a warp.
__device__ __forceinline__ float row_max(float x) {
  for (int mask = SHARE / 2; mask > 0; mask /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, mask));
  return x;
}
__device__ __forceinline__ float row_sum(float x) {
  for (int mask = SHARE / 2; mask > 0; mask /= 2) x += __shfl_xor_sync(ALL_LANES, x, mask);
  return x;
}

// Block (query tile, head).
template <class T, class O> __global__ void __launch_bounds__(THREADS) forward_kernel(Call<T> a, Rows<O> out, bool merge) {
  const Tiles tile(a.head_dim);
  float *const q = tile[0], *const k = tile[1], *const v = tile[2], *const o = tile[3], *const p = tile[4];
  const int d = a.head_dim, w = tile.width, r = int(threadIdx.x) / SHARE, c = int(threadIdx.x) % SHARE;
  const int64_t i0 = int64_t(blockIdx.x) * TILE, i = i0 + r, head = blockIdx.y, q_column = head * d, kv_column = head / a.group * d;
  bring(q, w, a.q, i0, a.q_rows, q_column, d);
  for (int x = c; x < d; x += SHARE) o[r * w + x] = 0;
  float max = -INFINITY, sum = 0; // of the row; sum: this thread's share
  for (int64_t j0 = a.first_key(i0), end = a.end_key(i0); j0 < end; j0 += TILE) {
    __syncthreads(); // the last tile has been read
    bring(k, w, a.k, j0, a.k_rows, kv_column, d);
    bring(v, w, a.v, j0, a.k_rows, kv_column, d);
    __syncthreads();
    float s[PER_THREAD], highest = max;
    for (int n = 0; n < PER_THREAD; n++) {
      const int j = c + n * SHARE;
      s[n] = a.visible(i, j0 + j) ? a.scale * dot(q + r * w, k + j * w, d) : -INFINITY;
      highest = s[n] > highest || s[n] != s[n] ? s[n] : highest; // a NaN is passed on
    }
    highest = row_max(highest);
    const float base = highest == -INFINITY ? 0.0f : highest, factor = expf(max - base);
    max = highest;
    sum *= factor;
    for (int n = 0; n < PER_THREAD; n++) {
      const float e = expf(s[n] - base);
      p[r * TILE + c + n * SHARE] = e;
      sum += e;
    }
    __syncthreads();
    for (int x = c; x < d; x += SHARE) {
      float y = o[r * w + x] * factor;
      for (int j = 0; j < TILE; j++) y = fmaf(p[r * TILE + j], v[j * w + x], y);
      o[r * w + x] = y;
    }
  }
  sum = row_sum(sum);
  if (i >= a.q_rows) return;
  float lse = sum == 0 ? -INFINITY : max + logf(sum), own = sum == 0 ? 0.0f : 1.0f / sum, before = 0;
  float *const lse_at = a.lse + head * a.q_rows + i;
  if (merge) { // softmax over the earlier blocks' keys and these
    const float old = *lse_at, high = fmaxf(old, lse); // which passes over a NaN, but the sum below does not
    if (old == -INFINITY && lse == -INFINITY) own = 0;
    else {
      const float all = high + logf(expf(old - high) + expf(lse - high));
      before = expf(old - all);
      own *= expf(lse - all);
      lse = all;
    }
  }
  for (int x = c; x < d; x += SHARE) {
    O *const to = out.at(i, q_column + x);
    store(*to, o[r * w + x] * own + (before == 0 ? 0.0f : before * to_float(*to)));
  }
  __syncwarp(); // the row's threads have read its lse
  if (c == 0) *lse_at = lse;
}

// P and dS of query i0 + r and keys j0 + c, j0 + c + SHARE into p and ds [TILE][TILE], given the row's lse and delta.
template <class T>
__device__ void scores(const Call<T> &a, const float *q, const float *k, const float *v, const float *d_o, float lse, float delta, float *p, float *ds, int w, int r, int c, int64_t i, int64_t j0) {
  for (int n = 0; n < PER_THREAD; n++) {
    const int j = c + n * SHARE;
    float pij = 0, dsij = 0;
    if (a.visible(i, j0 + j)) {
      pij = expf(a.scale * dot(q + r * w, k + j * w, a.head_dim) - lse);
      dsij = a.scale * pij * (dot(d_o + r * w, v + j * w, a.head_dim) - delta);
    }
    p[r * TILE + j] = pij;
    ds[r * TILE + j] = dsij;
  }
}

// Block (query tile, head).
template <class T, class G> __global__ void __launch_bounds__(THREADS) dq_kernel(Call<T> a, Rows<G> grad, const float *delta, Rows<float> dq) {
  const Tiles tile(a.head_dim);
  float *const q = tile[0], *const d_o = tile[1], *const k = tile[2], *const v = tile[3], *const sum = tile[4], *const p = tile[5], *const ds = p + SCORES;
  const int d = a.head_dim, w = tile.width, r = int(threadIdx.x) / SHARE, c = int(threadIdx.x) % SHARE;
  const int64_t i0 = int64_t(blockIdx.x) * TILE, i = i0 + r, head = blockIdx.y, q_column = head * d, kv_column = head / a.group * d;
  bring(q, w, a.q, i0, a.q_rows, q_column, d);
  bring(d_o, w, grad, i0, a.q_rows, q_column, d);
  for (int x = c; x < d; x += SHARE) sum[r * w + x] = 0;
  const float lse = i < a.q_rows ? a.lse[head * a.q_rows + i] : 0, row_delta = i < a.q_rows ? delta[head * a.q_rows + i] : 0;
  for (int64_t j0 = a.first_key(i0), end = a.end_key(i0); j0 < end; j0 += TILE) {
    __syncthreads();
    bring(k, w, a.k, j0, a.k_rows, kv_column, d);
    bring(v, w, a.v, j0, a.k_rows, kv_column, d);
    __syncthreads();
    scores(a, q, k, v, d_o, lse, row_delta, p, ds, w, r, c, i, j0);
    __syncthreads();
    for (int x = c; x < d; x += SHARE) {
      float y = sum[r * w + x];
      for (int j = 0; j < TILE; j++) y = fmaf(ds[r * TILE + j], k[j * w + x], y);
      sum[r * w + x] = y;
    }
  }
  for (int x = c; i < a.q_rows && x < d; x += SHARE) *dq.at(i, q_column + x) += sum[r * w + x];
}

// Block (key tile, key-value head).
template <class T, class G> __global__ void __launch_bounds__(THREADS) dkv_kernel(Call<T> a, Rows<G> grad, const float *delta, Rows<float> dk, Rows<float> dv) {
  const Tiles tile(a.head_dim);
  float *const q = tile[0], *const d_o = tile[1], *const k = tile[2], *const v = tile[3], *const sum_k = tile[4], *const sum_v = tile[5], *const p = tile[6], *const ds = p + SCORES;
  const int d = a.head_dim, w = tile.width, r = int(threadIdx.x) / SHARE, c = int(threadIdx.x) % SHARE;
  const int64_t j0 = int64_t(blockIdx.x) * TILE, kv_head = blockIdx.y, kv_column = kv_head * d;
  bring(k, w, a.k, j0, a.k_rows, kv_column, d);
  bring(v, w, a.v, j0, a.k_rows, kv_column, d);
  for (int x = c; x < d; x += SHARE) sum_k[r * w + x] = sum_v[r * w + x] = 0;
  const int64_t last_key = (j0 + TILE < a.k_rows ? j0 + TILE : a.k_rows) - 1 + a.k_index;
  const int64_t nearest = a.causal ? a.k_index + j0 - a.q_index : 0, first = nearest > 0 ? nearest / TILE * TILE : 0;
  for (int64_t head = kv_head * a.group; head < (kv_head + 1) * a.group; head++)
    for (int64_t i0 = first; i0 < a.q_rows && a.first_visible(i0) <= last_key; i0 += TILE) { // later queries begin later still
      const int64_t i = i0 + r;
      __syncthreads();
      bring(q, w, a.q, i0, a.q_rows, head * d, d);
      bring(d_o, w, grad, i0, a.q_rows, head * d, d);
      __syncthreads();
      const bool there = i < a.q_rows;
      scores(a, q, k, v, d_o, there ? a.lse[head * a.q_rows + i] : 0, there ? delta[head * a.q_rows + i] : 0, p, ds, w, r, c, i, j0);
      __syncthreads();
      for (int x = c; x < d; x += SHARE) { // r is a key here
        float yk = sum_k[r * w + x], yv = sum_v[r * w + x];
        for (int n = 0; n < TILE; n++) {
          yk = fmaf(ds[n * TILE + r], q[n * w + x], yk);
          yv = fmaf(p[n * TILE + r], d_o[n * w + x], yv);
        }
        sum_k[r * w + x] = yk;
        sum_v[r * w + x] = yv;
      }
    }
  for (int x = c; j0 + r < a.k_rows && x < d; x += SHARE) {
    *dk.at(j0 + r, kv_column + x) += sum_k[r * w + x];
    *dv.at(j0 + r, kv_column + x) += sum_v[r * w + x];
  }
}

template <class... P> ctx_status allow(ctx_device *device, void (*kernel)(P...), size_t shared) {
  if (shared > 48 * 1024) CTX_CUDA(device, "attention", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)));
  return CTX_OK;
}

} // namespace

static_assert(shared_bytes(6, MAX_HEAD_DIM, 2) <= 227 * 1024, "a block's shared memory");

ctx_status plain_forward(ctx_device *device, const ctx_attention &a) {
  if (a.q.rows == 0) return CTX_OK;
  if (ampere_can(a)) return ampere_forward(device, a);
  ctx_status status = CTX_OK;
  with_types([&](auto t, auto o) {
    using T = decltype(t);
    using O = decltype(o);
    const size_t shared = shared_bytes(4, a.head_dim, 1);
    status = allow(device, forward_kernel<T, O>, shared);
    if (status == CTX_OK)
      launch(device, forward_kernel<T, O>, dim3(unsigned(ceil_div(a.q.rows, TILE)), unsigned(a.heads)), dim3(THREADS), shared, Call<T>(a), Rows<O>(a.o), a.merge != 0);
  }, a.q, a.o);
  return status;
}

ctx_status plain_backward(ctx_device *device, const ctx_attention_grad &g) {
  const ctx_attention &a = g.fwd;
  if (a.q.rows == 0 || a.k.rows == 0) return CTX_OK;
  if (ampere_can(g)) return ampere_backward(device, g);
  ctx_status status = CTX_OK;
  with_types([&](auto t, auto d) {
    using T = decltype(t);
    using G = decltype(d);
    const size_t for_q = shared_bytes(5, a.head_dim, 2), for_kv = shared_bytes(6, a.head_dim, 2);
    status = allow(device, dq_kernel<T, G>, for_q);
    if (status == CTX_OK) status = allow(device, dkv_kernel<T, G>, for_kv);
    if (status != CTX_OK) return;
    launch(device, dq_kernel<T, G>, dim3(unsigned(ceil_div(a.q.rows, TILE)), unsigned(a.heads)), dim3(THREADS), for_q, Call<T>(a), Rows<G>(g.d_o), g.delta, Rows<float>(g.dq));
    launch(device, dkv_kernel<T, G>, dim3(unsigned(ceil_div(a.k.rows, TILE)), unsigned(a.kv_heads)), dim3(THREADS), for_kv, Call<T>(a), Rows<G>(g.d_o), g.delta, Rows<float>(g.dk),
           Rows<float>(g.dv));
  }, a.q, g.d_o);
  return status;
}

} // namespace ctx_cuda
