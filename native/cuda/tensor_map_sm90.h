// tensor_map_sm90.h: tensor maps, which tell TMA where a matrix is and what box of it to bring. They are made for each call, on the host, in
// well under a microsecond, and passed to the kernel by value.
//
// defines: mappable, make_map
#pragma once
#include "device.h"
#include "ptx_sm90.cuh"

namespace ctx_cuda::sm90 {

// TMA can read x: bf16, not empty, its rows at multiples of 16 bytes.
inline bool mappable(const ctx_mat &x) {
  return x.dtype == CTX_BF16 && x.rows > 0 && x.cols > 0 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.ld % 8 == 0;
}

// A map of a mappable x whose boxes have `box_rows` rows, at most 256, and 64 columns; `name` is for the message. The driver's function needs a
// context, which a thread of the host has from its first call of CUDA's runtime on: the kernel's `allow` comes before its maps.
ctx_status make_map(ctx_device *device, const char *name, const ctx_mat &x, int box_rows, TensorMap *map);

} // namespace ctx_cuda::sm90
