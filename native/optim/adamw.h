// adamw.h: AdamW over the parameter table (Loshchilov & Hutter 2019, arXiv 1711.05101): which parameters decay, which learn faster.
// defines: AdamWOptions, adamw_update, gradient_scale
#pragma once
#include "../model/ops.h"
#include "../model/parameters.h"

namespace ctx {

struct AdamWOptions {
  float lr = 0, beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f, weight_decay = 0;
  double clip_norm = 0;       // largest global gradient norm; infinity: no clipping
  int64_t step = 1;           // counts from 1
  float lora_plus_ratio = 1;  // learning-rate factor of lora_B (LoRA+, Hayou et al. 2024, arXiv 2402.12354)
};

// min(1, clip_norm / norm), as torch.nn.utils.clip_grad_norm_ (which adds 1e-6 to the norm).
float gradient_scale(double norm, double clip_norm);

// Updates `count` numbers of one parameter, which may be a part of it. Norms do not decay.
void adamw_update(const Ops &ops, const Parameter &parameter, float *values, float *m, float *v, const float *gradients, int64_t count,
                  const AdamWOptions &options, float grad_scale);

} // namespace ctx
