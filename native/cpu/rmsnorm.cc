// rmsnorm.cc: RMSNorm (Zhang & Sennrich 2019) and its gradient.
//
//   forward    y_j = x_j * rstd * w_j,   rstd = 1 / sqrt(mean_j(x_j^2) + eps)
//   backward   g_j = dy_j * w_j;   dx_j = rstd * (g_j - x_j * rstd^2 * mean_j(g_j x_j));   dw_j += sum_rows dy_j x_j rstd
//
// x, y, dx, dy [tokens, hidden], each fp32 or bf16; w [hidden], rstd [tokens] fp32. About 4 FLOPs an element forward, 10 backward. A
// row stays in L1 between its two passes, so memory is read once: in fp32 8 bytes an element forward (16 with a residual), 12 to 16
// backward. Where x += residual rounds to bf16, the norm is that of the rounded x, which is the one that backward finds.
#include <algorithm>
#include <cmath>

#include "elements.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

// Rows summed into one partial dw, at least: partial sums are then added in order, so dw is the same for any thread count.
constexpr int64_t DW_ROWS = 32;
constexpr int64_t DW_PARTS = 64; // at most this many partial sums: bounds the scratch to DW_PARTS * hidden floats
constexpr int CHAINS = 4;        // independent sums: one alone would wait for itself at every step

// Sum over j of term(j, left), vector by vector.
template <class Term> CTX_INLINE float sum_of(int64_t n, const Term &term) {
  vf s[CHAINS] = {};
  int64_t j = 0;
  for (; j + CHAINS * W <= n; j += CHAINS * W)
#pragma GCC unroll 4
    for (int c = 0; c < CHAINS; c++) s[c] += term(j + c * W, int64_t(W));
  for (; j < n; j += W) s[0] += term(j, n - j);
  return reduce_add((s[0] + s[1]) + (s[2] + s[3]));
}

} // namespace

ctx_status rmsnorm_forward(ctx_device *device, ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps) {
  CTX_TRY(check_activation(device, "rmsnorm_forward: x", x));
  CTX_TRY(check_activation(device, "rmsnorm_forward: y", y, x.rows, x.cols));
  if (residual.data) CTX_TRY(check_activation(device, "rmsnorm_forward: residual", residual, x.rows, x.cols));
  with_types([&]<class Y, class X, class R>(Y, X, R) {
    parallel_rows(device, x.rows, x.cols, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; i++) {
        X *const xi = at<X>(x, i);
        Y *const yi = at<Y>(y, i);
        const R *const ri = residual.data ? at<R>(residual, i) : nullptr;
        const float squares = ri ? sum_of(x.cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
          const vf a = rounded<X>(get(xi + j, left) + get(ri + j, left));
          put(xi + j, a, left);
          return a * a;
        }) : sum_of(x.cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
          const vf a = get(xi + j, left);
          return a * a;
        });
        const float r = 1.0f / std::sqrt(squares / float(x.cols) + eps);
        if (rstd) rstd[i] = r;
        vectors(x.cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) { put(yi + j, get(xi + j, left) * r * get(w + j, left), left); });
      }
    });
  }, y, x, residual);
  return finish(device, "rmsnorm_forward");
}

ctx_status rmsnorm_backward(ctx_device *device, ctx_mat dx, int32_t accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w) {
  CTX_TRY(check_activation(device, "rmsnorm_backward: x", x));
  CTX_TRY(check_activation(device, "rmsnorm_backward: dx", dx, x.rows, x.cols));
  CTX_TRY(check_activation(device, "rmsnorm_backward: dy", dy, x.rows, x.cols));
  const int64_t cols = x.cols;
  const int64_t step = std::max(DW_ROWS, (x.rows + DW_PARTS - 1) / DW_PARTS), parts = (x.rows + step - 1) / step;
  if (dw) CTX_TRY(device->reserve(parts * cols, 0));

  with_types([&]<class DX, class DY, class X>(DX, DY, X) {
    device->pool.parallel_for(parts, [&](int64_t part, int) {
      if (device->cancelled()) return;
      float *const sum = dw ? device->shared.data() + part * cols : nullptr;
      if (sum) std::fill_n(sum, cols, 0.0f);
      for (int64_t i = part * step; i < std::min(x.rows, (part + 1) * step); i++) {
        const X *const xi = at<X>(x, i);
        const DY *const dyi = at<DY>(dy, i);
        DX *const dxi = at<DX>(dx, i);
        const float r = rstd[i];
        const float dot = sum_of(cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
          return get(dyi + j, left) * get(w + j, left) * get(xi + j, left);
        });
        const vf c = set1(r * r * dot / float(cols));
        vectors(cols, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
          const vf xv = get(xi + j, left), dyv = get(dyi + j, left);
          if (sum) put(sum + j, fma(dyv * xv, set1(r), get(sum + j, left)), left);
          const vf d = r * (dyv * get(w + j, left) - xv * c);
          put(dxi + j, accumulate ? get(dxi + j, left) + d : d, left);
        });
      }
    });
  }, dx, dy, x);

  if (dw && !device->cancelled())
    parallel_spans(device, 1, cols, true, [&](int64_t, int64_t first, int64_t n) {
      for (int64_t part = 0; part < parts; part++) {
        const float *const sum = device->shared.data() + part * cols;
        for (int64_t j = first; j < first + n; j++) dw[j] += sum[j];
      }
    });
  return finish(device, "rmsnorm_backward");
}

} // namespace ctx_cpu
