#include "initialize.h"

#include <cmath>

namespace ctx {
namespace {

// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter and a key in, 128 random bits out.
struct Philox {
  uint32_t word[4];
};

Philox philox(uint64_t seed, uint64_t stream, uint64_t index) {
  Philox x = {{(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
  uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xD2511F53u * x.word[0], b = (uint64_t)0xCD9E8D57u * x.word[2];
    x = {{(uint32_t)(b >> 32) ^ x.word[1] ^ key0, (uint32_t)b, (uint32_t)(a >> 32) ^ x.word[3] ^ key1, (uint32_t)a}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

// In (0, 1), from 53 of 64 bits.
double unit(uint32_t high, uint32_t low) { return ((double)(((uint64_t)high << 32 | low) >> 11) + 0.5) * 0x1p-53; }

} // namespace

void fill_normal(float *out, int64_t first, int64_t count, uint64_t seed, uint64_t stream, double std) {
  for (int64_t i = 0; i < count; i += 2) { // Box-Muller: two uniforms give two normals
    const Philox r = philox(seed, stream, (uint64_t)(first + i) / 2);
    const double radius = std * std::sqrt(-2 * std::log(unit(r.word[0], r.word[1]))), angle = 2 * M_PI * unit(r.word[2], r.word[3]);
    out[i] = (float)(radius * std::cos(angle));
    if (i + 1 < count) out[i + 1] = (float)(radius * std::sin(angle));
  }
}

void fill_uniform(float *out, int64_t first, int64_t count, uint64_t seed, uint64_t stream, double bound) {
  for (int64_t i = 0; i < count; i++) {
    const Philox r = philox(seed, stream, (uint64_t)(first + i));
    out[i] = (float)(bound * (2 * unit(r.word[0], r.word[1]) - 1));
  }
}

} // namespace ctx
