// peak.cc: the roofs: fused multiply-adds in registers, and memory.
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "bench.h"

namespace {

double thread_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

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
float loop_portable(float scale) { CTX_FMA_LOOP(v4, "+x"); }
#else
float loop_portable(float scale) { CTX_FMA_LOOP(v4, "+w"); }
#endif

double measure(float (*loop)(float), int width) {
  double best = 1e9;
  volatile float sink = 0;
  for (int i = 0; i < 7; i++) {
    const double start = thread_time();
    sink = loop(0.999f);
    best = std::min(best, thread_time() - start);
  }
  (void)sink;
  return 2.0 * width * CHAINS * STEPS / best * 1e-9;
}

} // namespace

double fma_peak(const std::string &backend, int threads) {
  auto *loop = loop_portable;
  int width = 4;
#if defined(__x86_64__)
  if (backend == "cpu-avx512") loop = loop_avx512, width = 16;
  if (backend == "cpu-avx2") loop = loop_avx2, width = 8;
#endif
  std::vector<double> peaks(threads);
  std::vector<std::thread> others;
  for (int t = 1; t < threads; t++) others.emplace_back([&, t] { peaks[t] = measure(loop, width); });
  peaks[0] = measure(loop, width);
  for (auto &t : others) t.join();
  double sum = 0;
  for (double p : peaks) sum += p;
  return sum;
}

double copy_bandwidth() {
  const size_t bytes = size_t(64) << 20;
  std::vector<char> from(bytes, 1), to(bytes, 2);
  double best = 1e9;
  for (int i = 0; i < 7; i++) {
    const double start = thread_time();
    std::memcpy(to.data(), from.data(), bytes);
    best = std::min(best, thread_time() - start);
    from[0] = to[bytes - 1];
  }
  return 2.0 * double(bytes) / best * 1e-9;
}
