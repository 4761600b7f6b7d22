// half.h: fp32 <-> bf16 and fp16, one number at a time, by integer and fp32 arithmetic without branches: exact, the same on every
// instruction set, and compilers vectorise loops over it. Rounding is to nearest, ties to even; NaNs stay NaNs, overflow gives
// infinity (IEEE 754).
// defines: from_bf16, to_bf16, from_f16, to_f16
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define CTX_ANYWHERE __host__ __device__
#else
#define CTX_ANYWHERE
#endif

namespace ctx {

CTX_ANYWHERE inline float from_bf16(uint16_t x) { return __builtin_bit_cast(float, uint32_t(x) << 16); }

CTX_ANYWHERE inline uint16_t to_bf16(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1); // half of the last kept bit, ties to even
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  return uint16_t((nan ? bits | 0x400000 : rounded) >> 16);
}

CTX_ANYWHERE inline float from_f16(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, magnitude = h & 0x7fff;
  // Read the 15 bits as an fp32 with the fp16 exponent bias (subnormals included), then scale by 2^(127 - 15).
  const float scaled = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
  const uint32_t bits = magnitude >= 0x7c00 ? 0x7f800000 | (magnitude << 13) : __builtin_bit_cast(uint32_t, scaled);
  return __builtin_bit_cast(float, bits | sign);
}

CTX_ANYWHERE inline uint16_t to_f16(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Below 2^-14: adding 0.5 leaves the subnormal's bits, rounded by the addition, at the end of the fraction.
  const uint32_t tiny = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t finite = magnitude < (113u << 23) ? tiny : normal;
  const uint32_t half = magnitude > 0x7f800000 ? 0x7e00 : magnitude >= 0x477ff000 ? 0x7c00 : finite; // NaN, overflow
  return uint16_t(half | sign);
}

} // namespace ctx
