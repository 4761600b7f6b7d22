// movement.cu: zero, copy (with conversion between fp32, bf16 and fp16), y += alpha x, y *= alpha.
//
// All are bound by memory: bytes read + written per element of fp32 are 4 (zero), the two element sizes (copy), 12 (add), 8 (scale).
#include "../include/dtype.h"
#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

template <class Y, class X> struct Copy {
  Rows<Y> y;
  Rows<X> x;
  template <int N> __device__ void at(int64_t i, int64_t j) const { put<N>(y.at(i, j), get<N>(x.at(i, j))); }
};

template <class Y, class X> struct Add {
  Rows<Y> y;
  Rows<X> x;
  float alpha;
  template <int N> __device__ void at(int64_t i, int64_t j) const {
    const Floats<N> a = get<N>(y.at(i, j)), b = get<N>(x.at(i, j));
    put<N>(y.at(i, j), each<N>([&](int k) { return fmaf(alpha, b[k], a[k]); }));
  }
};

template <class Y> struct Scale {
  Rows<Y> y;
  float alpha;
  template <int N> __device__ void at(int64_t i, int64_t j) const {
    const Floats<N> a = get<N>(y.at(i, j));
    put<N>(y.at(i, j), each<N>([&](int k) { return a[k] * alpha; }));
  }
};

ctx_status check_any(ctx_device *device, const char *name, ctx_mat x) {
  if (x.dtype != CTX_F32 && x.dtype != CTX_BF16 && x.dtype != CTX_F16) return fail(device, CTX_ERR_ARGUMENT, "%s: unknown dtype %d", name, x.dtype);
  x.dtype = CTX_F32;
  return check_f32(device, name, x);
}

template <class Y> void copy_from(ctx_device *device, const ctx_mat &y, const ctx_mat &x) {
  const bool both = wide(y) && wide(x);
  if (x.dtype == CTX_F32) for_each(device, y.rows, y.cols, both, Copy<Y, float>{y, x});
  else if (x.dtype == CTX_BF16) for_each(device, y.rows, y.cols, both, Copy<Y, Bf16>{y, x});
  else for_each(device, y.rows, y.cols, both, Copy<Y, F16>{y, x});
}

} // namespace

ctx_status zero(ctx_device *device, ctx_mat x) {
  CTX_TRY(check_any(device, "zero: x", x));
  const size_t size = size_t(ctx::size_of(x.dtype));
  flatten(x);
  if (x.rows * x.cols > 0) CTX_CUDA(device, "zero", cudaMemset2DAsync(x.data, size_t(x.ld) * size, 0, size_t(x.cols) * size, size_t(x.rows), device->stream));
  return finish(device, "zero");
}

ctx_status copy(ctx_device *device, ctx_mat y, ctx_mat x) {
  CTX_TRY(check_any(device, "copy: dst", y));
  CTX_TRY(check_any(device, "copy: src", x));
  if (y.rows != x.rows || y.cols != x.cols)
    return fail(device, CTX_ERR_ARGUMENT, "copy: dst is %lld x %lld, src is %lld x %lld", (long long)y.rows, (long long)y.cols, (long long)x.rows, (long long)x.cols);
  flatten(y, x);
  const size_t size = size_t(ctx::size_of(y.dtype));
  if (y.dtype == x.dtype && y.rows * y.cols > 0)
    CTX_CUDA(device, "copy", cudaMemcpy2DAsync(y.data, size_t(y.ld) * size, x.data, size_t(x.ld) * size, size_t(x.cols) * size, size_t(x.rows), cudaMemcpyDeviceToDevice, device->stream));
  else if (y.dtype == CTX_F32) copy_from<float>(device, y, x);
  else if (y.dtype == CTX_BF16) copy_from<Bf16>(device, y, x);
  else copy_from<F16>(device, y, x);
  return finish(device, "copy");
}

ctx_status add(ctx_device *device, ctx_mat y, float alpha, ctx_mat x) {
  CTX_TRY(check_activation(device, "add: y", y));
  CTX_TRY(check_activation(device, "add: x", x, y.rows, y.cols));
  flatten(y, x);
  with_types([&](auto ty, auto tx) {
    for_each(device, y.rows, y.cols, wide(y) && wide(x), Add<decltype(ty), decltype(tx)>{y, x, alpha});
  }, y, x);
  return finish(device, "add");
}

ctx_status add_on(ctx_device *device, ctx_queue queue, float *sum, const float *x, int64_t numbers) {
  const ctx_mat to{sum, 1, numbers, numbers, CTX_F32}, from{const_cast<float *>(x), 1, numbers, numbers, CTX_F32};
  CTX_TRY(check_f32(device, "add_on: sum", to));
  CTX_TRY(check_f32(device, "add_on: x", from));
  for_each(device, 1, numbers, wide(to) && wide(from), Add<float, float>{to, from, 1}, queue);
  return finish(device, "add_on");
}

ctx_status scale(ctx_device *device, ctx_mat y, float alpha) {
  CTX_TRY(check_activation(device, "scale: y", y));
  flatten(y);
  with_types([&](auto ty) { for_each(device, y.rows, y.cols, wide(y), Scale<decltype(ty)>{y, alpha}); }, y);
  return finish(device, "scale");
}

} // namespace ctx_cuda
