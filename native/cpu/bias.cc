// bias.cc: the bias of a linear map and its gradient.
//
//   add_row    y_ij += row_j
//   sum_rows   sum_j += sum_i x_ij
//
// x, y [tokens, features] in fp32 or bf16, row, sum [features] in fp32. One FLOP an element; bytes an element 8 (add_row), 4 (sum_rows),
// half of it in bf16. Rows are summed in parts of fixed size that are then added in order, so the sums are the same for any thread count.
#include <algorithm>

#include "elements.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

constexpr int64_t PART_ROWS = 128; // rows of one partial sum, at least
constexpr int64_t PARTS = 64;      // at most this many: bounds the scratch to PARTS * features floats

// y += x, each of its own dtype.
template <class Y, class X> CTX_INLINE void add_to(Y *y, const X *x, int64_t n) {
  vectors(n, [&](int64_t j, int64_t left) __attribute__((always_inline)) { put(y + j, get(y + j, left) + get(x + j, left), left); });
}

} // namespace

ctx_status add_row(ctx_device *device, ctx_mat y, const float *values) {
  CTX_TRY(check_activation(device, "add_row: y", y));
  if (!values && y.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "add_row: row is missing");
  with_types([&]<class Y>(Y) {
    parallel_rows(device, y.rows, y.cols, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; i++) add_to(at<Y>(y, i), values, y.cols);
    });
  }, y);
  return finish(device, "add_row");
}

ctx_status sum_rows(ctx_device *device, float *sum, ctx_mat x) {
  CTX_TRY(check_activation(device, "sum_rows: x", x));
  if (!sum && x.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "sum_rows: sum is missing");
  const int64_t step = std::max(PART_ROWS, (x.rows + PARTS - 1) / PARTS), parts = (x.rows + step - 1) / step;
  CTX_TRY(device->reserve(parts * x.cols, 0));
  float *const partial = device->shared.data();
  with_types([&]<class X>(X) {
    device->pool.parallel_for(parts, [&](int64_t part, int) {
      if (device->cancelled()) return;
      float *const own = partial + part * x.cols;
      std::fill_n(own, x.cols, 0.0f);
      for (int64_t i = part * step; i < std::min(x.rows, (part + 1) * step); i++) add_to(own, at<X>(x, i), x.cols);
    });
  }, x);
  if (!device->cancelled())
    parallel_spans(device, 1, x.cols, true, [&](int64_t, int64_t first, int64_t n) {
      for (int64_t part = 0; part < parts; part++) add_to(sum + first, partial + part * x.cols + first, n);
    });
  return finish(device, "sum_rows");
}

} // namespace ctx_cpu
