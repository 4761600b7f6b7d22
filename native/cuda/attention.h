// attention.h: the kernels that compute attention; attention.cu checks a call and chooses one.
#pragma once
#include "device.h"

namespace ctx_cuda {

constexpr int MAX_HEAD_DIM = 512; // what fits into a block's shared memory

// attention_plain.cu: any GPU, fp32 arithmetic. Arguments have been checked.
ctx_status plain_forward(ctx_device *, const ctx_attention &);
ctx_status plain_backward(ctx_device *, const ctx_attention_grad &);

// attention_fwd_sm90.cu, attention_bwd_sm90.cu, attention_bwd_fused_sm90.cu: a Hopper GPU's tensor cores, where hopper_can: bf16 q, k and v that TMA can
// read, head_dim 64 or 128. Sums have one order here too, unless a call allows any.
bool hopper_can(const ctx_device *, const ctx_attention &);
ctx_status hopper_forward(ctx_device *, const ctx_attention &);
// Gradients in one kernel, where hopper_fuses: a dq that TMA can add to; and in two, of which one makes dq.
bool hopper_fuses(const ctx_attention_grad &);
ctx_status hopper_backward(ctx_device *, const ctx_attention_grad &);
ctx_status hopper_backward_apart(ctx_device *, const ctx_attention_grad &);
// What of the forward kernel the library holds for the GPU at hand: real code, or a body that only fails, for another architecture or of its PTX.
ctx_status hopper_code(ctx_device *, bool *real, int *binary, int *registers);

// Lets a kernel have so much dynamic shared memory; up to 48 KiB it always can.
template <class... P> ctx_status allow(ctx_device *device, void (*kernel)(P...), size_t shared) {
  if (shared > 48 * 1024) CTX_CUDA(device, "attention", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)));
  return CTX_OK;
}

} // namespace ctx_cuda
