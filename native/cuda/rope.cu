// rope.cu: rotary position embedding (Su et al. 2021) in the half layout of Hugging Face's Llama.
//
//   table     angle[t][i] = positions[t] * inv_freq[i] in float64;  cos[t][i] = attention_factor * cos(angle), sin likewise
//   forward   y_i = x_i cos_i - x_{i+h} sin_i,   y_{i+h} = x_{i+h} cos_i + x_i sin_i,   h = head_dim / 2
//   inverse   the transpose: sin changes its sign
//
// x [tokens, heads * head_dim] in place, fp32 or bf16; cos, sin [tokens, h] fp32. Angles in float64 are exact to 1e-9 rad at position
// 4 million, where a float32 product is off by 0.3.
#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

struct Table {
  float *cosines, *sines;
  const double *inv_freq;
  const int32_t *positions;
  int64_t half;
  double factor;
  template <int N> __device__ void at(int64_t t, int64_t i) const {
    double s, c;
    sincos(double(positions[t]) * inv_freq[i], &s, &c);
    cosines[t * half + i] = float(c * factor);
    sines[t * half + i] = float(s * factor);
  }
};

// Rows are heads of tokens, columns the pairs of a head.
template <class X> struct Rotate {
  Rows<X> x;
  const float *cosines, *sines;
  int64_t heads, half;
  float sign;
  template <int N> __device__ void at(int64_t row, int64_t i) const {
    const int64_t t = row / heads;
    X *const first = x.at(t, row % heads * 2 * half + i), *const second = first + half;
    const Floats<N> a = get<N>(first), b = get<N>(second), c = get<N>(cosines + t * half + i), s = get<N>(sines + t * half + i);
    put<N>(first, each<N>([&](int k) { return a[k] * c[k] - b[k] * (sign * s[k]); }));
    put<N>(second, each<N>([&](int k) { return b[k] * c[k] + a[k] * (sign * s[k]); }));
  }
};

} // namespace

ctx_status rope_table(ctx_device *device, float *cos, float *sin, const double *inv_freq, int32_t half, double attention_factor,
                      const int32_t *positions, int64_t tokens) {
  if (half < 1 || tokens < 0) return fail(device, CTX_ERR_ARGUMENT, "rope_table: half is %d, tokens %lld", half, (long long)tokens);
  for_each(device, tokens, half, false, Table{cos, sin, inv_freq, positions, half, attention_factor});
  return finish(device, "rope_table");
}

ctx_status rope(ctx_device *device, ctx_mat x, int32_t heads, int32_t head_dim, const float *cos, const float *sin, int32_t inverse) {
  CTX_TRY(check_activation(device, "rope: x", x));
  if (heads < 1 || head_dim < 2 || head_dim % 2 || x.cols != int64_t(heads) * head_dim)
    return fail(device, CTX_ERR_ARGUMENT, "rope: x has %lld columns, %d heads of even size %d were expected", (long long)x.cols, heads, head_dim);
  const int64_t half = head_dim / 2;
  const bool is_wide = wide(x) && half % WIDE == 0 && wide(cos) && wide(sin);
  with_types([&](auto tx) {
    for_each(device, x.rows * heads, half, is_wide, Rotate<decltype(tx)>{x, cos, sin, heads, half, inverse ? -1.0f : 1.0f});
  }, x);
  return finish(device, "rope");
}

} // namespace ctx_cuda
