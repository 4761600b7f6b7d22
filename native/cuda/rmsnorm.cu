// rmsnorm.cu: RMSNorm (Zhang & Sennrich 2019) and its gradient.
//
//   forward    y_j = x_j * rstd * w_j,   rstd = 1 / sqrt(mean_j(x_j^2) + eps)
//   backward   g_j = dy_j * w_j;   dx_j = rstd * (g_j - x_j * rstd^2 * mean_j(g_j x_j));   dw_j += sum_rows dy_j x_j rstd
//
// x, y, dx, dy [tokens, hidden], each fp32 or bf16; w [hidden], rstd [tokens] fp32. A block takes a row at a time, twice: the second time
// it comes from the cache, so the work is bound by memory, in fp32 8 bytes an element forward (16 with a residual), 12 to 16 backward.
// Where x += residual rounds to bf16, the norm is that of the rounded x, which is the one that backward finds.
#include "operations.h"
#include "parts.cuh"
#include "reduce.cuh"

namespace ctx_cuda {
namespace {

constexpr int THREADS = 256;

// y = x * rstd * w, and before it x += residual where there is one. mean: 1 / cols.
template <int N, class Y, class X, class R>
__global__ void __launch_bounds__(THREADS, 4) forward_kernel(Rows<Y> y, float *rstd, Rows<X> x, Rows<R> residual, const float *w, float eps, int64_t rows, int64_t cols, float mean) {
  float *const warps = shared_memory<float>();
  for (int64_t i = blockIdx.x; i < rows; i += gridDim.x) {
    float squares = 0;
    for (int64_t j = threadIdx.x * N; j < cols; j += THREADS * N) {
      Floats<N> a = get<N>(x.at(i, j));
      if (residual.data) {
        const Floats<N> b = get<N>(residual.at(i, j));
#pragma unroll
        for (int k = 0; k < N; k++) a[k] = rounded<X>(a[k] + b[k]);
        put<N>(x.at(i, j), a);
      }
#pragma unroll
      for (int k = 0; k < N; k++) squares += a[k] * a[k];
    }
    const float r = rsqrtf(block_sum<THREADS>(squares, warps) * mean + eps);
    if (rstd && threadIdx.x == 0) rstd[i] = r;
    for (int64_t j = threadIdx.x * N; j < cols; j += THREADS * N) {
      const Floats<N> a = get<N>(x.at(i, j)), b = get<N>(w + j);
      put<N>(y.at(i, j), each<N>([&](int k) { return a[k] * r * b[k]; }));
    }
  }
}

// dx of the rows of part blockIdx.x, and, if there are parts [count, cols], the part's share of dw. A thread meets the same columns in
// every row, so that its part of dw, in shared memory, needs no barrier.
template <int N, class DX, class DY, class X>
__global__ void __launch_bounds__(THREADS) backward_kernel(Rows<DX> dx, bool accumulate, float *parts, Rows<DY> dy, Rows<X> x, const float *rstd, const float *w,
                                                           int64_t part_rows, int64_t rows, int64_t cols, float mean) {
  float *const warps = shared_memory<float>(), *const dw = warps + THREADS / WARP;
  const int64_t part = blockIdx.x, end = (part + 1) * part_rows < rows ? (part + 1) * part_rows : rows;
  for (int64_t j = threadIdx.x * N; parts && j < cols; j += THREADS * N) put<N>(dw + j, Floats<N>{});
  for (int64_t i = part * part_rows; i < end; i++) {
    float dot = 0;
    for (int64_t j = threadIdx.x * N; j < cols; j += THREADS * N) {
      const Floats<N> a = get<N>(x.at(i, j)), d = get<N>(dy.at(i, j)), b = get<N>(w + j);
#pragma unroll
      for (int k = 0; k < N; k++) dot += d[k] * b[k] * a[k];
    }
    const float r = rstd[i], c = r * r * block_sum<THREADS>(dot, warps) * mean;
    for (int64_t j = threadIdx.x * N; j < cols; j += THREADS * N) {
      const Floats<N> a = get<N>(x.at(i, j)), d = get<N>(dy.at(i, j)), b = get<N>(w + j);
      const Floats<N> before = accumulate ? get<N>(dx.at(i, j)) : Floats<N>{};
      if (parts) {
        const Floats<N> sum = get<N>(dw + j);
        put<N>(dw + j, each<N>([&](int k) { return fmaf(d[k] * a[k], r, sum[k]); }));
      }
      put<N>(dx.at(i, j), each<N>([&](int k) { return before[k] + r * (d[k] * b[k] - a[k] * c); }));
    }
  }
  for (int64_t j = threadIdx.x * N; parts && j < cols; j += THREADS * N) put<N>(parts + part * cols + j, get<N>(dw + j));
}

constexpr size_t WARP_SUMS = THREADS / WARP * sizeof(float);
constexpr int64_t MAX_COLS = (227 * 1024 - int64_t(WARP_SUMS)) / int64_t(sizeof(float)); // a row of dw in shared memory

template <int N, class DX, class DY, class X>
ctx_status backward(ctx_device *device, ctx_mat dx, bool accumulate, float *parts, ctx_mat dy, ctx_mat x, const float *rstd, const float *w, const Parts &cut) {
  const auto kernel = backward_kernel<N, DX, DY, X>;
  const size_t shared = WARP_SUMS + (parts ? size_t(x.cols) * sizeof(float) : 0);
  if (shared > 48 * 1024) CTX_CUDA(device, "rmsnorm_backward", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)));
  launch(device, kernel, dim3(unsigned(cut.count)), dim3(THREADS), shared, Rows<DX>(dx), accumulate, parts, Rows<DY>(dy), Rows<X>(x), rstd, w, cut.rows, x.rows, x.cols, 1.0f / float(x.cols));
  return CTX_OK;
}

} // namespace

