// rmsnorm.cc: RMSNorm (Zhang & Sennrich 2019) and its gradient.
//
//   forward    y_j = x_j * rstd * w_j,   rstd = 1 / sqrt(mean_j(x_j^2) + eps)
//   backward   g_j = dy_j * w_j;   dx_j = rstd * (g_j - x_j * rstd^2 * mean_j(g_j x_j));   dw_j += sum_rows dy_j x_j rstd
//
// x, y, dx, dy [tokens, hidden], w [hidden], rstd [tokens]. About 4 FLOPs an element forward, 10 backward. A row stays in L1
// between its two passes, so memory is read once: 8 bytes an element forward (16 with a residual), 12 to 16 backward.
#include <algorithm>
#include <cmath>

#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

// Rows summed into one partial dw, at least: partial sums are then added in order, so dw is the same for any thread count.
constexpr int64_t DW_ROWS = 32;
constexpr int64_t DW_PARTS = 64; // at most this many partial sums: bounds the scratch to DW_PARTS * hidden floats

// x += r if r is given; returns the sum of x^2.
CTX_INLINE float add_and_square(float *x, const float *r, int64_t n) {
  vf s0 = ctx_simd::zero(), s1 = ctx_simd::zero();
  int64_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    vf a = load(x + j), b = load(x + j + W);
    if (r) {
      a += load(r + j);
      b += load(r + j + W);
      store(x + j, a);
      store(x + j + W, b);
    }
    s0 = fma(a, a, s0);
    s1 = fma(b, b, s1);
  }
  for (; j < n; j += W) {
    vf a = load_n(x + j, n - j);
    if (r) {
      a += load_n(r + j, n - j);
      store_n(x + j, a, n - j);
    }
    s0 = fma(a, a, s0);
  }
  return reduce_add(s0 + s1);
}

// sum of dy * w * x
CTX_INLINE float dot3(const float *dy, const float *w, const float *x, int64_t n) {
  vf s0 = ctx_simd::zero(), s1 = ctx_simd::zero();
  int64_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    s0 = fma(load(dy + j) * load(w + j), load(x + j), s0);
    s1 = fma(load(dy + j + W) * load(w + j + W), load(x + j + W), s1);
  }
  for (; j < n; j += W) s0 = fma(load_n(dy + j, n - j) * load_n(w + j, n - j), load_n(x + j, n - j), s0);
  return reduce_add(s0 + s1);
}

} // namespace

ctx_status rmsnorm_forward(ctx_device *device, ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps) {
  CTX_TRY(check_f32(device, "rmsnorm_forward: x", x));
  CTX_TRY(check_f32(device, "rmsnorm_forward: y", y, x.rows, x.cols));
  if (residual.data) CTX_TRY(check_f32(device, "rmsnorm_forward: residual", residual, x.rows, x.cols));
  parallel_rows(device, x.rows, x.cols, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; i++) {
      float *xi = row(x, i), *yi = row(y, i);
      const float squares = add_and_square(xi, residual.data ? row(residual, i) : nullptr, x.cols);
      const float r = 1.0f / std::sqrt(squares / float(x.cols) + eps);
      if (rstd) rstd[i] = r;
      const vf rv = set1(r);
      int64_t j = 0;
      for (; j + W <= x.cols; j += W) store(yi + j, load(xi + j) * rv * load(w + j));
      for (; j < x.cols; j++) yi[j] = xi[j] * r * w[j];
    }
  });
  return finish(device, "rmsnorm_forward");
}

ctx_status rmsnorm_backward(ctx_device *device, ctx_mat dx, int32_t accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w) {
  CTX_TRY(check_f32(device, "rmsnorm_backward: x", x));
  CTX_TRY(check_f32(device, "rmsnorm_backward: dx", dx, x.rows, x.cols));
  CTX_TRY(check_f32(device, "rmsnorm_backward: dy", dy, x.rows, x.cols));
  const int64_t cols = x.cols;
  const int64_t step = std::max(DW_ROWS, (x.rows + DW_PARTS - 1) / DW_PARTS), parts = (x.rows + step - 1) / step;
  if (dw) CTX_TRY(device->reserve(parts * cols, 0));

  device->pool.parallel_for(parts, [&](int64_t part, int) {
    if (device->cancelled()) return;
    float *sum = dw ? device->shared.data() + part * cols : nullptr;
    if (sum) std::fill_n(sum, cols, 0.0f);
    for (int64_t i = part * step; i < std::min(x.rows, (part + 1) * step); i++) {
      const float *xi = row(x, i), *dyi = row(dy, i);
      float *dxi = row(dx, i);
      const float r = rstd[i], c = r * r * dot3(dyi, w, xi, cols) / float(cols);
      const vf rv = set1(r), cv = set1(c);
      int64_t j = 0;
      for (; j + W <= cols; j += W) {
        const vf xv = load(xi + j), dyv = load(dyi + j);
        if (sum) store(sum + j, fma(dyv * xv, rv, load(sum + j)));
        const vf d = rv * (dyv * load(w + j) - xv * cv);
        store(dxi + j, accumulate ? load(dxi + j) + d : d);
      }
      for (; j < cols; j++) {
        const float xv = xi[j], dyv = dyi[j];
        if (sum) sum[j] += dyv * xv * r;
        const float d = r * (dyv * w[j] - xv * c);
        dxi[j] = accumulate ? dxi[j] + d : d;
      }
    }
  });

  if (dw && !device->cancelled())
    parallel_spans(device, 1, cols, true, [&](int64_t, int64_t first, int64_t n) {
      for (int64_t part = 0; part < parts; part++) {
        const float *sum = device->shared.data() + part * cols;
        for (int64_t j = first; j < first + n; j++) dw[j] += sum[j];
      }
    });
  return finish(device, "rmsnorm_backward");
}

} // namespace ctx_cpu
