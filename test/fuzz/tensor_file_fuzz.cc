// tensor_file_fuzz.cc: libFuzzer over the native reader of tensors: any place, any count, any bytes. What is read must equal a plain
// conversion of the file's bytes, and be finite; what is refused must be refused by a Failure that names the tensor.
//
// Input: dtype (1) · offset (8, signed) · count (8, signed) · the file's bytes. Built by `node native/build.mjs --fuzz`, with Clang.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "io/tensor_file.h"
#include "model/failure.h"

namespace {

[[noreturn]] void stop(const char *what) {
  std::fprintf(stderr, "tensor_file_fuzz: %s\n", what);
  std::abort();
}

// One number of a file, bit by bit: not the code under test.
float plain(const uint8_t *bytes, ctx::FileDtype dtype) {
  if (dtype == ctx::FileDtype::f32) {
    float number;
    std::memcpy(&number, bytes, 4);
    return number;
  }
  const unsigned half = bytes[0] | bytes[1] << 8;
  const bool wide = dtype == ctx::FileDtype::bf16;
  const int exponent_bits = wide ? 8 : 5, fraction_bits = wide ? 7 : 10, bias = wide ? 127 : 15;
  const int exponent = (int)(half >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = (double)(half & ((1u << fraction_bits) - 1)) / (1 << fraction_bits);
  double value;
  if (exponent == (1 << exponent_bits) - 1) value = fraction == 0 ? INFINITY : NAN;
  else if (exponent == 0) value = std::ldexp(fraction, 1 - bias);
  else value = std::ldexp(1 + fraction, exponent - bias);
  return (float)(half >> 15 ? -value : value);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 17) return 0;
  ctx::TensorSource source;
  source.name = "w";
  source.dtype = (ctx::FileDtype)(data[0] % 3);
  int64_t count;
  std::memcpy(&source.offset, data + 1, 8);
  std::memcpy(&count, data + 9, 8);
  const uint8_t *bytes = data + 17;
  const int64_t held = (int64_t)size - 17;

  const int file = memfd_create("tensor", 0);
  if (file < 0 || write(file, bytes, (size_t)held) != held) stop("no file in memory");
  source.file = "/proc/self/fd/" + std::to_string(file);

  int64_t next = 0;
  bool refused = false;
  try {
    ctx::TensorReader reader;
    reader.read(source, count, [&](int64_t first, const float *numbers, int64_t taken) {
      if (first != next || taken <= 0 || taken > count - first) stop("pieces are not one after another");
      for (int64_t i = 0; i < taken; i++) {
        const float expected = plain(bytes + source.offset + (first + i) * ctx::dtype_bytes(source.dtype), source.dtype);
        if (std::memcmp(&expected, numbers + i, 4) != 0) stop("a number differs");
        if (!std::isfinite(numbers[i])) stop("a number is not finite");
      }
      next += taken;
    });
  } catch (const ctx::Failure &failure) {
    refused = true;
    if (failure.status != CTX_ERR_IO || !std::strstr(failure.what(), "tensor w")) stop(failure.what());
  }
  if (!refused && next != (count > 0 ? count : 0)) stop("not all was read");
  close(file);
  return 0;
}