ctx_status rmsnorm_forward(ctx_device *device, ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps) {
  CTX_TRY(check_activation(device, "rmsnorm_forward: x", x));
  CTX_TRY(check_activation(device, "rmsnorm_forward: y", y, x.rows, x.cols));
  if (residual.data) CTX_TRY(check_activation(device, "rmsnorm_forward: residual", residual, x.rows, x.cols));
  if (x.rows == 0) return CTX_OK;
  const bool is_wide = wide(x) && wide(y) && wide(w) && (!residual.data || wide(residual));
  with_types([&](auto ty, auto tx, auto tr) {
    using Y = decltype(ty);
    using X = decltype(tx);
    using R = decltype(tr);
    const dim3 blocks(unsigned(x.rows < 65536 ? x.rows : 65536));
    launch(device, is_wide ? forward_kernel<WIDE, Y, X, R> : forward_kernel<1, Y, X, R>, blocks, dim3(THREADS), WARP_SUMS, Rows<Y>(y), rstd, Rows<X>(x), Rows<R>(residual), w, eps,
           x.rows, x.cols, 1.0f / float(x.cols));
  }, y, x, residual);
  return finish(device, "rmsnorm_forward");
}

ctx_status rmsnorm_backward(ctx_device *device, ctx_mat dx, int32_t accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w) {
  CTX_TRY(check_activation(device, "rmsnorm_backward: x", x));
  CTX_TRY(check_activation(device, "rmsnorm_backward: dx", dx, x.rows, x.cols));
  CTX_TRY(check_activation(device, "rmsnorm_backward: dy", dy, x.rows, x.cols));
  if (x.cols > MAX_COLS) return fail(device, CTX_ERR_ARGUMENT, "rmsnorm_backward: rows of %lld numbers, at most %lld fit", (long long)x.cols, (long long)MAX_COLS);
  if (x.rows == 0) return CTX_OK;
  const Parts cut(x.rows);
  if (dw) CTX_TRY(device->reserve(size_t(cut.count * x.cols) * sizeof(float)));
  float *const parts = dw ? static_cast<float *>(device->scratch) : nullptr;
  const bool is_wide = wide(x) && wide(dx) && wide(dy) && wide(w);
  ctx_status status = CTX_OK;
  with_types([&](auto tdx, auto tdy, auto tx) {
    const auto run = is_wide ? backward<WIDE, decltype(tdx), decltype(tdy), decltype(tx)> : backward<1, decltype(tdx), decltype(tdy), decltype(tx)>;
    status = run(device, dx, accumulate != 0, parts, dy, x, rstd, w, cut);
  }, dx, dy, x);
  CTX_TRY(status);
  if (dw) add_parts(device, dw, parts, cut.count, x.cols);
  return finish(device, "rmsnorm_backward");
}

} // namespace ctx_cuda
