// adamw.cu: one AdamW step (Loshchilov & Hutter 2019, algorithm 2) in one pass over memory.
//
//   g = grad_scale * grad;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p = p - lr * weight_decay * p - lr * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps)
//
// param, m, v, grad [n], fp32. 28 bytes (16 read, 12 written) an element: bound by memory.
#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

struct AdamW {
  float *param, *m, *v;
  const float *grad;
  float b1, c1, b2, c2, scale, keep, rate, root, eps;
  template <int N> __device__ void at(int64_t, int64_t j) const {
    const Floats<N> g = get<N>(grad + j), m0 = get<N>(m + j), v0 = get<N>(v + j), p0 = get<N>(param + j);
    Floats<N> m1, v1, p1;
#pragma unroll
    for (int k = 0; k < N; k++) {
      const float scaled = scale * g[k];
      m1[k] = b1 * m0[k] + c1 * scaled;
      v1[k] = b2 * v0[k] + c2 * scaled * scaled;
      p1[k] = p0[k] * keep - rate * m1[k] / (sqrtf(v1[k]) * root + eps);
    }
    put<N>(m + j, m1);
    put<N>(v + j, v1);
    put<N>(param + j, p1);
  }
};

} // namespace

ctx_status adamw(ctx_device *device, float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw *h) {
  if (n < 0 || h->step < 1) return fail(device, CTX_ERR_ARGUMENT, "adamw: n is %lld, step %lld; steps count from 1", (long long)n, (long long)h->step);
  const double correction1 = 1 - std::pow(double(h->beta1), double(h->step)), correction2 = 1 - std::pow(double(h->beta2), double(h->step));
  const AdamW op = {param, m, v, grad, h->beta1, float(1 - double(h->beta1)), h->beta2, float(1 - double(h->beta2)), h->grad_scale,
                    float(1 - double(h->lr) * h->weight_decay), float(h->lr / correction1), float(1 / std::sqrt(correction2)), h->eps};
  for_each(device, 1, n, n % WIDE == 0 && wide(param) && wide(m) && wide(v) && wide(grad), op);
  return finish(device, "adamw");
}

} // namespace ctx_cuda
