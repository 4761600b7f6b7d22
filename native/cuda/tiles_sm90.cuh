// tiles_sm90.cuh: the words in which the Hopper kernels are written: tiles in shared memory, what a warpgroup holds of a [64][N] matrix in its
// registers, products between them, and the full and empty barriers between the thread that loads and the warpgroups that compute.
//
// defines: computing_warpgroup, load, Accumulator, Operand, mma_ABt, mma_AB, mma_AtB, store, add, mask, quad_max, quad_sum, Turns, Stages, load_next, with_head_dim
#pragma once
#include "attention_spans.h"
#include "ptx_sm90.cuh"
#include "reduce.cuh"

// Bodies for sm_90a alone: in other GPUs' passes a kernel is nothing but an error, so that a library built without sm_90a says so.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define CTX_SM90_CODE 1
#else
#define CTX_SM90_CODE 0
#endif
#if defined(__CUDACC__)
#define CTX_GRID_CONSTANT __grid_constant__
#else
#define CTX_GRID_CONSTANT
#endif

namespace ctx_cuda::sm90 {

constexpr int WARPGROUP = 128;
inline constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;

// Which of the computing warpgroups this thread is in, from 0; the first of the block loads. By a shuffle, from which the compiler knows that a
// warp's threads agree: descriptors then are made once for a warp, not by each thread.
__device__ __forceinline__ int computing_warpgroup() { return __shfl_sync(ALL_LANES, int(threadIdx.x) / WARPGROUP - 1, 0); }

// Rows [row, row + R) and columns [col, col + C) of the matrix that `map` describes.
template <int R, int C> __device__ __forceinline__ void load(Tile<R, C> to, const TensorMap *map, uint32_t bar, int row, int col, uint64_t keep) {
  static_assert(R <= BOX_ROWS);
#pragma unroll
  for (int b = 0; b < to.BLOCKS; b++) tma_load(to.block(b), map, bar, col + b * BLOCK, row, keep);
}

// A matrix [64][N] of fp32, spread over a warpgroup: see fragment_row, fragment_column.
template <int N> struct Accumulator {
  static constexpr int COLS = N;
  float at[N / 2];
  struct Block { // some of its columns, worked on by themselves while they are where the product left them
    static constexpr int COLS = BLOCK;
    float *at;
  };
  // Columns [64 b, 64 b + 64).
  __device__ __forceinline__ Block columns(int b) { return {at + b * BLOCK / 2}; }
};

// A matrix [64][K] of bf16 in registers, ready to be the left side of a product.
template <int K> struct Operand {
  uint32_t at[K / 4];
  // x: an Accumulator of K columns, or a Block of one.
  template <class X> __device__ __forceinline__ void round(const X &x) {
    static_assert(X::COLS == K);
#pragma unroll
    for (int i = 0; i < K / 4; i++) at[i] = pack(x.at[2 * i], x.at[2 * i + 1]);
  }
};

// d = A B^T, A rows [row, row + 64) of a tile. One group of products; runs until wgmma_wait.
template <int N, int R, int K> __device__ __forceinline__ void mma_ABt(Accumulator<N> &d, Tile<R, K> a, int row, Tile<N, K> b) {
  hold(d.at);
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < K / K_STEP; k++) wgmma_ss<N, false, false>(d.at, k_major(a, row, k), k_major(b, 0, k), k > 0);
  wgmma_commit();
  hold(d.at);
}
// d += A B, B rows [row, row + K) of a tile.
template <int N, int K, int R> __device__ __forceinline__ void mma_AB(Accumulator<N> &d, Operand<K> &a, Tile<R, N> b, int row = 0) {
  hold(d.at);
  hold(a.at);
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < K / K_STEP; k++) wgmma_rs<N, true>(d.at, a.at + 4 * k, mn_major(b, row / K_STEP + k), true);
  wgmma_commit();
  hold(d.at);
}

// d = A^T B of two blocks of 64 columns, both from shared memory.
template <int K> __device__ __forceinline__ void mma_AtB(Accumulator<BLOCK> &d, Tile<K, BLOCK> a, Tile<K, BLOCK> b) {
  hold(d.at);
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < K / K_STEP; k++) wgmma_ss<BLOCK, true, true>(d.at, mn_major(a, k), mn_major(b, k), k > 0);
  wgmma_commit();
  hold(d.at);
}

