// gemm_rows.cc: see gemm_rows.h. Each C[m][n] is the dot product of two contiguous rows, summed in vector lanes.
//
// Bound by reading B once (N K numbers; 2 M FLOPs each): nothing is packed, COLUMNS rows of B are read side by side.
#include "gemm_rows.h"

#include "../include/half.h"
#include "words.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr int COLUMNS = 4;

// The words that are multiplied, and the dtypes of A and B.
template <class E, class TA, class TB> struct Dots {
  const TA *a;
  const TB *b;
  int64_t K, lda, ldb;

  // write(m, n, dot) for `rows` rows of A with `columns` rows of B from n0 on.
  template <int rows, int columns, class Write> __attribute__((always_inline)) inline void tile(int64_t n0, const Write &write) const {
    vf s[rows][columns] = {};
    for (int64_t k = 0; k < K; k += E::TERMS * W) {
      vf x[rows];
#pragma GCC unroll 4
      for (int m = 0; m < rows; m++) x[m] = E::along(a + m * lda + k, K - k);
#pragma GCC unroll 4
      for (int n = 0; n < columns; n++) {
        const vf w = E::along(b + (n0 + n) * ldb + k, K - k);
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++) s[m][n] = E::multiply_add(x[m], w, s[m][n]);
      }
    }
    for (int m = 0; m < rows; m++)
      for (int n = 0; n < columns; n++) write(m, n0 + n, reduce_add(s[m][n]));
  }

  template <int rows, class Write> void columns(int64_t first, int64_t last, const Write &write) const {
    int64_t n = first;
    for (; n + COLUMNS <= last; n += COLUMNS) tile<rows, COLUMNS>(n, write);
    for (; n < last; n++) tile<rows, 1>(n, write);
  }
};

template <class E, class TA, class TB> void run(ctx_device *device, const ctx_mat &a, const ctx_mat &b, const ctx_mat &c, float alpha, bool accumulate) {
  const Dots<E, TA, TB> dots{at<TA>(a, 0), at<TB>(b, 0), a.cols, a.ld, b.ld};
  const auto write = [&](int64_t m, int64_t n, float dot) {
    if (c.dtype == CTX_F32) {
      float &x = *at<float>(c, m, n);
      x = accumulate ? x + alpha * dot : alpha * dot;
    } else {
      uint16_t &x = at<Bf16>(c, m, n)->bits;
      x = ctx::to_bf16(accumulate ? ctx::from_bf16(x) + alpha * dot : alpha * dot);
    }
  };
  parallel_rows(device, b.rows, b.cols, [&](int64_t first, int64_t last, int) {
    if (a.rows == 1) dots.template columns<1>(first, last, write);
    else if (a.rows == 2) dots.template columns<2>(first, last, write);
    else if (a.rows == 3) dots.template columns<3>(first, last, write);
    else dots.template columns<4>(first, last, write);
  });
}

} // namespace

void gemm_rows(ctx_device *device, ctx_mat a, ctx_mat b, ctx_mat c, float alpha, bool accumulate, bool round) {
  if (!round) run<Single, float, float>(device, a, b, c, alpha, accumulate);
  else with_types([&]<class TA, class TB>(TA, TB) { run<Bf16Words, TA, TB>(device, a, b, c, alpha, accumulate); }, a, b);
}

} // namespace ctx_cpu
