// bias.cu: the bias of a linear map and its gradient.
//
//   add_row    y_ij += row_j
//   sum_rows   sum_j += sum_i x_ij
//
// x, y [tokens, features] in fp32 or bf16, row, sum [features] in fp32. Bound by memory.
#include "operations.h"
#include "parts.cuh"

namespace ctx_cuda {
namespace {

template <class Y> struct AddRow {
  Rows<Y> y;
  const float *row;
  template <int N> __device__ void at(int64_t i, int64_t j) const {
    const Floats<N> a = get<N>(y.at(i, j)), b = get<N>(row + j);
    put<N>(y.at(i, j), each<N>([&](int k) { return a[k] + b[k]; }));
  }
};

// Row `part` of parts [count, cols]: the sum of the part's rows of x.
template <class X> struct SumPart {
  float *parts;
  Rows<X> x;
  int64_t rows, total, cols;
  template <int N> __device__ void at(int64_t part, int64_t j) const {
    Floats<N> s = {};
    const int64_t end = (part + 1) * rows < total ? (part + 1) * rows : total;
    for (int64_t i = part * rows; i < end; i++) {
      const Floats<N> a = get<N>(x.at(i, j));
#pragma unroll
      for (int k = 0; k < N; k++) s[k] += a[k];
    }
    put<N>(parts + part * cols + j, s);
  }
};

} // namespace

ctx_status add_row(ctx_device *device, ctx_mat y, const float *row) {
  CTX_TRY(check_activation(device, "add_row: y", y));
  if (!row && y.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "add_row: row is missing");
  with_types([&](auto ty) { for_each(device, y.rows, y.cols, wide(y) && wide(row), AddRow<decltype(ty)>{y, row}); }, y);
  return finish(device, "add_row");
}

ctx_status sum_rows(ctx_device *device, float *sum, ctx_mat x) {
  CTX_TRY(check_activation(device, "sum_rows: x", x));
  if (!sum && x.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "sum_rows: sum is missing");
  const Parts parts(x.rows);
  CTX_TRY(device->reserve(size_t(parts.count * x.cols) * sizeof(float)));
  float *const partial = static_cast<float *>(device->scratch);
  with_types([&](auto tx) { for_each(device, parts.count, x.cols, wide(x), SumPart<decltype(tx)>{partial, x, parts.rows, x.rows, x.cols}); }, x);
  add_parts(device, sum, partial, parts.count, x.cols);
  return finish(device, "sum_rows");
}

} // namespace ctx_cuda
