// attention.h: the kernels that compute attention; attention.cu checks a call and chooses one.
#pragma once
#include "device.h"

namespace ctx_cuda {

constexpr int MAX_HEAD_DIM = 512; // what fits into a block's shared memory

// attention_plain.cu: any GPU, fp32 arithmetic. Arguments have been checked.
ctx_status plain_forward(ctx_device *, const ctx_attention &);
ctx_status plain_backward(ctx_device *, const ctx_attention_grad &);

} // namespace ctx_cuda
