// initialize.h: random weights that depend on (seed, parameter, index) alone, never on who computes them.
// defines: fill_normal, fill_uniform
#pragma once
#include <cstdint>

namespace ctx {

// out[i] ~ N(0, std^2), for elements [first, first + count) of stream `stream`. `first` must be even.
void fill_normal(float *out, int64_t first, int64_t count, uint64_t seed, uint64_t stream, double std);

// out[i] ~ U(-bound, bound).
void fill_uniform(float *out, int64_t first, int64_t count, uint64_t seed, uint64_t stream, double bound);

} // namespace ctx
