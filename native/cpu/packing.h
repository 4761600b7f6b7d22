// packing.h: the operands of the register tile (microkernel.h), laid out so that it reads them in order. Panels hold fp32; ROUND first
// rounds each number to bf16, which one that comes as bf16 is already.
//
// defines: operand, pack_panel_rows, pack_panel_columns
#pragma once
#include "elements.h"

namespace ctx_cpu {

// The first n numbers at p as an operand.
template <class T, bool ROUND> CTX_INLINE ctx_simd::vf operand(const T *p, int64_t n) {
  const ctx_simd::vf x = get(p, n);
  if constexpr (ROUND && sizeof(T) == sizeof(float)) return rounded<Bf16>(x);
  else return x;
}

// Packs K rows of X [K, n] (row distance ld) into dst[K][width]: panel column j is column j of X, columns from n on are 0.
template <class T, bool ROUND = false> CTX_INLINE void pack_panel_rows(float *dst, int width, const T *X, int64_t ld, int64_t K, int64_t n) {
  using namespace ctx_simd;
  for (int64_t k = 0; k < K; k++, dst += width, X += ld)
    for (int j = 0; j < width; j += W) store(dst + j, operand<T, ROUND>(X + j, n - j));
}

// Packs n rows of X [n, K] (row distance ld) into dst[K][width]: panel column j is row j of X, columns from n on are 0.
// Transposes W x W blocks in registers.
template <class T, bool ROUND = false> CTX_INLINE void pack_panel_columns(float *dst, int width, const T *X, int64_t ld, int64_t K, int64_t n) {
  using namespace ctx_simd;
  for (int j = 0; j < width; j += W)
    for (int64_t k = 0; k < K; k += W) {
      vf r[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; i++) r[i] = j + i >= n ? ctx_simd::zero() : operand<T, ROUND>(X + (j + i) * ld + k, K - k);
      transpose(r);
      float *d = dst + k * width + j;
#pragma GCC unroll 16
      for (int i = 0; i < W; i++)
        if (i < K - k) store(d + i * width, r[i]);
    }
}

} // namespace ctx_cpu
