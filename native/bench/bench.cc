// bench.cc: see bench.h.
#include "bench.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "dtype.h"
#include "half.h"

namespace {

void stop(const std::string &what, const char *error) {
  std::fprintf(stderr, "ctx_bench: %s: %s\n", what.c_str(), error);
  std::exit(1);
}

} // namespace

Bench::Bench(const ctx_backend *backend, int threads, std::string filter, double seconds)
    : backend(backend), threads(threads), filter_(std::move(filter)), seconds_(seconds) {
  if (backend->create(0, threads, &device) != CTX_OK) stop("create", backend->last_error(nullptr));
}

Bench::~Bench() {
  release();
  backend->destroy(device);
}

void *Bench::numbers(int64_t n, ctx_dtype dtype) {
  void *p = nullptr;
  const size_t bytes = size_t(n * ctx::size_of(dtype));
  if (backend->alloc(device, bytes, &p) != CTX_OK) stop("alloc", backend->last_error(device));
  memory_.push_back({p, bytes});
  for (int64_t i = 0; i < n; i++) {
    const float x = float(i * 37 % 101 - 50) * 0.01f;
    if (dtype == CTX_F32) static_cast<float *>(p)[i] = x;
    else static_cast<uint16_t *>(p)[i] = ctx::to_bf16(x);
  }
  return p;
}

void Bench::release() {
  for (auto [p, bytes] : memory_) backend->release(device, p, bytes);
  memory_.clear();
}

void Bench::run(const std::string &name, double flops, double bytes, const std::function<ctx_status()> &call, ctx_dtype dtype) {
  if (wants(name)) {
    const auto timed = [&](int calls) {
      const double start = clock_seconds(threads);
      for (int i = 0; i < calls; i++)
        if (call() != CTX_OK) stop(name, backend->last_error(device));
      return (clock_seconds(threads) - start) / calls;
    };
    timed(1);
    const double once = timed(1);
    const int calls = std::clamp(int(2e-3 / once), 1, 10000); // batches of 2 ms or more: clocks are coarse
    const int batches = std::clamp(int(seconds_ / (once * calls)), 5, 200);
    std::vector<double> times;
    for (int i = 0; i < batches; i++) times.push_back(timed(calls));
    std::sort(times.begin(), times.end());
    cases.push_back({name, flops, bytes, times[times.size() / 2], times[0], dtype});
  }
  release();
}
