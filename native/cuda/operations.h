// operations.h: see include/operations.h.
//
// The table's entries first make the device's GPU the calling thread's current one: ranks are threads, and streams and memory belong to a GPU.
// defines: OnOwnGpu
#pragma once
#include "../include/ctx_backend.h"

namespace ctx_cuda {

ctx_status use_own_gpu(ctx_device *); // device.cu

template <auto operation> struct OnOwnGpu;
template <class... A, ctx_status (*operation)(ctx_device *, A...)> struct OnOwnGpu<operation> {
  static ctx_status call(ctx_device *device, A... arguments) {
    const ctx_status status = use_own_gpu(device);
    return status == CTX_OK ? operation(device, arguments...) : status;
  }
};

} // namespace ctx_cuda

#define CTX_OPERATION(f) OnOwnGpu<f>::call
#define CTX_BACKEND_NAMESPACE ctx_cuda
#include "../include/operations.h"
