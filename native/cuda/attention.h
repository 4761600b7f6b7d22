// attention.h: the kernels that compute attention; attention.cu checks a call and chooses one.
#pragma once
#include "device.h"

namespace ctx_cuda {

// attention.cu: the operations of include/ctx_backend.h.
ctx_status attention_forward(ctx_device *, const ctx_attention *);
ctx_status attention_delta(ctx_device *, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim);
ctx_status attention_backward(ctx_device *, const ctx_attention_grad *);

constexpr int MAX_HEAD_DIM = 512; // what fits into a block's shared memory

// attention_plain.cu: any GPU, fp32 arithmetic. Arguments have been checked.
ctx_status plain_forward(ctx_device *, const ctx_attention &);
ctx_status plain_backward(ctx_device *, const ctx_attention_grad &);

} // namespace ctx_cuda
