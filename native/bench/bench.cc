// bench.cc: see bench.h.
#include "bench.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

void stop(const std::string &what, const char *error) {
  std::fprintf(stderr, "ctx_bench: %s: %s\n", what.c_str(), error);
  std::exit(1);
}

} // namespace

Bench::Bench(const ctx_backend *backend, int threads, std::string filter, double seconds)
    : backend(backend), threads(threads), filter_(std::move(filter)), seconds_(seconds) {
  if (backend->create(threads, &device) != CTX_OK) stop("create", backend->last_error(nullptr));
}

Bench::~Bench() {
  release();
  backend->destroy(device);
}

float *Bench::floats(int64_t n) {
  void *p = nullptr;
  if (backend->alloc(device, size_t(n) * 4, &p) != CTX_OK) stop("alloc", backend->last_error(device));
  memory_.push_back({p, size_t(n) * 4});
  float *x = static_cast<float *>(p);
  for (int64_t i = 0; i < n; i++) x[i] = float(i * 37 % 101 - 50) * 0.01f;
  return x;
}

void Bench::release() {
  for (auto [p, bytes] : memory_) backend->release(device, p, bytes);
  memory_.clear();
}

void Bench::run(const std::string &name, double flops, double bytes, const std::function<ctx_status()> &call) {
  if (name.find(filter_) != std::string::npos) {
    const clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    const auto timed = [&](int calls) {
      const double start = now(clock);
      for (int i = 0; i < calls; i++)
        if (call() != CTX_OK) stop(name, backend->last_error(device));
      return (now(clock) - start) / calls;
    };
    timed(1);
    const double once = timed(1);
    const int calls = std::clamp(int(2e-3 / once), 1, 10000); // batches of 2 ms or more: clocks are coarse
    const int batches = std::clamp(int(seconds_ / (once * calls)), 5, 200);
    std::vector<double> times;
    for (int i = 0; i < batches; i++) times.push_back(timed(calls));
    std::sort(times.begin(), times.end());
    cases.push_back({name, flops, bytes, times[times.size() / 2], times[0]});
  }
  release();
}
