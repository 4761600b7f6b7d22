// swiglu.cu: SwiGLU (Shazeer 2020) and its gradient.
//
//   forward    y = silu(g) * u,   silu(g) = g s,   s = 1 / (1 + exp(-g))
//   backward   du = dy * silu(g);   dg = dy * u * s * (1 + g (1 - s))
//
// All [tokens, intermediate], each fp32 or bf16. Bound by memory: in fp32 12 bytes an element forward, 20 backward (24 with y), in bf16
// half of that. Every element is read once and written once.
#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

// Below -87 silu is less than 2e-36 in magnitude and exp(-g) would be infinite, and -inf * 0 a NaN; a NaN stays one.
__device__ __forceinline__ float clamped(float g) { return g < -87.0f ? -87.0f : g; }
__device__ __forceinline__ float sigmoid(float g) { return __fdividef(1.0f, 1.0f + __expf(-g)); } // of a clamped g: the divisor is below 2^126

template <class Y, class G, class U> struct Forward {
  Rows<Y> y;
  Rows<G> gate;
  Rows<U> up;
  template <int N> __device__ void at(int64_t i, int64_t j) const {
    const Floats<N> g = get<N>(gate.at(i, j)), u = get<N>(up.at(i, j));
    put<N>(y.at(i, j), each<N>([&](int k) {
      const float c = clamped(g[k]);
      return c * sigmoid(c) * u[k];
    }));
  }
};

template <class G, class U, class Y, class D> struct Backward {
  Rows<G> gate;
  Rows<U> up;
  Rows<Y> y; // may have no data
  Rows<D> dy;
  template <int N> __device__ void at(int64_t i, int64_t j) const {
    const Floats<N> g0 = get<N>(gate.at(i, j)), u = get<N>(up.at(i, j)), d = get<N>(dy.at(i, j));
    Floats<N> dg, du, product;
#pragma unroll
    for (int k = 0; k < N; k++) {
      const float g = clamped(g0[k]), s = sigmoid(g), silu = g * s;
      dg[k] = d[k] * u[k] * s * (1.0f + (g - silu));
      du[k] = d[k] * silu;
      product[k] = silu * u[k];
    }
    put<N>(gate.at(i, j), dg);
    put<N>(up.at(i, j), du);
    if (y.data) put<N>(y.at(i, j), product);
  }
};

} // namespace

ctx_status swiglu_forward(ctx_device *device, ctx_mat y, ctx_mat gate, ctx_mat up) {
  CTX_TRY(check_activation(device, "swiglu_forward: gate", gate));
  CTX_TRY(check_activation(device, "swiglu_forward: up", up, gate.rows, gate.cols));
  CTX_TRY(check_activation(device, "swiglu_forward: y", y, gate.rows, gate.cols));
  flatten(y, gate, up);
  with_types([&](auto ty, auto tg, auto tu) {
    for_each(device, y.rows, y.cols, wide(y) && wide(gate) && wide(up), Forward<decltype(ty), decltype(tg), decltype(tu)>{y, gate, up});
  }, y, gate, up);
  return finish(device, "swiglu_forward");
}

ctx_status swiglu_backward(ctx_device *device, ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy) {
  CTX_TRY(check_activation(device, "swiglu_backward: gate", gate));
  CTX_TRY(check_activation(device, "swiglu_backward: up", up, gate.rows, gate.cols));
  CTX_TRY(check_activation(device, "swiglu_backward: dy", dy, gate.rows, gate.cols));
  if (y.data) CTX_TRY(check_activation(device, "swiglu_backward: y", y, gate.rows, gate.cols));
  const bool is_wide = wide(gate) && wide(up) && wide(dy) && (!y.data || wide(y));
  with_types([&](auto tg, auto tu, auto ty, auto td) {
    for_each(device, gate.rows, gate.cols, is_wide, Backward<decltype(tg), decltype(tu), decltype(ty), decltype(td)>{gate, up, y, dy});
  }, gate, up, y, dy);
  return finish(device, "swiglu_backward");
}

} // namespace ctx_cuda
