// gemm_rows.cc: see gemm_rows.h. Each C[m][n] is the dot product of two contiguous rows, summed in vector lanes.
//
// Bound by reading B once (4 N K bytes; 2 M FLOPs a float): nothing is packed, COLUMNS rows of B are read side by side.
#include "gemm_rows.h"

#include "device.h"
#include "simd.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr int COLUMNS = 4;

// C[0..rows][0..columns]: all dot products of `rows` rows of A with `columns` rows of B.
template <int rows, int columns>
CTX_INLINE void dots(int64_t K, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc, float alpha, bool accumulate) {
  vf s[rows][columns] = {};
  int64_t k = 0;
  for (; k + W <= K; k += W) {
    vf x[rows];
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++) x[m] = load(a + m * lda + k);
#pragma GCC unroll 4
    for (int n = 0; n < columns; n++) {
      const vf w = load(b + n * ldb + k);
#pragma GCC unroll 4
      for (int m = 0; m < rows; m++) s[m][n] = fma(x[m], w, s[m][n]);
    }
  }
  if (k < K)
    for (int n = 0; n < columns; n++)
      for (int m = 0; m < rows; m++) s[m][n] = fma(load_n(a + m * lda + k, K - k), load_n(b + n * ldb + k, K - k), s[m][n]);
  for (int m = 0; m < rows; m++)
    for (int n = 0; n < columns; n++) {
      const float d = alpha * reduce_add(s[m][n]);
      c[m * ldc + n] = accumulate ? c[m * ldc + n] + d : d;
    }
}

template <int rows>
void columns(int64_t first, int64_t last, int64_t K, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc, float alpha,
             bool accumulate) {
  int64_t n = first;
  for (; n + COLUMNS <= last; n += COLUMNS) dots<rows, COLUMNS>(K, a, lda, b + n * ldb, ldb, c + n, ldc, alpha, accumulate);
  for (; n < last; n++) dots<rows, 1>(K, a, lda, b + n * ldb, ldb, c + n, ldc, alpha, accumulate);
}

} // namespace

void gemm_rows(ctx_device *device, int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
               int64_t ldc, float alpha, bool accumulate) {
  const auto run = M == 1 ? columns<1> : M == 2 ? columns<2> : M == 3 ? columns<3> : columns<4>;
  parallel_rows(device, N, K, [&](int64_t first, int64_t last, int) { run(first, last, K, a, lda, b, ldb, c, ldc, alpha, accumulate); });
}

} // namespace ctx_cpu
