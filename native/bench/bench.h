// bench.h: times operations of a backend and prints them beside what the machine can do.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctx_backend.h"

// One line of the table. `flops` and `bytes` are what the operation must do, not what an implementation happens to do.
struct Case {
  std::string name;     // "gemm NT 2048x512x512": peers parse it, see runtime/bench/torch_kernels.py
  double flops = 0;     // of one call; 0: bound by memory
  double bytes = 0;     // read + written by one call
  double seconds = 0;   // median of one call
  double best = 0;      // fastest
};

class Bench {
public:
  // `seconds` is about how long each case may take.
  Bench(const ctx_backend *backend, int threads, std::string filter, double seconds);
  ~Bench();

  // Times `call` if the filter wants it: a warm-up, then repeated batches of calls. With one thread in CPU time, so that other
  // programs on the machine disturb less; with more in wall time.
  void run(const std::string &name, double flops, double bytes, const std::function<ctx_status()> &call);

  // Device memory filled with small numbers of both signs; lives as long as the bench.
  float *floats(int64_t n);
  ctx_mat matrix(int64_t rows, int64_t cols) { return {floats(rows * cols), rows, cols, cols, CTX_F32}; }
  // Only one case at a time is needed: gives back all floats().
  void release();

  const ctx_backend *const backend;
  ctx_device *device = nullptr;
  const int threads;
  std::vector<Case> cases;

private:
  std::string filter_;
  double seconds_;
  std::vector<std::pair<void *, size_t>> memory_;
};

// Most GFLOP/s that `threads` threads reach with independent fused multiply-adds in registers, in the widest vectors that the
// backend named `backend` uses; each thread by its own CPU time.
double fma_peak(const std::string &backend, int threads);

// GB/s of one streaming copy by one thread (read + written), larger than the caches.
double copy_bandwidth();

void bench_gemm(Bench &);
void bench_elementwise(Bench &);
void bench_attention(Bench &);
void bench_ladder(Bench &); // instead of the others: the kernels step by step, ladder.cc
