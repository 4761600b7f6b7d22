// float_formats.h: the number formats of files (little-endian), to and from fp32.
// defines: FileDtype, dtype_bytes, dtype_name, to_f32, from_f32, first_beyond
#pragma once
#include <cstdint>
#include <cstring>

#include "../include/half.h"

namespace ctx {

enum class FileDtype { f32, bf16, f16 };

inline int64_t dtype_bytes(FileDtype dtype) { return dtype == FileDtype::f32 ? 4 : 2; }
inline const char *dtype_name(FileDtype dtype) { return dtype == FileDtype::f32 ? "F32" : dtype == FileDtype::bf16 ? "BF16" : "F16"; }

// `count` numbers of a file's bytes to fp32, and back.
inline void to_f32(float *out, const uint8_t *bytes, int64_t count, FileDtype dtype) {
  if (dtype == FileDtype::f32) {
    std::memcpy(out, bytes, (size_t)count * 4);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    uint16_t half;
    std::memcpy(&half, bytes + 2 * i, 2);
    out[i] = dtype == FileDtype::bf16 ? from_bf16(half) : from_f16(half);
  }
}

inline void from_f32(uint8_t *bytes, const float *in, int64_t count, FileDtype dtype) {
  if (dtype == FileDtype::f32) {
    std::memcpy(bytes, in, (size_t)count * 4);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    const uint16_t half = dtype == FileDtype::bf16 ? to_bf16(in[i]) : to_f16(in[i]);
    std::memcpy(bytes + 2 * i, &half, 2);
  }
}

// Index of the first of `count` numbers that `dtype` cannot hold as a number: NaN, infinite, or rounded to infinity; -1: it holds all.
inline int64_t first_beyond(const float *numbers, int64_t count, FileDtype dtype) {
  // Without the sign bit the bits of an fp32 grow with its magnitude; the last are infinity and the NaNs.
  const uint32_t limit = dtype == FileDtype::f32 ? 0x7f800000u : dtype == FileDtype::bf16 ? 0x7f7f8000u : 0x477ff000u;
  constexpr int64_t block = 4096;
  for (int64_t from = 0; from < count; from += block) {
    const int64_t to = from + block < count ? from + block : count;
    uint32_t largest = 0; // without a branch inside, so that it is computed many at a time
    for (int64_t i = from; i < to; i++) {
      const uint32_t magnitude = __builtin_bit_cast(uint32_t, numbers[i]) & 0x7fffffffu;
      largest = magnitude > largest ? magnitude : largest;
    }
    if (largest < limit) continue;
    for (int64_t i = from; i < to; i++)
      if ((__builtin_bit_cast(uint32_t, numbers[i]) & 0x7fffffffu) >= limit) return i;
  }
  return -1;
}

} // namespace ctx
