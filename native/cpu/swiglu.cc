// swiglu.cc: SwiGLU (Shazeer 2020) and its gradient.
//
//   forward    y = silu(g) * u,   silu(g) = g s,   s = 1 / (1 + exp(-g))
//   backward   du = dy * silu(g);   dg = dy * u * s * (1 + g (1 - s))
//
// All [tokens, intermediate], each fp32 or bf16. About 20 FLOPs an element; in fp32 12 bytes an element forward, 20 backward (24 with
// y), in bf16 half of that. Every element is read once and written once.
#include "elements.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr float LOG2_E = 1.44269504f;

// Below it silu is less than 2e-36 in magnitude, and exp(-g) would leave the range of exp2v.
CTX_INLINE vf clamped(vf g) { return vmax(set1(-87.0f), g); } // in this order a NaN stays a NaN

// Of a clamped g.
CTX_INLINE vf sigmoid(vf g) { return set1(1.0f) / (set1(1.0f) + exp2v(g * set1(-LOG2_E))); }

} // namespace

ctx_status swiglu_forward(ctx_device *device, ctx_mat y, ctx_mat gate, ctx_mat up) {
  CTX_TRY(check_activation(device, "swiglu_forward: gate", gate));
  CTX_TRY(check_activation(device, "swiglu_forward: up", up, gate.rows, gate.cols));
  CTX_TRY(check_activation(device, "swiglu_forward: y", y, gate.rows, gate.cols));
  const bool flat = contiguous(y) && contiguous(gate) && contiguous(up);
  with_types([&]<class Y, class G, class U>(Y, G, U) {
    parallel_spans(device, y.rows, y.cols, flat, [&](int64_t i, int64_t first, int64_t n) {
      Y *const yp = at<Y>(y, i, first);
      const G *const gp = at<G>(gate, i, first);
      const U *const up_ = at<U>(up, i, first);
      vectors(n, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
        const vf g = clamped(get(gp + j, left));
        put(yp + j, g * sigmoid(g) * get(up_ + j, left), left);
      });
    });
  }, y, gate, up);
  return finish(device, "swiglu_forward");
}

ctx_status swiglu_backward(ctx_device *device, ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy) {
  CTX_TRY(check_activation(device, "swiglu_backward: gate", gate));
  CTX_TRY(check_activation(device, "swiglu_backward: up", up, gate.rows, gate.cols));
  CTX_TRY(check_activation(device, "swiglu_backward: dy", dy, gate.rows, gate.cols));
  if (y.data) CTX_TRY(check_activation(device, "swiglu_backward: y", y, gate.rows, gate.cols));
  const bool flat = contiguous(gate) && contiguous(up) && contiguous(dy) && (!y.data || contiguous(y));
  with_types([&]<class G, class U, class Y, class D>(G, U, Y, D) {
    parallel_spans(device, gate.rows, gate.cols, flat, [&](int64_t i, int64_t first, int64_t n) {
      G *const gp = at<G>(gate, i, first);
      U *const up_ = at<U>(up, i, first);
      Y *const yp = y.data ? at<Y>(y, i, first) : nullptr;
      const D *const dp = at<D>(dy, i, first);
      vectors(n, [&](int64_t j, int64_t left) __attribute__((always_inline)) {
        const vf g = clamped(get(gp + j, left)), u = get(up_ + j, left), d = get(dp + j, left);
        const vf s = sigmoid(g), silu = g * s;
        put(gp + j, d * u * s * (set1(1.0f) + (g - g * s)), left);
        put(up_ + j, d * silu, left);
        if (yp) put(yp + j, silu * u, left);
      });
    });
  }, gate, up, y, dy);
  return finish(device, "swiglu_backward");
}

} // namespace ctx_cpu
