// microkernel.h: the register tile that does all matrix work on the CPU; packing.h lays its operands out.
//
//   C[MR][NR] (+)= alpha sum_k A[m * am + k * ak] . B[k * ldb + n],   NR = NV * W
//
// The tile of C stays in MR * NV vector registers; each step of k loads NV vectors of B and broadcasts MR words of A. What a word is,
// one fp32 number or two of bf16, is E (words.h); strides count words. A may have any strides (so neither it nor a transpose of it needs
// a copy), B has rows of NR contiguous words: a packed panel, or a matrix whose width is a multiple of NR. Each element of C is one chain
// of multiply-adds over k, in order, whatever the tile's size: results don't depend on how a matrix is cut into tiles.
//
// defines: MR, NV, NR, TILE, microkernel, edge_tile
#pragma once
#include "scratch.h"
#include "words.h"

namespace ctx_cpu {

using namespace ctx_simd;

// Tile sizes: as many accumulators as the register file holds beside NV vectors of B and one broadcast.
constexpr int MR = 6;
#if defined(__AVX512F__)
constexpr int NV = 4; // 24 of 32 registers, 10 loads for 24 multiply-adds
#else
constexpr int NV = 2; // 12 of 16 registers, 8 loads for 12
#endif
constexpr int NR = NV * W;
constexpr TileShape TILE = {W, MR, NR};
static_assert(TILE == TILES[W == 4 ? 0 : W == 8 ? 1 : 2], "scratch.h counts with other tiles");

// One tile of mr <= MR rows and nv <= NV vectors known at compile time, K words to the sum. ACC adds to C, otherwise C is overwritten.
// Only the first n <= nv * W columns of C are touched. B must be readable for all nv * W columns.
template <class E, bool ACC, int mr = MR, int nv = NV>
CTX_INLINE void microkernel(int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t ldb, float *C, int64_t ldc,
                            float alpha = 1, int64_t n = nv * W) {
  vf c[mr][nv];
#pragma GCC unroll 16
  for (int m = 0; m < mr; m++)
#pragma GCC unroll 8
    for (int j = 0; j < nv; j++) c[m][j] = ctx_simd::zero();

  for (int64_t k = 0; k < K; k++) {
    vf b[nv];
#pragma GCC unroll 8
    for (int j = 0; j < nv; j++) b[j] = load(B + j * W);
#pragma GCC unroll 16
    for (int m = 0; m < mr; m++) {
      const vf a = E::spread(A + m * am);
#pragma GCC unroll 8
      for (int j = 0; j < nv; j++) c[m][j] = E::multiply_add(a, b[j], c[m][j]);
    }
    A += ak;
    B += ldb;
  }

#pragma GCC unroll 16
  for (int m = 0; m < mr; m++)
#pragma GCC unroll 8
    for (int j = 0; j < nv; j++) {
      float *p = C + m * ldc + j * W;
      const int64_t left = n - j * W; // get and put keep to the plain path where it is a whole vector
      if (left > 0) put(p, ACC ? fma(set1(alpha), c[m][j], get(p, left)) : alpha * c[m][j], left);
    }
}

// The same for `rows` between 1 and MR and n between 1 and NR, known only at run time.
template <class E, bool ACC, int mr = MR, int nv = NV>
void edge_tile(int64_t rows, int64_t n, int64_t K, const float *A, int64_t am, int64_t ak, const float *B, int64_t ldb, float *C, int64_t ldc,
               float alpha = 1) {
  if constexpr (nv > 1)
    if (n <= (nv - 1) * W) return edge_tile<E, ACC, mr, nv - 1>(rows, n, K, A, am, ak, B, ldb, C, ldc, alpha);
  if constexpr (mr > 1)
    if (rows < mr) return edge_tile<E, ACC, mr - 1, nv>(rows, n, K, A, am, ak, B, ldb, C, ldc, alpha);
  microkernel<E, ACC, mr, nv>(K, A, am, ak, B, ldb, C, ldc, alpha, n);
}

} // namespace ctx_cpu
