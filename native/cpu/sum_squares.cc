// sum_squares.cc: *out = sum of x^2 in float64, with the same bits for any thread count.
//
// Spans of fixed length are summed on their own, then added in order. 2 FLOPs and 4 bytes an element.
#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {

using namespace ctx_simd;

namespace {

constexpr int64_t SPAN = 16384;
constexpr int LANES = 8;
typedef double vd __attribute__((vector_size(LANES * 8)));
typedef float vs __attribute__((vector_size(LANES * 4)));

double span_sum(const float *x, int64_t n) {
  vd s0 = {}, s1 = {};
  int64_t j = 0;
  for (; j + 2 * LANES <= n; j += 2 * LANES) {
    vs a, b;
    __builtin_memcpy(&a, x + j, sizeof a);
    __builtin_memcpy(&b, x + j + LANES, sizeof b);
    const vd da = __builtin_convertvector(a, vd), db = __builtin_convertvector(b, vd);
    s0 += da * da;
    s1 += db * db;
  }
  s0 += s1;
  double sum = 0;
  for (int i = 0; i < LANES; i++) sum += s0[i];
  for (; j < n; j++) sum += double(x[j]) * x[j];
  return sum;
}

} // namespace

ctx_status sum_squares(ctx_device *device, ctx_mat x, double *out) {
  CTX_TRY(check_f32(device, "sum_squares: x", x));
  *out = 0;
  const int64_t rows = contiguous(x) ? 1 : x.rows, cols = contiguous(x) ? x.rows * x.cols : x.cols;
  if (rows * cols == 0) return CTX_OK;
  const int64_t per_row = (cols + SPAN - 1) / SPAN, spans = rows * per_row;
  CTX_TRY(device->reserve(2 * spans, 0));
  double *partial = reinterpret_cast<double *>(device->shared.data());
  // Short rows are grouped so that an item is worth handing out; a row's partial sum is the same either way.
  const int64_t group = per_row > 1 ? 1 : rows_per_item(cols);
  device->pool.parallel_for((spans + group - 1) / group, [&](int64_t item, int) {
    if (device->cancelled()) return;
    for (int64_t s = item * group; s < spans && s < (item + 1) * group; s++) {
      const int64_t j = s % per_row * SPAN, n = j + SPAN < cols ? SPAN : cols - j;
      partial[s] = span_sum(static_cast<const float *>(x.data) + s / per_row * x.ld + j, n);
    }
  });
  CTX_TRY(finish(device, "sum_squares"));
  for (int64_t s = 0; s < spans; s++) *out += partial[s];
  return CTX_OK;
}

} // namespace ctx_cpu
