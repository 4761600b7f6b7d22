// backend.cu: the one symbol of this library, and whether this machine can run it.
//
// CUDA's runtime is linked in, so that the library loads where there is no driver; its first call then fails, and score() is 0.
#include "attention.h"
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

const ctx_backend TABLE = {
    .version = CTX_BACKEND_VERSION,
    .name = NAME,
    .score = score,
    .create = create,
    .destroy = destroy,
    .last_error = last_error,
    .set_cancel = set_cancel,
    .alloc = alloc,
    .release = release,
    .upload = upload,
    .download = download,
    .synchronize = synchronize,
    .scratch = scratch,
    .zero = zero,
    .copy = copy,
    .add = add,
    .scale = scale,
    .add_row = add_row,
    .sum_rows = sum_rows,
    .gemm = gemm,
    .embed_forward = embed_forward,
    .embed_backward = embed_backward,
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_backward = rmsnorm_backward,
    .rope_table = rope_table,
    .rope = rope,
    .attention_forward = attention_forward,
    .attention_delta = attention_delta,
    .attention_backward = attention_backward,
    .swiglu_forward = swiglu_forward,
    .swiglu_backward = swiglu_backward,
    .cross_entropy = cross_entropy,
    .sum_squares = sum_squares,
    .adamw = adamw,
};

} // namespace
} // namespace ctx_cuda

extern "C" __attribute__((visibility("default"))) const ctx_backend *ctx_backend_v1(void) { return &ctx_cuda::TABLE; }
