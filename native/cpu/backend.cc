// backend.cc: the one symbol of this library, and whether this machine can run it.
//
// This file alone is compiled for the baseline instruction set, so score() can be called on any machine.
// CTX_ISA_PORTABLE, CTX_ISA_AVX2, CTX_ISA_AVX512 or CTX_ISA_AVX512BF16 is defined by the build.
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "attention.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

#if !defined(CTX_ISA_PORTABLE)
// __builtin_cpu_supports knows "f16c" in new compilers only.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

#if defined(CTX_ISA_AVX512) || defined(CTX_ISA_AVX512BF16)
bool has_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
#endif

#if defined(CTX_ISA_AVX512BF16)
constexpr const char *NAME = "cpu-avx512bf16";
int32_t score() { return has_avx512() && __builtin_cpu_supports("avx512bf16") ? 40 : 0; }
#elif defined(CTX_ISA_AVX512)
constexpr const char *NAME = "cpu-avx512";
int32_t score() { return has_avx512() ? 30 : 0; }
#elif defined(CTX_ISA_AVX2)
constexpr const char *NAME = "cpu-avx2";
int32_t score() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() ? 20 : 0;
}
#else
constexpr const char *NAME = "cpu-portable";
int32_t score() { return 10; }
#endif

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
} // namespace ctx_cpu

extern "C" __attribute__((visibility("default"))) const ctx_backend *ctx_backend_v1(void) { return &ctx_cpu::TABLE; }
