// simd.h: the one vector type all CPU kernels are written in. `W` floats wide: 16 with AVX-512, 8 with AVX2, 4 elsewhere.
// The same kernel source is compiled once per instruction set; nothing else in native/cpu names an instruction set.
//
// defines: W, vf, vi, load, store, load_n, store_n, set1, zero, fma, vmax, vmin, vsqrt, select_first, reduce_add, reduce_max, exp2v,
//          transpose, transpose_block
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define CTX_INLINE static inline __attribute__((always_inline))

namespace ctx_simd {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef float vfu __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(W * 4)));

CTX_INLINE vf zero() { return vf{}; }
CTX_INLINE vf set1(float x) { return x - vf{}; }
CTX_INLINE vf load(const float *p) { return *reinterpret_cast<const vfu *>(p); }
CTX_INLINE void store(float *p, vf x) { *reinterpret_cast<vfu *>(p) = x; }
CTX_INLINE vf fma(vf a, vf b, vf c) { return a * b + c; } // contracted by -ffp-contract=fast where the CPU has FMA

CTX_INLINE vi lane_index() {
  vi r;
  for (int i = 0; i < W; i++) r[i] = i;
  return r;
}

// First n lanes (n may be <= 0 or >= W): loads never touch memory past p + n; missing lanes are 0.
#if defined(__AVX512F__)
CTX_INLINE __mmask16 first(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }
CTX_INLINE vf load_n(const float *p, int64_t n) { return (vf)_mm512_maskz_loadu_ps(first(n), p); }
CTX_INLINE void store_n(float *p, vf x, int64_t n) { _mm512_mask_storeu_ps(p, first(n), (__m512)x); }
CTX_INLINE vf vmax(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
CTX_INLINE float reduce_add(vf a) { return _mm512_reduce_add_ps((__m512)a); }
CTX_INLINE float reduce_max(vf a) { return _mm512_reduce_max_ps((__m512)a); }
#elif defined(__AVX2__)
CTX_INLINE __m256i first(int64_t n) {
  const int k = n >= 8 ? 8 : n <= 0 ? 0 : (int)n;
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(k), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
CTX_INLINE vf load_n(const float *p, int64_t n) { return (vf)_mm256_maskload_ps(p, first(n)); }
CTX_INLINE void store_n(float *p, vf x, int64_t n) { _mm256_maskstore_ps(p, first(n), (__m256)x); }
CTX_INLINE vf vmax(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
CTX_INLINE float reduce_add(vf a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
CTX_INLINE float reduce_max(vf a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
#else
CTX_INLINE vf load_n(const float *p, int64_t n) {
  vf r = {};
  for (int i = 0; i < W && i < n; i++) r[i] = p[i];
  return r;
}
CTX_INLINE void store_n(float *p, vf x, int64_t n) {
  for (int i = 0; i < W && i < n; i++) p[i] = x[i];
}
CTX_INLINE vf vmax(vf a, vf b) { return a > b ? a : b; }
CTX_INLINE float reduce_add(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
CTX_INLINE float reduce_max(vf a) { return std::fmax(std::fmax(a[0], a[2]), std::fmax(a[1], a[3])); }
#endif

// vmax and vmin return b where a or b is a NaN.

// Lane i keeps a[i] where i < n, else b[i].
CTX_INLINE vf select_first(int64_t n, vf a, vf b) {
  const vi k = lane_index(), m = (int32_t)(n > W ? W : n < 0 ? 0 : n) - vi{};
  return k < m ? a : b;
}

CTX_INLINE vf vmin(vf a, vf b) { return a < b ? a : b; }

CTX_INLINE vf vsqrt(vf a) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)a);
#else
  for (int i = 0; i < W; i++) a[i] = std::sqrt(a[i]);
  return a;
#endif
}

// In place: lane j of r[i] <-> lane i of r[j].
#if defined(__AVX2__) && !defined(__AVX512F__)
CTX_INLINE void transpose(vf r[W]) {
  vf t[W];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) { // pairs of rows: a0 b0 a1 b1 in each 128-bit half
    t[2 * i] = (vf)_mm256_unpacklo_ps((__m256)r[2 * i], (__m256)r[2 * i + 1]);
    t[2 * i + 1] = (vf)_mm256_unpackhi_ps((__m256)r[2 * i], (__m256)r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int h = 0; h < 2; h++) // fours of rows: a0 b0 c0 d0 in each half
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
      r[4 * h + 2 * i] = (vf)_mm256_shuffle_ps((__m256)t[4 * h + i], (__m256)t[4 * h + 2 + i], 0x44);
      r[4 * h + 2 * i + 1] = (vf)_mm256_shuffle_ps((__m256)t[4 * h + i], (__m256)t[4 * h + 2 + i], 0xee);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m256 a = (__m256)r[i], b = (__m256)r[i + 4];
    r[i] = (vf)_mm256_permute2f128_ps(a, b, 0x20);
    r[i + 4] = (vf)_mm256_permute2f128_ps(a, b, 0x31);
  }
}
#else
// log2(W) perfect shuffles: each interleaves register i with register i + W/2.
CTX_INLINE void transpose(vf r[W]) {
  vi lo, hi;
  for (int i = 0; i < W; i++) {
    lo[i] = i / 2 + (i % 2) * W;
    hi[i] = W / 2 + lo[i];
  }
#pragma GCC unroll 4
  for (int stage = 1; stage < W; stage *= 2) {
    vf t[W];
#pragma GCC unroll 8
    for (int i = 0; i < W / 2; i++) {
      t[2 * i] = __builtin_shuffle(r[i], r[i + W / 2], lo);
      t[2 * i + 1] = __builtin_shuffle(r[i], r[i + W / 2], hi);
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) r[i] = t[i];
  }
}
#endif

// dst[j][i] = src[i][j] for a W x W block; row distances dst_ld and src_ld.
CTX_INLINE void transpose_block(float *dst, int64_t dst_ld, const float *src, int64_t src_ld) {
#if defined(__AVX512F__)
  // Four columns at a time: loads put rows j, j + 4, j + 8 and j + 12 into one register, so that 4 x 4 transposes within quarters remain;
  // half as many shuffles as between whole registers.
#pragma GCC unroll 4
  for (int64_t column = 0; column < W; column += 4) {
    __m512 r[4];
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; j++) {
      const float *const p = src + j * src_ld + column;
      r[j] = _mm512_castps128_ps512(_mm_loadu_ps(p));
      r[j] = _mm512_mask_broadcast_f32x4(r[j], 0x00f0, _mm_loadu_ps(p + 4 * src_ld));
      r[j] = _mm512_mask_broadcast_f32x4(r[j], 0x0f00, _mm_loadu_ps(p + 8 * src_ld));
      r[j] = _mm512_mask_broadcast_f32x4(r[j], 0xf000, _mm_loadu_ps(p + 12 * src_ld));
    }
    const __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    float *const to = dst + column * dst_ld;
    store(to, (vf)_mm512_shuffle_ps(a, c, 0x44));
    store(to + dst_ld, (vf)_mm512_shuffle_ps(a, c, 0xee));
    store(to + 2 * dst_ld, (vf)_mm512_shuffle_ps(b, d, 0x44));
    store(to + 3 * dst_ld, (vf)_mm512_shuffle_ps(b, d, 0xee));
  }
#else
  vf r[W];
#pragma GCC unroll 8
  for (int64_t i = 0; i < W; i++) r[i] = load(src + i * src_ld);
  transpose(r);
#pragma GCC unroll 8
  for (int64_t i = 0; i < W; i++) store(dst + i * dst_ld, r[i]);
#endif
}

// The polynomial in f in [-1/2, 1/2] with these coefficients, highest first.
template <class... Rest> CTX_INLINE vf polynomial(vf f, float highest, Rest... rest) {
  vf p = set1(highest);
  ((p = fma(p, f, set1(rest))), ...);
  return p;
}

// 2^x for x <= 126; below -126 it is (almost) 0. 2^x = 2^n 2^f, n the nearest integer, 2^f a polynomial of the given degree: relative error
// below 1e-7 for degree 5, 3e-6 for degree 4, which is ample for what is rounded to bf16 (minimax, before the rounding of fp32).
template <int degree = 5> CTX_INLINE vf exp2v(vf x) {
  x = vmax(set1(-126.0f), x); // in this order a NaN stays a NaN
#if defined(__AVX512F__)
  const vf n = (vf)_mm512_roundscale_ps((__m512)x, 8), f = x - n;
#else
  const vf magic = set1(12582912.0f); // 1.5 * 2^23: adding it rounds to the nearest integer
  const vf shifted = x + magic;
  const vf f = x - (shifted - magic);
#endif
  static_assert(degree == 4 || degree == 5);
  const vf p = degree == 4 ? polynomial(f, 0.00957010107f, 0.0559178603f, 0.240247448f, 0.693121815f, 0.999999261f)
                           : polynomial(f, 0.00132764718f, 0.00967554133f, 0.0555071327f, 0.240221197f, 0.693146967f, 1.00000007f);
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  const vi n = ((vi)shifted - (vi)magic) << 23; // moved into the exponent
  return (vf)((vi)p + n);
#endif
}

} // namespace ctx_simd
