// movement.cc: zero, copy (with conversion between fp32, bf16 and fp16), y += alpha x, y *= alpha.
//
// All are bound by memory: bytes read + written per element of fp32 are 4 (zero), the two element sizes (copy), 12 (add), 8 (scale). add
// and scale compute in fp32 whatever they read and write.
#include <cstring>

#include "../include/dtype.h"
#include "../include/half.h"
#include "elements.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;
using ctx::from_bf16, ctx::from_f16, ctx::size_of, ctx::to_bf16, ctx::to_f16;

void copy_span(void *to, ctx_dtype to_type, const void *from, ctx_dtype from_type, int64_t n) {
  if (to_type == from_type) {
    std::memcpy(to, from, n * size_of(to_type));
  } else if (from_type == CTX_F32) {
    auto *t = static_cast<uint16_t *>(to);
    auto *f = static_cast<const float *>(from);
    if (to_type == CTX_BF16) vectors(n, [&](int64_t i, int64_t left) __attribute__((always_inline)) { put(static_cast<Bf16 *>(to) + i, get(f + i, left), left); });
    else for (int64_t i = 0; i < n; i++) t[i] = to_f16(f[i]);
  } else if (to_type == CTX_F32) {
    auto *t = static_cast<float *>(to);
    auto *f = static_cast<const uint16_t *>(from);
    if (from_type == CTX_BF16) for (int64_t i = 0; i < n; i++) t[i] = from_bf16(f[i]);
    else for (int64_t i = 0; i < n; i++) t[i] = from_f16(f[i]);
  } else { // between bf16 and fp16
    auto *t = static_cast<uint16_t *>(to);
    auto *f = static_cast<const uint16_t *>(from);
    if (from_type == CTX_BF16) for (int64_t i = 0; i < n; i++) t[i] = to_f16(from_bf16(f[i]));
    else for (int64_t i = 0; i < n; i++) t[i] = to_bf16(from_f16(f[i]));
  }
}

char *bytes_at(const ctx_mat &x, int64_t i, int64_t j) { return static_cast<char *>(x.data) + (i * x.ld + j) * size_of(x.dtype); }

ctx_status check_any(ctx_device *device, const char *name, ctx_mat x) {
  if (x.dtype != CTX_F32 && x.dtype != CTX_BF16 && x.dtype != CTX_F16) return fail(device, CTX_ERR_ARGUMENT, "%s: unknown dtype %d", name, x.dtype);
  x.dtype = CTX_F32;
  return check_f32(device, name, x);
}

} // namespace

ctx_status zero(ctx_device *device, ctx_mat x) {
  CTX_TRY(check_any(device, "zero: x", x));
  parallel_spans(device, x.rows, x.cols, contiguous(x), [&](int64_t i, int64_t j, int64_t n) { std::memset(bytes_at(x, i, j), 0, n * size_of(x.dtype)); });
  return finish(device, "zero");
}

ctx_status copy(ctx_device *device, ctx_mat dst, ctx_mat src) {
  CTX_TRY(check_any(device, "copy: dst", dst));
  CTX_TRY(check_any(device, "copy: src", src));
  if (dst.rows != src.rows || dst.cols != src.cols)
    return fail(device, CTX_ERR_ARGUMENT, "copy: dst is %lld x %lld, src is %lld x %lld", (long long)dst.rows, (long long)dst.cols, (long long)src.rows, (long long)src.cols);
  parallel_spans(device, dst.rows, dst.cols, contiguous(dst) && contiguous(src),
                 [&](int64_t i, int64_t j, int64_t n) { copy_span(bytes_at(dst, i, j), dst.dtype, bytes_at(src, i, j), src.dtype, n); });
  return finish(device, "copy");
}

ctx_status add(ctx_device *device, ctx_mat y, float alpha, ctx_mat x) {
  CTX_TRY(check_activation(device, "add: y", y));
  CTX_TRY(check_activation(device, "add: x", x, y.rows, y.cols));
  with_types([&]<class Y, class X>(Y, X) {
    parallel_spans(device, y.rows, y.cols, contiguous(y) && contiguous(x), [&](int64_t i, int64_t j, int64_t n) {
      Y *const yp = at<Y>(y, i, j);
      const X *const xp = at<X>(x, i, j);
      vectors(n, [&](int64_t k, int64_t left) __attribute__((always_inline)) { put(yp + k, fma(set1(alpha), get(xp + k, left), get(yp + k, left)), left); });
    });
  }, y, x);
  return finish(device, "add");
}

ctx_status add_on(ctx_device *device, ctx_queue, float *sum, const float *x, int64_t numbers) {
  return add(device, {sum, 1, numbers, numbers, CTX_F32}, 1, {const_cast<float *>(x), 1, numbers, numbers, CTX_F32});
}

ctx_status scale(ctx_device *device, ctx_mat y, float alpha) {
  CTX_TRY(check_activation(device, "scale: y", y));
  with_types([&]<class Y>(Y) {
    parallel_spans(device, y.rows, y.cols, contiguous(y), [&](int64_t i, int64_t j, int64_t n) {
      Y *const yp = at<Y>(y, i, j);
      vectors(n, [&](int64_t k, int64_t left) __attribute__((always_inline)) { put(yp + k, get(yp + k, left) * alpha, left); });
    });
  }, y);
  return finish(device, "scale");
}

} // namespace ctx_cpu
