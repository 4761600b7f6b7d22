// words.h: the operands of a matrix product as 32-bit words, the unit in which packing.h lays them out and microkernel.h multiplies them.
// A word holds TERMS numbers that follow each other in the sum; one step of the sum is c += a . b, word by word:
//
//   Single    one fp32 number                                      c += a b
//   Rounded   one fp32 number, rounded to bf16 when it was packed  c += a b
//   Pairs     two bf16 numbers, the first in the lower half        c += a0 b0 + a1 b1, one instruction (vdpbf16ps)
//
// Bf16Words is how this instruction set multiplies bf16: Pairs where it has the instruction, else Rounded. Sums are fp32 in all three;
// Pairs takes subnormal numbers as 0, and rounds after each of its two products.
//
// Words are kept in float buffers and vectors whatever they hold; only the functions below look into them. A matrix whose rows are summed
// over (A of a product) is made of words `along` its rows; one whose columns are (B) of words `across` TERMS rows.
//
// defines: Single, Rounded, Pairs, Bf16Words, WordsOf, words
#pragma once
#include <type_traits>

#include "elements.h"

namespace ctx_cpu {

struct Single {
  static constexpr int64_t TERMS = 1;

  // W words of successive terms at p, of which n are there; the others are 0.
  template <class T> CTX_INLINE ctx_simd::vf along(const T *p, int64_t n) { return get(p, n); }
  // W neighbouring words of `terms` rows of numbers at p (row distance ld), n of them there.
  template <class T> CTX_INLINE ctx_simd::vf across(const T *p, int64_t, int64_t, int64_t n) { return get(p, n); }
  // One word in every lane.
  CTX_INLINE ctx_simd::vf spread(const float *word) { return ctx_simd::set1(*word); }
  CTX_INLINE ctx_simd::vf multiply_add(ctx_simd::vf a, ctx_simd::vf b, ctx_simd::vf c) { return ctx_simd::fma(a, b, c); }
  // True if rows of Ts at p, ld numbers apart, are rows of words as they lie in memory, when n numbers of each are summed over.
  template <class T> static constexpr bool lies_in_words(const T *, int64_t, int64_t) { return sizeof(T) == sizeof(float); }

  // 2 W numbers of a row, as words along it.
  CTX_INLINE void put_along(float *words, ctx_simd::vf x0, ctx_simd::vf x1) {
    ctx_simd::store(words, x0);
    ctx_simd::store(words + ctx_simd::W, x1);
  }
  // W neighbouring numbers of TERMS rows, as words across them.
  CTX_INLINE void put_across(float *words, const ctx_simd::vf x[TERMS]) { ctx_simd::store(words, x[0]); }
};

struct Rounded : Single {
  template <class T> CTX_INLINE ctx_simd::vf along(const T *p, int64_t n) {
    if constexpr (sizeof(T) == sizeof(float)) return rounded<Bf16>(get(p, n));
    else return get(p, n);
  }
  template <class T> CTX_INLINE ctx_simd::vf across(const T *p, int64_t, int64_t, int64_t n) { return along(p, n); }
  template <class T> static constexpr bool lies_in_words(const T *, int64_t, int64_t) { return false; }
};

#if defined(__AVX512BF16__)
struct Pairs {
  static constexpr int64_t TERMS = 2;

  // bf16 of a in the lower 16 halves, of b in the upper ones.
  CTX_INLINE __m512i narrow(ctx_simd::vf a, ctx_simd::vf b) { return (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a); }
  // The lower half of each word from a, the upper one from b.
  CTX_INLINE ctx_simd::vf interleave(word_bits a, word_bits b) { return (ctx_simd::vf)(a | b << 16); }
  CTX_INLINE ctx_simd::vf interleave(ctx_simd::vf a, ctx_simd::vf b) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (ctx_simd::vf)_mm512_permutexvar_epi16(order, narrow(a, b));
  }
  CTX_INLINE word_bits halves(const Bf16 *p, int64_t n) { return __builtin_convertvector(bits(p, n), word_bits); }

  CTX_INLINE ctx_simd::vf along(const float *p, int64_t n) {
    using ctx_simd::W;
    return (ctx_simd::vf)narrow(get(p, n), n > W ? get(p + W, n - W) : ctx_simd::zero());
  }
  CTX_INLINE ctx_simd::vf along(const Bf16 *p, int64_t n) {
    if (n >= 2 * ctx_simd::W) return ctx_simd::load(reinterpret_cast<const float *>(p));
    return (ctx_simd::vf)_mm512_maskz_loadu_epi16(n <= 0 ? 0 : (1u << n) - 1, p);
  }
  CTX_INLINE ctx_simd::vf across(const float *p, int64_t ld, int64_t terms, int64_t n) {
    return interleave(get(p, n), terms > 1 ? get(p + ld, n) : ctx_simd::zero());
  }
  CTX_INLINE ctx_simd::vf across(const Bf16 *p, int64_t ld, int64_t terms, int64_t n) {
    return interleave(halves(p, n), terms > 1 ? halves(p + ld, n) : word_bits{});
  }
  CTX_INLINE ctx_simd::vf spread(const float *word) {
    typedef int32_t bits __attribute__((may_alias));
    return (ctx_simd::vf)_mm512_set1_epi32(*reinterpret_cast<const bits *>(word));
  }
  CTX_INLINE ctx_simd::vf multiply_add(ctx_simd::vf a, ctx_simd::vf b, ctx_simd::vf c) {
    return (ctx_simd::vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
  }
  template <class T> static bool lies_in_words(const T *p, int64_t ld, int64_t n) {
    return sizeof(T) == sizeof(Bf16) && ld % 2 == 0 && n % 2 == 0 && reinterpret_cast<uintptr_t>(p) % sizeof(float) == 0;
  }
  CTX_INLINE void put_along(float *words, ctx_simd::vf x0, ctx_simd::vf x1) { ctx_simd::store(words, (ctx_simd::vf)narrow(x0, x1)); }
  CTX_INLINE void put_across(float *words, const ctx_simd::vf x[TERMS]) { ctx_simd::store(words, interleave(x[0], x[1])); }
};
using Bf16Words = Pairs;
#else
using Bf16Words = Rounded;
#endif

// The words in which numbers stored as Ts are multiplied without rounding them: bf16 in pairs, where there are pairs.
template <class T> using WordsOf = std::conditional_t<sizeof(T) == sizeof(float) || Bf16Words::TERMS == 1, Single, Bf16Words>;

// Words that hold n terms.
template <class E> constexpr int64_t words(int64_t n) { return (n + E::TERMS - 1) / E::TERMS; }

} // namespace ctx_cpu
