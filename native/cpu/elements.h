// elements.h: activations in fp32 or bf16, read and written as vectors of fp32, so that one kernel serves every mix of dtypes.
//
// bf16 is the upper half of an fp32 number: reading shifts, writing rounds once to nearest, ties to even (NaNs stay NaNs). Arithmetic
// between the two is fp32.
//
// defines: Bf16, bits, get, put, rounded, vectors, at, check_activation, with_types
#pragma once
#include "device.h"
#include "simd.h"

namespace ctx_cpu {

struct Bf16 {
  uint16_t bits;
};

typedef uint16_t bf16_bits __attribute__((vector_size(ctx_simd::W * 2)));
typedef uint16_t bf16_bits_unaligned __attribute__((vector_size(ctx_simd::W * 2), aligned(2), may_alias));
typedef uint32_t word_bits __attribute__((vector_size(ctx_simd::W * 4)));

// Compilers split conversions of whole vectors in two and join them again; the instructions themselves do it at once.
#if defined(__AVX512BW__)
CTX_INLINE word_bits words(bf16_bits x) { return (word_bits)_mm512_cvtepu16_epi32((__m256i)x); }
CTX_INLINE bf16_bits lower_halves(word_bits x) { return (bf16_bits)_mm512_cvtepi32_epi16((__m512i)x); }
#elif defined(__AVX2__)
CTX_INLINE word_bits words(bf16_bits x) { return (word_bits)_mm256_cvtepu16_epi32((__m128i)x); }
CTX_INLINE bf16_bits lower_halves(word_bits x) { return __builtin_convertvector(x, bf16_bits); }
#else
CTX_INLINE word_bits words(bf16_bits x) { return __builtin_convertvector(x, word_bits); }
CTX_INLINE bf16_bits lower_halves(word_bits x) { return __builtin_convertvector(x, bf16_bits); }
#endif

CTX_INLINE ctx_simd::vf widened(bf16_bits x) { return (ctx_simd::vf)(words(x) << 16); }

// The bits of x in bf16 in the lower half of each lane.
CTX_INLINE word_bits narrowed(ctx_simd::vf x) {
  const word_bits b = (word_bits)x;
  const word_bits nearest = b + 0x7fff + ((b >> 16) & 1);
  return ((x == x) ? nearest : b | 0x400000) >> 16;
}

// Whole vectors.
CTX_INLINE ctx_simd::vf get(const float *p) { return ctx_simd::load(p); }
CTX_INLINE bf16_bits bits(const Bf16 *p) { return *reinterpret_cast<const bf16_bits_unaligned *>(p); }
CTX_INLINE ctx_simd::vf get(const Bf16 *p) { return widened(bits(p)); }
CTX_INLINE void put(float *p, ctx_simd::vf x) { ctx_simd::store(p, x); }
CTX_INLINE void put(Bf16 *p, ctx_simd::vf x) { *reinterpret_cast<bf16_bits_unaligned *>(p) = lower_halves(narrowed(x)); }

// The first n lanes, all of them from W on; missing lanes read as 0, and nothing behind p + n is touched. Whole vectors take the plain
// path: masked moves, stores above all, are many times slower on AMD.
CTX_INLINE ctx_simd::vf get(const float *p, int64_t n) { return n >= ctx_simd::W ? get(p) : ctx_simd::load_n(p, n); }
CTX_INLINE bf16_bits bits(const Bf16 *p, int64_t n) {
  if (n >= ctx_simd::W) return bits(p);
  bf16_bits x = {};
  if (n > 0) __builtin_memcpy(&x, p, size_t(n) * sizeof(Bf16));
  return x;
}
CTX_INLINE ctx_simd::vf get(const Bf16 *p, int64_t n) { return widened(bits(p, n)); }
CTX_INLINE void put(float *p, ctx_simd::vf x, int64_t n) { n >= ctx_simd::W ? put(p, x) : ctx_simd::store_n(p, x, n); }
CTX_INLINE void put(Bf16 *p, ctx_simd::vf x, int64_t n) {
  if (n >= ctx_simd::W) return put(p, x);
  const bf16_bits y = lower_halves(narrowed(x));
  if (n > 0) __builtin_memcpy(p, &y, size_t(n) * sizeof(Bf16));
}

// What a T holds after x was stored in it.
template <class T> CTX_INLINE ctx_simd::vf rounded(ctx_simd::vf x) {
  if constexpr (sizeof(T) == sizeof(float)) return x;
  else return (ctx_simd::vf)(narrowed(x) << 16);
}

// Calls body(j, left) for each vector of n elements; left is W, a constant, but in the last one.
template <class Body> CTX_INLINE void vectors(int64_t n, const Body &body) {
  int64_t j = 0;
  for (; j + ctx_simd::W <= n; j += ctx_simd::W) body(j, int64_t(ctx_simd::W));
  if (j < n) body(j, n - j);
}

// Element (i, j) of a matrix of Ts.
template <class T> CTX_INLINE T *at(const ctx_mat &x, int64_t i, int64_t j = 0) { return static_cast<T *>(x.data) + i * x.ld + j; }

// check_f32 for a matrix that may hold bf16 as well.
inline ctx_status check_activation(ctx_device *device, const char *name, ctx_mat x) {
  if (x.dtype != CTX_F32 && x.dtype != CTX_BF16) return fail(device, CTX_ERR_ARGUMENT, "%s: fp32 or bf16 is wanted, got dtype %d; copy converts", name, x.dtype);
  x.dtype = CTX_F32;
  return check_f32(device, name, x);
}
inline ctx_status check_activation(ctx_device *device, const char *name, ctx_mat x, int64_t rows, int64_t cols) {
  CTX_TRY(check_activation(device, name, x));
  x.dtype = CTX_F32;
  return check_f32(device, name, x, rows, cols);
}

// Calls fn(T(), …) with one T, float or Bf16, for each matrix. Matrices without data count as fp32.
template <class Fn> CTX_INLINE void with_types(const Fn &fn) { fn(); }
template <class Fn, class... Mats> CTX_INLINE void with_types(const Fn &fn, const ctx_mat &x, const Mats &...others) {
  if (x.data && x.dtype == CTX_BF16) with_types([&](auto... types) { fn(Bf16(), types...); }, others...);
  else with_types([&](auto... types) { fn(float(), types...); }, others...);
}

} // namespace ctx_cpu
