// bench.h: times operations of a backend and prints them beside what the machine can do.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctx_backend.h"
#include "probe/peak.h"

// One line of the table. `flops` and `bytes` are what the operation must do, not what an implementation happens to do.
struct Case {
  std::string name;     // "gemm NT 2048x512x512": peers parse it, see runtime/bench/torch_kernels.py
  double flops = 0;     // of one call; 0: bound by memory
  double bytes = 0;     // read + written by one call
  double seconds = 0;   // median of one call
  double best = 0;      // fastest
  ctx_dtype dtype = CTX_F32; // of the products: which peak it is held against
};

class Bench {
public:
  // `seconds` is about how long each case may take.
  Bench(const ctx_backend *backend, int threads, std::string filter, double seconds);
  ~Bench();

  // Times `call` if the filter wants it: a warm-up, then repeated batches of calls. With one thread in CPU time, so that other
  // programs on the machine disturb less; with more in wall time.
  void run(const std::string &name, double flops, double bytes, const std::function<ctx_status()> &call, ctx_dtype dtype = CTX_F32);

  // False: run would pass over this case, so its operands need not be made.
  bool wants(const std::string &name) const { return name.find(filter_) != std::string::npos; }

  // Device memory filled with small numbers of both signs; lives as long as the bench.
  void *numbers(int64_t n, ctx_dtype dtype);
  float *floats(int64_t n) { return static_cast<float *>(numbers(n, CTX_F32)); }
  ctx_mat matrix(int64_t rows, int64_t cols, ctx_dtype dtype = CTX_F32) { return {numbers(rows * cols, dtype), rows, cols, cols, dtype}; }
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

inline const char *clock_name(int threads) { return threads > 1 ? "wall time" : "CPU time"; }

void bench_gemm(Bench &);
void bench_elementwise(Bench &);
void bench_attention(Bench &);
void bench_ladder(Bench &); // instead of the others: the kernels step by step, ladder.cc
