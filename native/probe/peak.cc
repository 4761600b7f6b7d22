// peak.cc: the roofs: multiply-adds in registers, fp32 and bf16, and memory.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "probe/peak.h"

namespace {

constexpr int CHAINS = 12; // independent sums: latency 4 times 2 units, and some to spare
constexpr int64_t STEPS = 1000000;

// The same loop for three vector types. KEEP makes the compiler believe that a register was read and written, so that it neither
// drops nor reorders the chains.
#define CTX_FMA_LOOP(vector, KEEP)                                              \
  const vector a = vector{} + scale, b = vector{} + 1e-3f;                      \
  vector c[CHAINS];                                                             \
  _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++) c[j] = b * float(j); \
  for (int64_t i = 0; i < STEPS; i++) {                                         \
    _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++) {                 \
      c[j] = c[j] * a + b;                                                      \
      asm volatile("" : KEEP(c[j]));                                            \
    }                                                                           \
  }                                                                             \
  _Pragma("GCC unroll 12") for (int j = 1; j < CHAINS; j++) c[0] += c[j];       \
  return c[0][0]

typedef float v4 __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));
__attribute__((target("avx2,fma"))) float loop_avx2(float scale) { CTX_FMA_LOOP(v8, "+x"); }
__attribute__((target("avx512f"))) float loop_avx512(float scale) { CTX_FMA_LOOP(v16, "+v"); }
// Products of bf16 in pairs, two to each 32-bit word.
__attribute__((target("avx512f,avx512bf16"))) float loop_avx512bf16(float scale) {
  const __m512bh a = (__m512bh)(v16{} + scale), b = (__m512bh)(v16{} + 1e-3f);
  __m512 c[CHAINS];
#pragma GCC unroll 12
  for (int j = 0; j < CHAINS; j++) c[j] = (__m512)(v16{} + float(j));
  for (int64_t i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) {
      c[j] = _mm512_dpbf16_ps(c[j], a, b);
      asm volatile("" : "+v"(c[j]));
    }
  }
#pragma GCC unroll 12
  for (int j = 1; j < CHAINS; j++) c[0] += c[j];
  return c[0][0];
}
float loop_portable(float scale) { CTX_FMA_LOOP(v4, "+x"); }
#else
float loop_portable(float scale) { CTX_FMA_LOOP(v4, "+w"); }
#endif

// A loop and the FLOPs of one of its instructions.
struct Loop {
  float (*run)(float);
  int flops;
};

Loop widest(const std::string &backend, ctx_dtype dtype) {
#if defined(__x86_64__)
  if (backend == "cpu-avx512bf16" && dtype == CTX_BF16) return {loop_avx512bf16, 64};
  if (backend == "cpu-avx512bf16" || backend == "cpu-avx512") return {loop_avx512, 32};
  if (backend == "cpu-avx2") return {loop_avx2, 16};
#endif
  (void)backend, (void)dtype; // bf16 is widened and multiplied as fp32
  return {loop_portable, 8};
}

} // namespace

double clock_seconds(int threads) {
  timespec t;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

double multiply_add_peak(const std::string &backend, ctx_dtype dtype, int threads, Clock clock) {
  const Loop loop = widest(backend, dtype);
  volatile float sink = 0;
  double best = 0;
  for (int run = 0; run < 9; run++) {
    std::atomic<int> waiting{threads};
    std::vector<double> own(size_t(threads), 0); // CPU seconds of each thread
    const auto together = [&](int t) {           // starts when all have come
      for (waiting--; waiting > 0;) {
      }
      const double start = clock_seconds(1);
      sink = loop.run(0.999f);
      own[size_t(t)] = clock_seconds(1) - start;
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; t++) others.emplace_back(together, t);
    while (waiting > 1) {
    }
    const double start = clock_seconds(threads);
    together(0);
    for (auto &t : others) t.join();
    const double wall = clock_seconds(threads) - start;
    double rate = 0; // of loops a second
    for (double seconds : own) rate += 1 / seconds;
    best = std::max(best, clock == Clock::own ? rate : threads / wall);
  }
  (void)sink;
  return loop.flops * CHAINS * STEPS * best * 1e-9;
}

double copy_bandwidth() {
  const size_t bytes = size_t(64) << 20;
  std::vector<char> from(bytes, 1), to(bytes, 2);
  double best = 1e9;
  for (int i = 0; i < 7; i++) {
    const double start = clock_seconds(1);
    std::memcpy(to.data(), from.data(), bytes);
    best = std::min(best, clock_seconds(1) - start);
    from[0] = to[bytes - 1];
  }
  return 2.0 * double(bytes) / best * 1e-9;
}
