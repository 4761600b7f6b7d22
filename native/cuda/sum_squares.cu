// sum_squares.cu: *out = sum of x^2 in float64, the same bits at every run: spans of fixed length are summed on their own, then one block
// adds them. 4 bytes an element: bound by memory. Waits for its result.
#include "elements.cuh"
#include "operations.h"
#include "reduce.cuh"

namespace ctx_cuda {
namespace {

constexpr int THREADS = 256;
constexpr int64_t SPAN = 16384;

__global__ void __launch_bounds__(THREADS) span_kernel(double *sums, const float *x, int64_t ld, int64_t cols, int64_t per_row, int64_t spans) {
  double *const warps = shared_memory<double>();
  for (int64_t s = blockIdx.x; s < spans; s += gridDim.x) {
    const float *const row = x + s / per_row * ld;
    const int64_t first = s % per_row * SPAN, end = first + SPAN < cols ? first + SPAN : cols;
    double sum = 0;
    for (int64_t j = first + threadIdx.x; j < end; j += THREADS) sum += double(row[j]) * row[j];
    sum = block_sum<THREADS>(sum, warps);
    if (threadIdx.x == 0) sums[s] = sum;
  }
}

__global__ void __launch_bounds__(THREADS) total_kernel(double *total, const double *sums, int64_t spans) {
  double sum = 0;
  for (int64_t s = threadIdx.x; s < spans; s += THREADS) sum += sums[s];
  sum = block_sum<THREADS>(sum, shared_memory<double>());
  if (threadIdx.x == 0) *total = sum;
}

} // namespace

ctx_status sum_squares(ctx_device *device, ctx_mat x, double *out) {
  CTX_TRY(check_f32(device, "sum_squares: x", x));
  *out = 0;
  flatten(x);
  if (x.rows * x.cols == 0) return CTX_OK;
  const int64_t per_row = ceil_div(x.cols, SPAN), spans = x.rows * per_row;
  CTX_TRY(device->reserve(size_t(spans + 1) * sizeof(double)));
  double *const sums = static_cast<double *>(device->scratch), *const total = sums + spans;
  constexpr size_t shared = THREADS / WARP * sizeof(double);
  launch(device, span_kernel, dim3(unsigned(spans < 65536 ? spans : 65536)), dim3(THREADS), shared, sums, static_cast<const float *>(x.data), x.ld, x.cols, per_row, spans);
  launch(device, total_kernel, dim3(1), dim3(THREADS), shared, total, sums, spans);
  CTX_TRY(finish(device, "sum_squares"));
  return download(device, out, total, sizeof *out);
}

} // namespace ctx_cuda
