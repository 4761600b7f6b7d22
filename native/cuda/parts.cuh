// parts.cuh: sums over rows whose order does not depend on the GPU: rows are cut into parts of fixed size, each part is summed on its
// own, and the parts are added in the same order at every run.
//
// defines: Parts, add_parts
#pragma once
#include "elements.cuh"
#include "reduce.cuh"

namespace ctx_cuda {

struct Parts {
  int64_t rows, count; // rows of a part, number of parts
  explicit Parts(int64_t total) : rows(ceil_div(total, 512) < 32 ? 32 : ceil_div(total, 512)), count(ceil_div(total, rows)) {}
};

constexpr int RUNS = 16; // of parts, which a warp each adds up

// sum[j] += parts[0][j] + parts[1][j] + …, parts [count, cols]: a block takes as many columns as a warp has lanes. One thread a column would wait for
// memory as often as there are parts.
static __global__ void __launch_bounds__(RUNS *WARP) add_parts_kernel(float *sum, const float *parts, int64_t count, int64_t cols) {
  float *const runs = shared_memory<float>(); // [RUNS][WARP]
  const int run = int(threadIdx.x) / WARP, lane = int(threadIdx.x) % WARP;
  const int64_t j = int64_t(blockIdx.x) * WARP + lane, length = (count + RUNS - 1) / RUNS, end = (run + 1) * length < count ? (run + 1) * length : count;
  float s = 0;
  if (j < cols)
    for (int64_t part = run * length; part < end; part++) s += parts[part * cols + j];
  runs[threadIdx.x] = s;
  __syncthreads();
  if (run > 0 || j >= cols) return;
  s = sum[j];
  for (int i = 0; i < RUNS; i++) s += runs[i * WARP + lane];
  sum[j] = s;
}

inline void add_parts(ctx_device *device, float *sum, const float *parts, int64_t count, int64_t cols) {
  launch(device, add_parts_kernel, dim3(unsigned(ceil_div(cols, WARP))), dim3(RUNS * WARP), RUNS * WARP * sizeof(float), sum, parts, count, cols);
}

} // namespace ctx_cuda
