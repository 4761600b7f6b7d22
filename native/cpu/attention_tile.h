// attention_tile.h: tile sizes, visibility, and the few verbs in which the attention kernels are written.
//
// defines: STRIP, FORWARD_ROWS, FORWARD_KEYS, BACKWARD_ROWS, BACKWARD_KEYS, round_up, load_up_to, store_up_to, Keys, visible_keys,
//          seen_by_all, multiply, RowsF32, read_rows, copy_rows, prefetch_rows, pack_transposed, pack_values, hide
#pragma once
#include "../include/dtype.h"
#include "elements.h"
#include "microkernel.h"
#include "packing.h"

#include <algorithm>
#include <cmath>

namespace ctx_cpu {

using namespace ctx_simd;

// Tile sizes, each with what it must fit (bytes at head_dim 64). One table for all instruction sets; multiples of MR and NR of each.
//
//                      portable  AVX2  AVX-512    what lies where
//   STRIP                 24      24      24      rows of S, softmax and O at a time: S 24 x 128 = 12 KiB, in L1 beside one panel
//   FORWARD_KEYS         128     128     128      keys packed at a time: K and V 64 KiB, in L2
//   FORWARD_ROWS         192     192     192      query rows over which one packing is shared: Q and O 96 KiB, in L2
//   BACKWARD_KEYS         96      96     192      keys of a unit: K, K^T, V^T, dK, dV 120 (240) KiB, in L2
//   BACKWARD_ROWS         96      96      96      query rows at a time: P and dS 72 (144) KiB, Q, dO, dQ 72 KiB, in L2
constexpr int64_t STRIP = 24;
constexpr int64_t FORWARD_KEYS = 128, FORWARD_ROWS = 192;
constexpr int64_t BACKWARD_KEYS = W == 16 ? 192 : 96, BACKWARD_ROWS = 96;

static_assert(STRIP % MR == 0 && FORWARD_ROWS % STRIP == 0 && BACKWARD_ROWS % STRIP == 0, "strips are whole register tiles");
static_assert(FORWARD_KEYS % NR == 0 && BACKWARD_KEYS % NR == 0 && BACKWARD_KEYS % MR == 0, "tiles are whole panels");

// The first n lanes at p. Whole vectors take the plain path: masked moves, stores above all, are many times slower on AMD.
CTX_INLINE vf load_up_to(const float *p, int64_t n) { return n >= W ? load(p) : load_n(p, n); }
CTX_INLINE void store_up_to(float *p, vf x, int64_t n) {
  if (n >= W) store(p, x);
  else store_n(p, x, n);
}

// Keys [begin, end) of the call, empty when end <= begin.
struct Keys {
  int64_t begin, end;
  bool empty() const { return end <= begin; }
};

// What query row i may see.
CTX_INLINE Keys visible_keys(const ctx_attention &a, int64_t i) {
  const int64_t begin = a.start ? a.start[i] - a.k_index : -a.k_index;
  const int64_t end = a.causal ? a.q_index + i + 1 - a.k_index : a.k.rows;
  return {std::max<int64_t>(begin, 0), std::min(end, a.k.rows)};
}

// What any of the rows [i0, i1) may see: start never decreases, so the first row decides the begin and the last one the end.
CTX_INLINE Keys visible_keys(const ctx_attention &a, int64_t i0, int64_t i1) {
  return {visible_keys(a, i0).begin, visible_keys(a, i1 - 1).end};
}

// What all of the rows [i0, i1) see.
CTX_INLINE Keys seen_by_all(const ctx_attention &a, int64_t i0, int64_t i1) {
  return {visible_keys(a, i1 - 1).begin, visible_keys(a, i0).end};
}

CTX_INLINE Keys intersect(Keys a, Keys b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

// C[M][N] (+)= A B with A[m * am + k * ak] and B in panels of NR columns: B[n / NR * panel + k * ldb + n % NR].
// M is rounded up to whole register tiles and N to whole vectors: buffers are padded.
template <class E, bool ACC>
static void multiply(int64_t M, int64_t N, int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t panel, int64_t ldb,
                     float *C, int64_t ldc) {
  for (int64_t n = 0; n < N; n += NR, B += panel)
    for (int64_t m = 0; m < M; m += MR) {
      const int64_t left = round_up(N - n, W);
      if (left >= NR) microkernel<E, ACC>(K, A + m * am, am, ak, B, ldb, C + m * ldc + n, ldc);
      else edge_tile<E, ACC>(MR, left, K, A + m * am, am, ak, B, ldb, C + m * ldc + n, ldc);
    }
}

// dst[rows][width] = alpha * src[rows][n], zeros to the right of n and down to whole register tiles.
CTX_INLINE void copy_rows(float *dst, int64_t width, const float *src, int64_t ld, int64_t rows, int64_t n, float alpha) {
  const vf s = set1(alpha);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < width; j += W) store_up_to(dst + i * width + j, load_up_to(src + i * ld + j, n - j) * s, width - j);
  std::fill(dst + rows * width, dst + round_up(rows, MR) * width, 0.0f);
}

// A block of rows in fp32.
struct RowsF32 {
  const float *data;
  int64_t ld;
};

// Elements [row, row + rows) x [col, col + n) of x: where they are if x is fp32, else widened into `stage` [rows][n].
CTX_INLINE RowsF32 read_rows(const ctx_mat &x, int64_t row, int64_t col, int64_t rows, int64_t n, float *stage) {
  if (x.dtype == CTX_F32) return {at<float>(x, row, col), x.ld};
  for (int64_t i = 0; i < rows; i++) {
    const Bf16 *const from = at<Bf16>(x, row + i, col);
    vectors(n, [&](int64_t j, int64_t left) __attribute__((always_inline)) { put(stage + i * n + j, get(from + j, left), left); });
  }
  return {stage, n};
}

// Asks for elements [row, row + rows) x [col, col + n) of x, which the next tile will copy or pack. The rows lie far apart, so the
// hardware does not foresee them.
CTX_INLINE void prefetch_rows(const ctx_mat &x, int64_t row, int64_t col, int64_t rows, int64_t n) {
  const int64_t size = ctx::size_of(x.dtype);
  for (int64_t i = 0; i < rows; i++) {
    const char *const from = static_cast<const char *>(x.data) + ((row + i) * x.ld + col) * size;
    for (int64_t j = 0; j < n * size; j += 64) __builtin_prefetch(from + j, 0, 2);
  }
}

// Panels of NR keys for S = Q K^T: dst[j / NR][k][j % NR] = X[j][k], zeros beyond n keys.
CTX_INLINE void pack_transposed(float *dst, const float *X, int64_t ld, int64_t n, int64_t head_dim) {
  for (int64_t j = 0; j < n; j += NR) pack_panel_columns<Single>(dst + j * head_dim, NR, X + j * ld, ld, head_dim, n - j);
}

// Panels of NR columns for O += P V: dst[d / NR][j][d % NR] = X[j][d], `keys` rows to a panel, zeros beyond n keys and head_dim.
CTX_INLINE void pack_values(float *dst, const float *X, int64_t ld, int64_t n, int64_t keys, int64_t head_dim) {
  for (int64_t d = 0; d < head_dim; d += NR) {
    float *panel = dst + d * keys;
    pack_panel_rows<Single>(panel, NR, X + d, ld, n, head_dim - d);
    std::fill(panel + n * NR, panel + std::min(round_up(n, NR), keys) * NR, 0.0f);
  }
}

// Lane j keeps x[j] where begin <= c + j < end, else becomes `other`.
CTX_INLINE vf hide(vf x, int64_t c, Keys seen, float other) {
  const vi j = lane_index() + (int32_t)c;
  const vi in = (j >= (int32_t)seen.begin - vi{}) & (j < (int32_t)seen.end - vi{});
  return in ? x : set1(other);
}

} // namespace ctx_cpu
