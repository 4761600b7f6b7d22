// packing.h: the operands of the register tile (microkernel.h), laid out as words (words.h) so that it reads them in order.
//
// defines: pack_rows, pack_panel_rows, pack_panel_columns
#pragma once
#include <algorithm>

#include "words.h"

namespace ctx_cpu {

// Copies n rows of X [n, K] (row distance ld) as words into dst[n][width], width >= words(K).
template <class E, class T> CTX_INLINE void pack_rows(float *dst, int64_t width, const T *X, int64_t ld, int64_t n, int64_t K) {
  const int64_t count = words<E>(K);
  for (int64_t i = 0; i < n; i++)
    vectors(count, [&](int64_t k, int64_t left) { put(dst + i * width + k, E::along(X + i * ld + E::TERMS * k, K - E::TERMS * k), left); });
}

// Packs K rows of X [K, n] (row distance ld) into dst[words(K)][width]: panel column j is column j of X, columns from n on are 0.
template <class E, class T> CTX_INLINE void pack_panel_rows(float *dst, int width, const T *X, int64_t ld, int64_t K, int64_t n) {
  using namespace ctx_simd;
  for (int64_t k = 0; k < K; k += E::TERMS, dst += width)
    for (int j = 0; j < width; j += W) store(dst + j, E::across(X + k * ld + j, ld, K - k, n - j));
}

// Packs n rows of X [n, K] (row distance ld) into dst[words(K)][width]: panel column j is row j of X, columns from n on are 0.
// Transposes W x W blocks of words.
template <class E, class T> CTX_INLINE void pack_panel_columns(float *dst, int width, const T *X, int64_t ld, int64_t K, int64_t n) {
  using namespace ctx_simd;
  const bool in_words = E::lies_in_words(X, ld, K);
  const int64_t count = words<E>(K);
  for (int j = 0; j < width; j += W)
    for (int64_t k = 0; k < count; k += W) {
      float *const d = dst + k * width + j;
      const T *const x = X + j * ld + E::TERMS * k;
      if (in_words && n - j >= W && count - k >= W) {
        transpose_block(d, width, reinterpret_cast<const float *>(x), ld / E::TERMS);
        continue;
      }
      vf r[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; i++) r[i] = j + i >= n ? ctx_simd::zero() : E::along(x + i * ld, K - E::TERMS * k);
      transpose(r);
#pragma GCC unroll 16
      for (int i = 0; i < W; i++)
        if (i < count - k) store(d + i * width, r[i]);
    }
}

} // namespace ctx_cpu
