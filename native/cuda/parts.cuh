// parts.cuh: sums over rows whose order does not depend on the GPU: rows are cut into parts of fixed size, each part is summed on its
// own, and the parts are added in order.
//
// defines: Parts, add_parts
#pragma once
#include "elements.cuh"

namespace ctx_cuda {

struct Parts {
  int64_t rows, count; // rows of a part, number of parts
  explicit Parts(int64_t total) : rows(ceil_div(total, 512) < 32 ? 32 : ceil_div(total, 512)), count(ceil_div(total, rows)) {}
};

// sum[j] += parts[0][j] + parts[1][j] + …, parts [count, cols].
struct AddParts {
  float *sum;
  const float *parts;
  int64_t count, cols;
  template <int> __device__ void at(int64_t, int64_t j) const {
    float s = sum[j];
    for (int64_t part = 0; part < count; part++) s += parts[part * cols + j];
    sum[j] = s;
  }
};

inline void add_parts(ctx_device *device, float *sum, const float *parts, int64_t count, int64_t cols) {
  for_each_of<1>(device, 1, cols, AddParts{sum, parts, count, cols}); // a thread a column: the more of them, the more parts are on their way
}

} // namespace ctx_cuda
