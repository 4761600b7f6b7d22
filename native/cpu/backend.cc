// backend.cc: the one symbol of this library, and whether this machine can run it.
//
// This file alone is compiled for the baseline instruction set, so score() can be called on any machine.
// CTX_ISA_PORTABLE, CTX_ISA_AVX2, CTX_ISA_AVX512 or CTX_ISA_AVX512BF16 is defined by the build.
#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

const char *problem() { return score() > 0 ? "" : "this machine lacks its instructions"; }

const ctx_backend TABLE = table_of(NAME, score, problem);

} // namespace
} // namespace ctx_cpu

extern "C" __attribute__((visibility("default"))) const ctx_backend *ctx_backend_v1(void) { return &ctx_cpu::TABLE; }
