// tensor_map_sm90.cu: see tensor_map_sm90.h. The driver makes the maps; its function is asked for at run time, so that the library loads
// without a driver.
#include "tensor_map_sm90.h"

namespace ctx_cuda::sm90 {

#if defined(__CUDACC__)

namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

Encode encoder() {
  static const Encode found = [] {
    void *function = nullptr;
    cudaDriverEntryPointQueryResult result;
#if CUDART_VERSION >= 12050
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result);
#else // has no other; of this function there is one version
    const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &result);
#endif
    if (error != cudaSuccess) cudaGetLastError(); // not the next operation's error
    return error == cudaSuccess && result == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(function) : nullptr;
  }();
  return found;
}

} // namespace

ctx_status make_map(ctx_device *device, const char *name, const ctx_mat &x, int box_rows, TensorMap *map) {
  const Encode encode = encoder();
  if (!encode) return fail(device, CTX_ERR_DEVICE, "%s: the driver has no cuTensorMapEncodeTiled, which came with CUDA 12.0; install a newer driver", name);
  const bool sums = x.dtype == CTX_F32;
  const cuuint64_t size[2] = {cuuint64_t(x.cols), cuuint64_t(x.rows)}, stride[1] = {cuuint64_t(x.ld) * (sums ? 4 : 2)};
  const cuuint32_t box[2] = {cuuint32_t(ROW_BYTES / (sums ? 4 : 2)), cuuint32_t(box_rows)}, step[2] = {1, 1};
  const CUresult result = encode(&map->map, sums ? CU_TENSOR_MAP_DATA_TYPE_FLOAT32 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, x.data, size, stride, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    return fail(device, CTX_ERR_DEVICE, "%s: no tensor map of %lld x %lld, ld %lld: driver error %d", name, (long long)x.rows, (long long)x.cols, (long long)x.ld, int(result));
  return CTX_OK;
}

#else

ctx_status make_map(ctx_device *, const char *, const ctx_mat &x, int box_rows, TensorMap *map) {
  *map = {x.data, x.rows, x.cols, x.ld, box_rows};
  return CTX_OK;
}

#endif

} // namespace ctx_cuda::sm90
