// microkernel.h: the register tile that does all matrix work on the CPU; packing.h lays its operands out.
//
//   C[MR][NR] (+)= sum_k A[m * am + k * ak] * B[k * ldb + n],   NR = NV * W
//
// The tile of C stays in MR * NV vector registers; each step of k loads NV vectors of B and broadcasts MR numbers of A. A may
// have any strides (so neither it nor a transpose of it needs a copy), B has rows of NR contiguous floats: a packed panel, or a
// matrix whose width is a multiple of NR. Each element of C is one chain of fused multiply-adds over k, in order, whatever the
// tile's size: results don't depend on how a matrix is cut into tiles.
//
// defines: MR, NV, NR, microkernel, microkernel_rows
#pragma once
#include "simd.h"

namespace ctx_simd {

// Tile sizes: as many accumulators as the register file holds beside NV vectors of B and one broadcast.
#if defined(__AVX512F__)
constexpr int MR = 12, NV = 2; // 24 of 32 registers, 14 loads for 24 FMAs
#else
constexpr int MR = 6, NV = 2;  // 12 of 16 registers, 8 loads for 12 FMAs
#endif
constexpr int NR = NV * W;

// One tile of mr <= MR rows known at compile time. ACC adds to C, otherwise C is overwritten. Only the first n <= nv * W columns
// of C are touched. B must be readable for all nv * W columns.
template <int mr, int nv, bool ACC>
CTX_INLINE void microkernel(int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t ldb, float *C, int64_t ldc,
                            int64_t n = nv * W) {
  vf c[mr][nv];
#pragma GCC unroll 16
  for (int m = 0; m < mr; m++)
#pragma GCC unroll 8
    for (int j = 0; j < nv; j++) c[m][j] = zero();

  for (int64_t k = 0; k < K; k++) {
    vf b[nv];
#pragma GCC unroll 8
    for (int j = 0; j < nv; j++) b[j] = load(B + j * W);
#pragma GCC unroll 16
    for (int m = 0; m < mr; m++) {
      const vf a = set1(A[m * am]);
#pragma GCC unroll 8
      for (int j = 0; j < nv; j++) c[m][j] = fma(a, b[j], c[m][j]);
    }
    A += ak;
    B += ldb;
  }

  if (n == nv * W) {
#pragma GCC unroll 16
    for (int m = 0; m < mr; m++)
#pragma GCC unroll 8
      for (int j = 0; j < nv; j++) {
        float *p = C + m * ldc + j * W;
        store(p, ACC ? load(p) + c[m][j] : c[m][j]);
      }
  } else {
#pragma GCC unroll 16
    for (int m = 0; m < mr; m++)
#pragma GCC unroll 8
      for (int j = 0; j < nv; j++) {
        float *p = C + m * ldc + j * W;
        const int64_t left = n - j * W;
        if (left > 0) store_n(p, ACC ? load_n(p, left) + c[m][j] : c[m][j], left);
      }
  }
}

// The same for `rows` between 1 and mr, known only at run time.
template <int mr, int nv, bool ACC>
CTX_INLINE void microkernel_rows(int64_t rows, int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t ldb,
                                 float *C, int64_t ldc, int64_t n = nv * W) {
  if (rows >= mr) {
    microkernel<mr, nv, ACC>(K, A, am, ak, B, ldb, C, ldc, n);
  } else if constexpr (mr > 1) {
    microkernel_rows<mr - 1, nv, ACC>(rows, K, A, am, ak, B, ldb, C, ldc, n);
  }
}

} // namespace ctx_simd
