#include "adamw.h"

#include <algorithm>

namespace ctx {

float gradient_scale(double norm, double clip_norm) { return (float)std::min(1.0, clip_norm / (norm + 1e-6)); }

void adamw_update(const Ops &ops, const Parameter &p, float *values, float *m, float *v, const float *gradients, int64_t count, const AdamWOptions &o,
                  float grad_scale) {
  ctx_adamw h{};
  h.lr = p.kind == Parameter::lora_b ? o.lr * o.lora_plus_ratio : o.lr;
  h.beta1 = o.beta1;
  h.beta2 = o.beta2;
  h.eps = o.eps;
  h.weight_decay = p.is_vector() ? 0 : o.weight_decay;
  h.grad_scale = grad_scale;
  h.step = o.step;
  ops.adamw(values, m, v, gradients, count, h);
}

} // namespace ctx
