// backend.cu: the one symbol of this library, and whether this machine can run it.
//
// CUDA's runtime is linked in, so that the library loads where there is no driver; its first call then fails, and score() is 0.
#include <cuda_runtime.h>

#include "operations.h"

namespace ctx_cuda {

namespace {

#if defined(__CUDACC__)
constexpr const char *NAME = "cuda";
#else
constexpr const char *NAME = "cuda-on-host"; // the shim (host/cuda_runtime.h)
#endif

int32_t score() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0 ? 100 : 0;
}

const ctx_backend TABLE = table_of(NAME, score);

} // namespace
} // namespace ctx_cuda

extern "C" __attribute__((visibility("default"))) const ctx_backend *ctx_backend_v1(void) { return &ctx_cuda::TABLE; }
