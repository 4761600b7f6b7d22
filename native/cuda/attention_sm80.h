// attention_sm80.h: attention on the tensor cores of GPUs from Ampere on; see attention_sm80.cu.
#pragma once
#include "device.h"

namespace ctx_cuda {

// Whether the kernels take this call: bf16 q, k and v whose rows begin at 16 bytes, head_dim 64 or 128; d_o so too, or fp32.
bool ampere_can(const ctx_attention &);
bool ampere_can(const ctx_attention_grad &);

// Arguments have been checked, and ampere_can.
ctx_status ampere_forward(ctx_device *, const ctx_attention &);
ctx_status ampere_backward(ctx_device *, const ctx_attention_grad &);

} // namespace ctx_cuda
