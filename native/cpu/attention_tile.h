// attention_tile.h: visibility, and the few verbs in which the attention kernels are written. Sizes of tiles: scratch.h.
//
// defines: FORWARD_ROWS, BACKWARD_KEYS, Keys, visible_keys, seen_by_all, multiply, prefetch_rows, pack_transposed, pack_values, hide,
//          Columns, exp2_of
#pragma once
#include "../include/dtype.h"
#include "elements.h"
#include "microkernel.h"
#include "packing.h"

#include <algorithm>
#include <cmath>

namespace ctx_cpu {

// Tile sizes (scratch.h) of this instruction set.
constexpr int64_t FORWARD_ROWS = forward_rows(TILE), BACKWARD_KEYS = backward_keys(TILE);

static_assert(STRIP % MR == 0 && FORWARD_ROWS % STRIP == 0 && BACKWARD_ROWS % STRIP == 0, "strips are whole register tiles");
static_assert(128 % NR == 0 && BACKWARD_KEYS % NR == 0 && BACKWARD_KEYS % MR == 0 && NR % (2 * W) == 0, "tiles are whole panels");

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

// C[M][N] (+)= A . B with words A[m * am + k * ak], k < K, and B in panels of NR columns: B[n / NR * panel + k * ldb + n % NR].
// M is rounded up to whole register tiles and N to whole vectors: buffers are padded.
template <class E, bool ACC>
static void multiply(int64_t M, int64_t N, int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t panel, int64_t ldb,
                     float *C, int64_t ldc) {
  for (int64_t n = 0; n < N; n += NR, B += panel)
    for (int64_t m = 0; m < M; m += MR) {
      if (N - n >= NR) microkernel<E, ACC>(K, A + m * am, am, ak, B, ldb, C + m * ldc + n, ldc);
      else edge_tile<E, ACC>(MR, round_up(N - n, W), K, A + m * am, am, ak, B, ldb, C + m * ldc + n, ldc);
    }
}

// Asks for elements [row, row + rows) x [col, col + n) of x, which the next tile will pack. The rows lie far apart, so the hardware does
// not foresee them.
CTX_INLINE void prefetch_rows(const ctx_mat &x, int64_t row, int64_t col, int64_t rows, int64_t n) {
  const int64_t size = ctx::size_of(x.dtype);
  for (int64_t i = 0; i < rows; i++) {
    const char *const from = static_cast<const char *>(x.data) + ((row + i) * x.ld + col) * size;
    for (int64_t j = 0; j < n * size; j += 64) __builtin_prefetch(from + j, 0, 2);
  }
}

// Panels of NR keys for S = Q K^T: dst[j / NR][words of head_dim][j % NR] from X[j][head_dim], zeros beyond n keys.
template <class E, class T> CTX_INLINE void pack_transposed(float *dst, const T *X, int64_t ld, int64_t n, int64_t head_dim) {
  for (int64_t j = 0; j < n; j += NR) pack_panel_columns<E>(dst + j * words<E>(head_dim), NR, X + j * ld, ld, head_dim, n - j);
}

// Panels of NR columns for O += P V: dst[d / NR][words of keys][d % NR] from X[j][d], `keys` rows to a panel, zeros beyond n keys and
// head_dim.
template <class E, class T> CTX_INLINE void pack_values(float *dst, const T *X, int64_t ld, int64_t n, int64_t keys, int64_t head_dim) {
  for (int64_t d = 0; d < head_dim; d += NR) {
    float *panel = dst + d * words<E>(keys);
    pack_panel_rows<E>(panel, NR, X + d, ld, n, head_dim - d);
    std::fill(panel + words<E>(n) * NR, panel + words<E>(std::min(round_up(n, NR), keys)) * NR, 0.0f);
  }
}

// Lane j keeps x[j] where begin <= c + j < end, else becomes `other`.
CTX_INLINE vf hide(vf x, int64_t c, Keys seen, float other) {
  const vi j = lane_index() + (int32_t)c;
  const vi in = (j >= (int32_t)seen.begin - vi{}) & (j < (int32_t)seen.end - vi{});
  return in ? x : set1(other);
}

// Columns of a strip's tile, multiples of 2 W: [c0, c1) that any of its rows sees, and within them [plain.begin, plain.end) that all see.
struct Columns {
  int64_t c0, c1;
  Keys plain;
  Columns(Keys any, Keys all) : c0(0), c1(0), plain{0, 0} {
    if (any.empty()) return;
    c0 = any.begin / NR * NR, c1 = round_up(any.end, 2 * W);
    plain = {std::clamp(round_up(std::max<int64_t>(all.begin, 0), 2 * W), c0, c1), std::clamp(all.end / (2 * W) * (2 * W), c0, c1)};
    if (plain.empty()) plain = {c1, c1};
  }

  // Calls body(masked, c) for every 2 W columns; `masked` is std::true_type where some row may not see them.
  template <class Body> __attribute__((always_inline)) inline void each(const Body &body) const {
    int64_t c = c0;
    for (; c < plain.begin; c += 2 * W) body(std::true_type(), c);
    for (; c < plain.end; c += 2 * W) body(std::false_type(), c);
    for (; c < c1; c += 2 * W) body(std::true_type(), c);
  }
};

// 2^x, as exactly as the words of P want it.
template <class E> CTX_INLINE vf exp2_of(vf x) { return exp2v<E::TERMS == 1 ? 5 : 4>(x); }

} // namespace ctx_cpu
