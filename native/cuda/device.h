// device.h: what a ctx_device is on a GPU: a stream with its scratch, two for transfers; and the helpers that every operation uses.
//
// Operations only enqueue; `synchronize`, `download` and the few that return a number wait. Each operation asks afterwards whether its
// launch was accepted, so an error is told at the operation, or, if the GPU meets it later, at the next one that waits.
//
// defines: ctx_device, fail, cuda_failed, check_activation, check_f32, launch_on, launch, shared_memory, CTX_TRY, CTX_CUDA
#pragma once
#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../include/ctx_backend.h"

namespace ctx_cuda {
struct Products; // gemm_lt.h
}

struct ctx_device {
  int32_t index = 0; // of its GPU
  cudaStream_t stream = nullptr;
  cudaStream_t incoming = nullptr, outgoing = nullptr; // transfers, beside it and each other
  void *scratch = nullptr; // grows; contents are not kept
  std::atomic<size_t> scratch_bytes{0}; // read from any thread
  int32_t *wrong = nullptr; // on the device: lowest index that a check found wrong (see checks.cuh)
  ctx_cuda::Products *products = nullptr; // made at the first matrix product
  const volatile int32_t *cancel = nullptr;
  int32_t sm = 0; // compute capability times ten
  char error[512] = "";

  cudaStream_t queue(ctx_queue which) const { return which == CTX_OPERATIONS ? stream : which == CTX_INCOMING ? incoming : outgoing; }
  bool cancelled() const { return cancel && *cancel != 0; }

  // Scratch of at least so many bytes. Work that uses the old one may still be in flight: growing waits for it.
  ctx_status reserve(size_t bytes);
};

namespace ctx_cuda {

// Writes the message (printf style) for last_error and returns `status`. `device` may be null.
__attribute__((format(printf, 3, 4))) ctx_status fail(ctx_device *device, ctx_status status, const char *format, ...);

// Bytes of a GPU that nobody has taken, and all of them (backend.cu).
ctx_status free_memory(int32_t index, int64_t *free, int64_t *total);

// CTX_ERR_MEMORY or CTX_ERR_DEVICE with CUDA's words.
ctx_status cuda_failed(ctx_device *device, const char *what, cudaError_t error);

// After the launches of an operation: CTX_OK, or why they were refused, or that the cancel flag is up.
ctx_status finish(ctx_device *device, const char *operation);

// x is a matrix of fp32 or bf16 (check_f32: of fp32), and, if told, rows x cols; `name` is for the message: "rmsnorm_forward: x".
ctx_status check_activation(ctx_device *device, const char *name, const ctx_mat &x);
ctx_status check_activation(ctx_device *device, const char *name, const ctx_mat &x, int64_t rows, int64_t cols);
ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x);

inline bool contiguous(const ctx_mat &x) { return x.ld == x.cols; }
inline constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Enqueues a kernel.
template <class... P, class... A>
void launch_on(cudaStream_t stream, void (*kernel)(P...), dim3 blocks, dim3 threads, size_t shared, A... arguments) {
#if defined(__CUDACC__)
  kernel<<<blocks, threads, shared, stream>>>(P(arguments)...);
#else
  if (!ctx_shim::check_arguments(P(arguments)...)) return;
  ctx_shim::enqueue_touching(stream, [=] { ctx_shim::run(blocks, threads, shared, [=] { kernel(P(arguments)...); }); });
#endif
}
// As an operation.
template <class... P, class... A>
void launch(ctx_device *device, void (*kernel)(P...), dim3 blocks, dim3 threads, size_t shared, A... arguments) {
  launch_on(device->stream, kernel, blocks, threads, shared, arguments...);
}

// The block's dynamic shared memory.
template <class T> __device__ __forceinline__ T *shared_memory() {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char bytes[];
  return reinterpret_cast<T *>(bytes);
#else
  return reinterpret_cast<T *>(ctx_shim::shared_bytes());
#endif
}

} // namespace ctx_cuda

// Leaves the calling operation with the status of `expression` unless it is CTX_OK.
#define CTX_TRY(expression)                  \
  do {                                       \
    const ctx_status status_ = (expression); \
    if (status_ != CTX_OK) return status_;   \
  } while (0)

// The same for a call of the CUDA runtime; `what` goes into the message.
#define CTX_CUDA(device, what, call)                                                 \
  do {                                                                               \
    const cudaError_t error_ = (call);                                               \
    if (error_ != cudaSuccess) return ctx_cuda::cuda_failed(device, what, error_);   \
  } while (0)
