// attention_bwd_sm90.cuh: what the two ways to compute attention's gradients on a Hopper GPU share.
//
// defines: WARPGROUPS, OWN, THREADS, STAGES, LOADING, COMPUTING, BackwardCall, fill_statistics, weights_of, score_gradients_of, add_to, readable
#pragma once
#include "attention.h"
#include "elements.cuh"
#include "operations.h"
#include "tensor_map_sm90.h"
#include "tiles_sm90.cuh"

namespace ctx_cuda::sm90 {

constexpr int WARPGROUPS = 2, OWN = 64 * WARPGROUPS, THREADS = WARPGROUP * (WARPGROUPS + 1), STAGES = 2; // OWN: keys or queries of a block
constexpr int LOADING = 24, COMPUTING = 240;
static_assert(LOADING + WARPGROUPS * COMPUTING <= (WARPGROUPS + 1) * (65536 / THREADS / 8 * 8));

struct BackwardCall {
  Visibility sees;
  int group, kv_heads, blocks; // group: query heads of a key-value head; blocks: of a head
  float scale;
  const float *lse, *delta;
};

// By a warp: lse, in exponents of two, and delta of COLS queries of a head from `first` on, to shared memory. TMA would want them at multiples of
// 16 bytes.
template <int COLS> __device__ __forceinline__ void fill_statistics(float *lse, float *delta, const BackwardCall &a, int head, int first) {
  const uint64_t of_head = uint64_t(uint32_t(head)) * uint32_t(a.sees.q_rows);
  for (int i = int(threadIdx.x) % WARP; i < COLS; i += WARP) {
    const int query = first + i;
    const bool there = query < a.sees.q_rows;
    lse[i] = there ? a.lse[of_head + uint32_t(query)] * LOG2_E : 0;
    delta[i] = there ? a.delta[of_head + uint32_t(query)] : 0;
    seen_write(lse + i, 4), seen_write(delta + i, 4);
  }
}

// From S^T to P^T = exp(scale S^T - lse), with the lse of the queries, in exponents of two, from this thread's first column on. p: an
// Accumulator, or a Block of one.
template <class X> __device__ __forceinline__ void weights_of(X &p, float scale, const float *lse) {
#pragma unroll
  for (int i = 0; i < X::COLS / 2; i += 2) {
    const Floats<2> of = get<2>(lse + fragment_column(0, i));
    seen_read(lse + fragment_column(0, i), 8);
    p.at[i] = exp2_fast(fmaf(p.at[i], scale, -of[0])), p.at[i + 1] = exp2_fast(fmaf(p.at[i + 1], scale, -of[1]));
  }
}

// From dP^T to dS^T = P^T (dP^T - delta), with the delta of the queries from this thread's first column on.
template <class X> __device__ __forceinline__ void score_gradients_of(X &ds, const X &p, const float *delta) {
#pragma unroll
  for (int i = 0; i < X::COLS / 2; i += 2) {
    const Floats<2> of = get<2>(delta + fragment_column(0, i));
    seen_read(delta + fragment_column(0, i), 8);
    ds.at[i] = p.at[i] * (ds.at[i] - of[0]), ds.at[i + 1] = p.at[i + 1] * (ds.at[i + 1] - of[1]);
  }
}

// sum[row] += factor * x, for a thread's rows that are there. A row is read as a whole before it is written: the reads then wait for memory
// together, and not each for the one before, since for all that the compiler knows they may be of what was just written.
template <int N> __device__ __forceinline__ void add_to(const Rows<float> &sum, Accumulator<N> &x, float factor, const int (&row)[2], int rows, int column, int lane) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if (row[h] >= rows) continue;
    float *const to = sum.at(row[h], column + fragment_column(lane, 0));
#pragma unroll
    for (int i = 0; i < N / 2; i++)
      if (i / 2 % 2 == h) x.at[i] = fmaf(factor, x.at[i], to[fragment_column(0, i)]);
#pragma unroll
    for (int i = 0; i < N / 2; i++)
      if (i / 2 % 2 == h) to[fragment_column(0, i)] = x.at[i];
  }
}

// d_o as TMA can read it: itself, or at the beginning of scratch, rounded to bf16. Behind that are `more` bytes of scratch.
inline ctx_status readable(ctx_device *device, const ctx_mat &d_o, size_t more, ctx_mat *out, void **behind) {
  *out = d_o;
  const size_t copied = mappable(d_o) ? 0 : (size_t(d_o.rows) * size_t(d_o.cols) * 2 + 255) / 256 * 256;
  if (copied + more > 0) CTX_TRY(device->reserve(copied + more));
  *behind = static_cast<char *>(device->scratch) + copied;
  if (copied == 0) return CTX_OK;
  *out = {device->scratch, d_o.rows, d_o.cols, d_o.cols, CTX_BF16};
  return copy(device, *out, d_o);
}

} // namespace ctx_cuda::sm90
