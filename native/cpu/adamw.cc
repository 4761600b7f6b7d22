// adamw.cc: one AdamW step (Loshchilov & Hutter 2019, algorithm 2) in one pass over memory.
//
//   g = grad_scale * grad;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p = p - lr * weight_decay * p - lr * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps)
//
// param, m, v, grad [n]. About 14 FLOPs and 28 bytes (16 read, 12 written) an element: bound by memory.
#include <cmath>

#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {

using namespace ctx_simd;

ctx_status adamw(ctx_device *device, float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw *h) {
  if (n < 0 || h->step < 1) return fail(device, CTX_ERR_ARGUMENT, "adamw: n is %lld, step %lld; steps count from 1", (long long)n, (long long)h->step);
  const double correction1 = 1 - std::pow(double(h->beta1), double(h->step)), correction2 = 1 - std::pow(double(h->beta2), double(h->step));
  const float keep = float(1 - double(h->lr) * h->weight_decay), rate = float(h->lr / correction1), root = float(1 / std::sqrt(correction2));
  const vf b1 = set1(h->beta1), c1 = set1(float(1 - double(h->beta1))), b2 = set1(h->beta2), c2 = set1(float(1 - double(h->beta2)));
  const vf gs = set1(h->grad_scale), eps = set1(h->eps);

  parallel_spans(device, 1, n, true, [&](int64_t, int64_t first, int64_t count) {
    for (int64_t j = first; j < first + count; j += W) {
      const int64_t left = first + count - j;
      const bool whole = left >= W;
      const vf g = gs * (whole ? load(grad + j) : load_n(grad + j, left));
      const vf m1 = b1 * (whole ? load(m + j) : load_n(m + j, left)) + c1 * g;
      const vf v1 = b2 * (whole ? load(v + j) : load_n(v + j, left)) + c2 * g * g;
      const vf p0 = whole ? load(param + j) : load_n(param + j, left);
      const vf p1 = p0 * set1(keep) - set1(rate) * m1 / (vsqrt(v1) * set1(root) + eps);
      if (whole) {
        store(m + j, m1);
        store(v + j, v1);
        store(param + j, p1);
      } else {
        store_n(m + j, m1, left);
        store_n(v + j, v1, left);
        store_n(param + j, p1, left);
      }
    }
  });
  return finish(device, "adamw");
}

} // namespace ctx_cpu
