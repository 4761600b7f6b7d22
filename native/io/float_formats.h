// float_formats.h: the number formats of files (little-endian), to and from fp32.
// defines: FileDtype, dtype_bytes, dtype_name, to_f32, from_f32
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

} // namespace ctx
