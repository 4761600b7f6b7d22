// bias.cc: the bias of a linear map and its gradient.
//
//   add_row    y_ij += row_j
//   sum_rows   sum_j += sum_i x_ij
//
// x, y [tokens, features] in fp32 or bf16, row, sum [features] in fp32. One FLOP an element; bytes an element 8 (add_row), 4 (sum_rows), half of it in bf16. Rows are summed in parts
// of fixed size that are then added in order, so the sums are the same for any thread count.
#include <algorithm>

#include "../include/half.h"
#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr int64_t PART_ROWS = 128; // rows of one partial sum, at least
constexpr int64_t PARTS = 64;      // at most this many: bounds the scratch to PARTS * features floats

CTX_INLINE void add_to(float *y, const float *x, int64_t n) {
  int64_t j = 0;
  for (; j + W <= n; j += W) store(y + j, load(y + j) + load(x + j));
  for (; j < n; j++) y[j] += x[j];
}

ctx_status check_float(ctx_device *device, const char *name, ctx_mat x) {
  if (x.dtype == CTX_BF16) x.dtype = CTX_F32; // the rest of the check is the same
  return check_f32(device, name, x);
}

uint16_t *bf16_row(const ctx_mat &x, int64_t i) { return static_cast<uint16_t *>(x.data) + i * x.ld; }

} // namespace

ctx_status add_row(ctx_device *device, ctx_mat y, const float *values) {
  CTX_TRY(check_float(device, "add_row: y", y));
  if (!values && y.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "add_row: row is missing");
  parallel_rows(device, y.rows, y.cols, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; i++) {
      if (y.dtype == CTX_F32) {
        add_to(row(y, i), values, y.cols);
      } else {
        uint16_t *const to = bf16_row(y, i);
        for (int64_t j = 0; j < y.cols; j++) to[j] = ctx::to_bf16(ctx::from_bf16(to[j]) + values[j]);
      }
    }
  });
  return finish(device, "add_row");
}

ctx_status sum_rows(ctx_device *device, float *sum, ctx_mat x) {
  CTX_TRY(check_float(device, "sum_rows: x", x));
  if (!sum && x.cols > 0) return fail(device, CTX_ERR_ARGUMENT, "sum_rows: sum is missing");
  const int64_t step = std::max(PART_ROWS, (x.rows + PARTS - 1) / PARTS), parts = (x.rows + step - 1) / step;
  CTX_TRY(device->reserve(parts * x.cols, 0));
  device->pool.parallel_for(parts, [&](int64_t part, int) {
    if (device->cancelled()) return;
    float *const own = device->shared.data() + part * x.cols;
    std::fill_n(own, x.cols, 0.0f);
    for (int64_t i = part * step; i < std::min(x.rows, (part + 1) * step); i++) {
      if (x.dtype == CTX_F32) {
        add_to(own, row(x, i), x.cols);
      } else {
        const uint16_t *const from = bf16_row(x, i);
        for (int64_t j = 0; j < x.cols; j++) own[j] += ctx::from_bf16(from[j]);
      }
    }
  });
  if (!device->cancelled())
    parallel_spans(device, 1, x.cols, true, [&](int64_t, int64_t first, int64_t n) {
      for (int64_t part = 0; part < parts; part++) add_to(sum + first, device->shared.data() + part * x.cols + first, n);
    });
  return finish(device, "sum_rows");
}

} // namespace ctx_cpu
