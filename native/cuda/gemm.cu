// gemm.cu: C = alpha op(A) op(B) + beta C by cuBLASLt where it is there (gemm_lt.cu), else on the plain cores of any GPU, fp32 sums in one
// order either way.
//
// The plain kernel: op(A) [M, K], op(B) [K, N], C [M, N]; 2 M N K FLOPs. A block computes a tile of TILE x TILE of C: it brings TILE x DEPTH of op(A) and DEPTH x
// TILE of op(B) to shared memory, and each of its threads multiplies EACH rows by EACH columns of them from registers. If any of the three is
// bf16, both operands are rounded to bf16 on their way.
#include "elements.cuh"
#include "gemm_lt.h"
#include "operations.h"

namespace ctx_cuda {
namespace {

constexpr int TILE = 64, DEPTH = 16, EACH = 4, SIDE = TILE / EACH, THREADS = SIDE * SIDE;
constexpr int PADDED = TILE + 4; // rows of a tile start in different banks

// op(X)[outer][k] of a matrix stored as [outer, k] or, transposed, as [k, outer].
template <class T> struct Operand {
  const T *data;
  int64_t outer_stride, k_stride, outer, K;
  __device__ float at(int64_t o, int64_t k) const { return o < outer && k < K ? to_float(data[o * outer_stride + k * k_stride]) : 0.0f; }
};

// tile[k][o] = op(X)[first + o][k0 + k]; neighbouring threads read what lies side by side.
template <bool ROUND, class T> __device__ void fill(float *tile, const Operand<T> &x, int64_t first, int64_t k0) {
  for (int e = int(threadIdx.x); e < TILE * DEPTH; e += THREADS) {
    const bool along_k = x.k_stride == 1;
    const int o = along_k ? e / DEPTH : e % TILE, k = along_k ? e % DEPTH : e / TILE;
    const float value = x.at(first + o, k0 + k);
    tile[k * PADDED + o] = ROUND ? rounded<Bf16>(value) : value;
  }
}

template <bool ROUND, class TA, class TB, class TC>
__global__ void __launch_bounds__(THREADS) gemm_kernel(Operand<TA> a, Operand<TB> b, Rows<TC> c, float alpha, float beta) {
  float *const tile_a = shared_memory<float>(), *const tile_b = tile_a + DEPTH * PADDED;
  const int row = int(threadIdx.x) / SIDE * EACH, column = int(threadIdx.x) % SIDE * EACH;
  const int64_t m0 = int64_t(blockIdx.y) * TILE, n0 = int64_t(blockIdx.x) * TILE;
  float sum[EACH][EACH] = {};
  for (int64_t k0 = 0; k0 < a.K; k0 += DEPTH) {
    fill<ROUND>(tile_a, a, m0, k0);
    fill<ROUND>(tile_b, b, n0, k0);
    __syncthreads();
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      const Floats<EACH> x = get<EACH>(tile_a + k * PADDED + row), y = get<EACH>(tile_b + k * PADDED + column);
#pragma unroll
      for (int i = 0; i < EACH; i++)
#pragma unroll
        for (int j = 0; j < EACH; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < EACH; i++)
#pragma unroll
    for (int j = 0; j < EACH; j++) {
      const int64_t m = m0 + row + i, n = n0 + column + j;
      if (m >= a.outer || n >= b.outer) continue;
      TC *const to = c.at(m, n);
      store(*to, beta == 0 ? alpha * sum[i][j] : fmaf(alpha, sum[i][j], beta * to_float(*to)));
    }
}

constexpr size_t SHARED = 2 * DEPTH * PADDED * sizeof(float);

} // namespace

ctx_status plain_gemm(ctx_device *device, bool trans_a, bool trans_b, float alpha, const ctx_mat &a, const ctx_mat &b, float beta, const ctx_mat &c) {
  const bool round = a.dtype == CTX_BF16 || b.dtype == CTX_BF16 || c.dtype == CTX_BF16;
  const int64_t M = c.rows, N = c.cols, K = trans_a ? a.rows : a.cols;
  if (ceil_div(M, TILE) > 65535) return fail(device, CTX_ERR_ARGUMENT, "gemm: %lld rows are more than a grid of tiles holds", (long long)M);
  with_types([&](auto ta, auto tb, auto tc) {
    using TA = decltype(ta);
    using TB = decltype(tb);
    using TC = decltype(tc);
    const Operand<TA> x = {static_cast<const TA *>(a.data), trans_a ? 1 : a.ld, trans_a ? a.ld : 1, M, K};
    const Operand<TB> y = {static_cast<const TB *>(b.data), trans_b ? b.ld : 1, trans_b ? 1 : b.ld, N, K};
    launch(device, round ? gemm_kernel<true, TA, TB, TC> : gemm_kernel<false, TA, TB, TC>, dim3(unsigned(ceil_div(N, TILE)), unsigned(ceil_div(M, TILE))), dim3(THREADS), SHARED, x, y,
           Rows<TC>(c), alpha, beta);
  }, a, b, c);
  return CTX_OK;
}

ctx_status gemm(ctx_device *device, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c) {
  CTX_TRY(check_activation(device, "gemm: a", a));
  CTX_TRY(check_activation(device, "gemm: b", b));
  CTX_TRY(check_activation(device, "gemm: c", c));
  const int64_t M = trans_a ? a.cols : a.rows, K = trans_a ? a.rows : a.cols;
  const int64_t kb = trans_b ? b.cols : b.rows, N = trans_b ? b.rows : b.cols;
  if (kb != K || c.rows != M || c.cols != N)
    return fail(device, CTX_ERR_ARGUMENT, "gemm: op(a) is %lld x %lld, op(b) %lld x %lld, c %lld x %lld", (long long)M, (long long)K, (long long)kb, (long long)N, (long long)c.rows, (long long)c.cols);
  if (M == 0 || N == 0) return CTX_OK;
  if (alpha == 0 || K == 0) {
    CTX_TRY(beta == 0 ? zero(device, c) : scale(device, c, beta));
    return finish(device, "gemm");
  }
  bool done = false;
  CTX_TRY(lt_gemm(device, trans_a != 0, trans_b != 0, alpha, a, b, beta, c, &done));
  if (!done) CTX_TRY(plain_gemm(device, trans_a != 0, trans_b != 0, alpha, a, b, beta, c));
  return finish(device, "gemm");
}

} // namespace ctx_cuda
