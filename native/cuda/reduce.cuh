// reduce.cuh: sums over the threads of a block, the same for every thread and the same at every run.
//
// defines: block_sum, WARP, ALL_LANES
#pragma once
#include "device.h"

namespace ctx_cuda {

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffff;

template <class T> __device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int mask = WARP / 2; mask > 0; mask /= 2) x += __shfl_xor_sync(ALL_LANES, x, mask);
  return x;
}

// The sum of the x of all THREADS threads of the block, a multiple of 32. `warps`: shared memory of a T for each warp.
template <int THREADS, class T> __device__ __forceinline__ T block_sum(T x, T *warps) {
  x = warp_sum(x);
  __syncthreads(); // those of an earlier sum have been read
  if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = x;
  __syncthreads();
  T sum = 0;
  #pragma unroll
  for (int w = 0; w < THREADS / WARP; w++) sum += warps[w];
  return sum;
}

} // namespace ctx_cuda
