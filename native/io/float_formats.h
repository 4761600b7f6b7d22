// float_formats.h: fp32 <-> bf16 and fp16 as they lie in files (little-endian). Rounding is to nearest, ties to even.
// defines: FileDtype, dtype_bytes, dtype_name, to_f32, from_f32
#pragma once
#include <cstdint>
#include <cstring>

namespace ctx {

enum class FileDtype { f32, bf16, f16 };

inline int64_t dtype_bytes(FileDtype dtype) { return dtype == FileDtype::f32 ? 4 : 2; }
inline const char *dtype_name(FileDtype dtype) { return dtype == FileDtype::f32 ? "F32" : dtype == FileDtype::bf16 ? "BF16" : "F16"; }

inline float bits_f32(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
inline uint32_t f32_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

inline float bf16_to_f32(uint16_t x) { return bits_f32((uint32_t)x << 16); }

inline uint16_t f32_to_bf16(float x) {
  const uint32_t bits = f32_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 0x40); // NaN stays NaN
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float f16_to_f32(uint16_t x) {
  const uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = (x >> 10) & 31, fraction = x & 1023;
  if (exponent == 31) return bits_f32(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0) return bits_f32(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = (float)fraction * 0x1p-24f; // subnormal
  return sign ? -magnitude : magnitude;
}

inline uint16_t f32_to_f16(float x) {
  const uint32_t bits = f32_bits(x), magnitude = bits & 0x7fffffff;
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return sign | 0x7e00;  // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds past 65504
  if (magnitude < 0x38800000) {                      // subnormal in fp16: adding 0.5 lines its last bit up with fp32's
    return sign | (uint16_t)(f32_bits(bits_f32(magnitude) + 0.5f) - f32_bits(0.5f));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return sign | (uint16_t)((rounded - 0x38000000) >> 13);
}

// `count` numbers of a file's bytes to fp32, and back.
inline void to_f32(float *out, const uint8_t *bytes, int64_t count, FileDtype dtype) {
  if (dtype == FileDtype::f32) {
    std::memcpy(out, bytes, (size_t)count * 4);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    uint16_t half;
    std::memcpy(&half, bytes + 2 * i, 2);
    out[i] = dtype == FileDtype::bf16 ? bf16_to_f32(half) : f16_to_f32(half);
  }
}

inline void from_f32(uint8_t *bytes, const float *in, int64_t count, FileDtype dtype) {
  if (dtype == FileDtype::f32) {
    std::memcpy(bytes, in, (size_t)count * 4);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    const uint16_t half = dtype == FileDtype::bf16 ? f32_to_bf16(in[i]) : f32_to_f16(in[i]);
    std::memcpy(bytes + 2 * i, &half, 2);
  }
}

} // namespace ctx
