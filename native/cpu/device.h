// device.h: what a ctx_device is on the CPU, and the few helpers that every operation uses.
//
// defines: Scratch, ctx_device, fail, finish, check_f32, row, parallel_rows, parallel_spans, CTX_TRY
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../include/ctx_backend.h"
#include "thread_pool.h"

namespace ctx_cpu {

// A buffer that only grows, 64-byte aligned. Contents are not kept when it grows.
class Scratch {
public:
  ~Scratch();
  bool reserve(size_t floats); // false: out of memory, the old buffer is gone
  float *data() const { return data_; }
  int64_t bytes() const { return bytes_; } // whole pages; from any thread

private:
  float *data_ = nullptr;
  std::atomic<int64_t> bytes_ = 0;
};

} // namespace ctx_cpu

struct ctx_device {
  explicit ctx_device(int threads) : pool(threads), scratch(threads) {}

  ctx_cpu::ThreadPool pool;
  ctx_cpu::Scratch shared;                // seen by all threads: packed panels of B
  std::vector<ctx_cpu::Scratch> scratch;  // one per thread: packed tiles of A, attention tiles
  const volatile int32_t *cancel = nullptr;
  char error[512] = "";

  bool cancelled() const { return cancel && *cancel != 0; }

  // Before a parallel region: buffers of these sizes (in floats) exist. Nothing allocates inside a region.
  ctx_status reserve(size_t shared_floats, size_t floats_per_thread);
};

namespace ctx_cpu {

// Writes the message (printf style) for last_error and returns `status`. `device` may be null.
__attribute__((format(printf, 3, 4))) ctx_status fail(ctx_device *device, ctx_status status, const char *format, ...);

// CTX_OK, or CTX_ERR_CANCELLED with a message if the flag is up.
ctx_status finish(ctx_device *device, const char *operation);

// Checks that x is fp32 with a pointer and ld >= cols; `name` is for the message: "rmsnorm_forward: x".
ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x);

// The same, and its shape is rows x cols.
ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x, int64_t rows, int64_t cols);

inline float *row(const ctx_mat &x, int64_t i) { return static_cast<float *>(x.data) + i * x.ld; }

// Rows in one item of a parallel region: about 64 KB of memory, so that a region pays off and threads stay balanced.
inline int64_t rows_per_item(int64_t cols) {
  const int64_t rows = 16384 / (cols > 0 ? cols : 1);
  return rows < 1 ? 1 : rows;
}

// Calls fn(first_row, last_row, thread) over [0, rows) cut by rows_per_item(cols); stops early when cancelled.
template <class Fn> void parallel_rows(ctx_device *device, int64_t rows, int64_t cols, const Fn &fn) {
  const int64_t step = rows_per_item(cols), items = (rows + step - 1) / step;
  device->pool.parallel_for(items, [&](int64_t item, int thread) {
    if (device->cancelled()) return;
    const int64_t first = item * step, last = first + step < rows ? first + step : rows;
    fn(first, last, thread);
  });
}

// Element-wise work: calls fn(i, j, n) for spans of n elements that begin at row i, column j, and together cover the matrix.
// `contiguous`: all operands have ld == cols, so that the matrix is one long row. The cut does not depend on the thread count.
template <class Fn> void parallel_spans(ctx_device *device, int64_t rows, int64_t cols, bool contiguous, const Fn &fn) {
  if (contiguous) {
    cols *= rows;
    rows = 1;
  }
  const int64_t span = cols < 16384 ? cols : 16384;
  const int64_t spans = span > 0 ? (cols + span - 1) / span : 0;
  const int64_t step = rows_per_item(cols), items = (rows + step - 1) / step * spans;
  device->pool.parallel_for(items, [&](int64_t item, int) {
    if (device->cancelled()) return;
    const int64_t first = item / spans * step, j = item % spans * span, n = j + span < cols ? span : cols - j;
    for (int64_t i = first; i < rows && i < first + step; i++) fn(i, j, n);
  });
}

inline bool contiguous(const ctx_mat &x) { return x.ld == x.cols; }

} // namespace ctx_cpu

// Leaves the calling operation with the status of `expression` unless it is CTX_OK.
#define CTX_TRY(expression)                       \
  do {                                            \
    const ctx_status status_ = (expression);      \
    if (status_ != CTX_OK) return status_;        \
  } while (0)
