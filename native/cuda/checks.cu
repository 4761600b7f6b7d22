// checks.cu: see checks.cuh.
#include "checks.cuh"

#include <climits>

#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

struct Look {
  int *wrong;
  const int32_t *ids;
  int32_t low;
  int64_t high;
  template <int N> __device__ void at(int64_t, int64_t i) const {
    if (ids[i] < low || ids[i] >= high) atomicMin(wrong, int(i));
  }
};

} // namespace

ctx_status first_wrong(ctx_device *device, const int32_t *ids, int64_t n, int32_t low, int64_t high, int32_t *index, int32_t *id) {
  *index = -1;
  if (n == 0) return CTX_OK;
  const int32_t none = INT_MAX;
  CTX_TRY(upload(device, device->wrong, &none, sizeof none));
  for_each(device, 1, n, false, Look{device->wrong, ids, low, high});
  CTX_TRY(download(device, index, device->wrong, sizeof *index));
  if (*index == none) *index = -1;
  else CTX_TRY(download(device, id, ids + *index, sizeof *id));
  return CTX_OK;
}

} // namespace ctx_cuda