// Rows [row, row + 64) of a tile = x; row a multiple of 8. Then fence_async, and a barrier.
template <int R, int K> __device__ __forceinline__ void store(Tile<R, K> to, int row, const Operand<K> &x) {
  const int thread = int(thread_anew() % WARPGROUP), lane = thread % WARP, mine = row + thread / WARP * 16 + lane % 16;
#pragma unroll
  for (int c = 0; c < K / K_STEP; c++) stmatrix(to.at(mine, K_STEP * c + lane / 16 * 8), x.at[4 * c], x.at[4 * c + 1], x.at[4 * c + 2], x.at[4 * c + 3]);
}
// A tile of sums = factor * x. Odd rows are a pair of 8 columns ahead, so that the 16 threads that store at once meet 32 banks.
__device__ __forceinline__ void store(SumTile to, const Accumulator<BLOCK> &x, float factor) {
  const int thread = int(thread_anew() % WARPGROUP), row = fragment_row(thread, 0), odd = row % 2;
  const uint32_t first = to.at(row, fragment_column(thread, 0) ^ odd * 16);
#pragma unroll
  for (int i = 0; i < BLOCK / 2; i += 2) {
    const float x0 = odd ? x.at[i ^ 8] : x.at[i], x1 = odd ? x.at[(i ^ 8) + 1] : x.at[i + 1];
    const uint32_t at = (first ^ uint32_t(i / 4 * 8 % SumTile::BLOCK_COLS * 4)) + uint32_t(i / 4 * 8 / SumTile::BLOCK_COLS) * SumTile::BLOCK_BYTES + uint32_t(i & 2 ? ATOM_BYTES : 0);
    shared_store(at, factor * x0, factor * x1);
  }
}
// Adds a tile of sums to rows and columns of the matrix of fp32 that `map` describes, from (row, col) on.
__device__ __forceinline__ void add(const TensorMap *map, SumTile from, int row, int col) {
#pragma unroll
  for (int b = 0; b < from.BLOCKS; b++) tma_add(map, from.block(b), col + b * from.BLOCK_COLS, row);
}

template <int N> __device__ __forceinline__ void clear(Accumulator<N> &x) {
#pragma unroll
  for (int i = 0; i < N / 2; i++) x.at[i] = 0;
}

// x = value where a thread's two rows do not see the column; seen[h]: what row h sees of columns, the first of x's being first_column. x: an
// Accumulator, or a Block of one.
template <class X> __device__ __forceinline__ void mask(X &x, const Span (&seen)[2], int first_column, float value) {
  const int column = first_column + fragment_column(int(threadIdx.x), 0);
  const Span at[2] = {{seen[0].begin - column, seen[0].end - column}, {seen[1].begin - column, seen[1].end - column}};
#pragma unroll
  for (int i = 0; i < X::COLS / 2; i++)
    if (!at[i / 2 % 2].has(fragment_column(0, i))) x.at[i] = value;
}

// Over the four threads that hold a row.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// Warpgroups take turns to issue their products, in order, so that one's exponentials run beside another's products: barrier 1 + w is
// warpgroup w's leave to go.
template <int WARPGROUPS> struct Turns {
  static_assert(WARPGROUPS < 16, "a block has 16 barriers, and 0 is __syncthreads");
  int w;
  __device__ __forceinline__ Turns(int w) : w(w) {
    if (w == 0) named_arrive(1, 2 * WARPGROUP);
  }
  __device__ __forceinline__ void take() const { named_sync(1 + w, 2 * WARPGROUP); }
  // The last of the last round leaves no arrival behind.
  __device__ __forceinline__ void pass(bool last_round) const {
    if (!last_round || w < WARPGROUPS - 1) named_arrive(1 + (w + 1) % WARPGROUPS, 2 * WARPGROUP);
  }
};

// Buffers that are filled and emptied in turn. The n-th filling is of buffer n mod N; `full` ends a phase when it has come, `empty` when every
// warp that reads it has arrived.
template <int N> struct Stages {
  uint32_t bars; // N full, N empty
  static constexpr uint32_t BYTES = 2 * N * 8;

  __device__ __forceinline__ uint32_t full(int n) const { return bars + uint32_t(n % N) * 8; }
  __device__ __forceinline__ uint32_t empty(int n) const { return bars + uint32_t(N + n % N) * 8; }
  __device__ __forceinline__ void init(int producers, int reading_warps) const {
    for (int i = 0; i < N; i++) barrier_init(full(i), uint32_t(producers)), barrier_init(empty(i), uint32_t(reading_warps));
  }
  __device__ __forceinline__ void wait_full(int n) const { barrier_wait(full(n), uint32_t(n / N) & 1); }
  __device__ __forceinline__ void wait_empty(int n) const { barrier_wait(empty(n), (uint32_t(n / N) & 1) ^ 1); }
  // By all threads of a warp, after they have filled what is theirs: a warp is one producer.
  __device__ __forceinline__ void hand_over(int n) const {
    __syncwarp();
    if (threadIdx.x % WARP == 0) barrier_arrive(full(n));
  }
  // By all threads of a warp, after what they read has been read.
  __device__ __forceinline__ void release(int n) const {
    __syncwarp();
    if (threadIdx.x % WARP == 0) barrier_arrive(empty(n));
  }
};

// By the thread that loads: the n-th tile that passes by, as soon as its place, the (n % N)-th from `first`, is free. Kept in L2 for other blocks.
template <int N, int R, int C> __device__ __forceinline__ void load_next(Tile<R, C> first, const TensorMap *map, Stages<N> stages, int n, int row, int col) {
  stages.wait_empty(n);
  barrier_expect(stages.full(n), first.BYTES);
  load(first[n % N], map, stages.full(n), row, col, EVICT_LAST);
}

// f(d) with d::value the head_dim, for those that the kernels are made for.
template <int D> struct HeadDim {
  static constexpr int value = D;
};
template <class F> void with_head_dim(int head_dim, const F &f) {
  if (head_dim == 64) f(HeadDim<64>());
  else f(HeadDim<128>());
}

} // namespace ctx_cuda::sm90
