// rope.cc: rotary position embedding (Su et al. 2021) in the half layout of Hugging Face's Llama.
//
//   table     angle[t][i] = positions[t] * inv_freq[i] in float64;  cos[t][i] = attention_factor * cos(angle), sin likewise
//   forward   y_i = x_i cos_i - x_{i+h} sin_i,   y_{i+h} = x_{i+h} cos_i + x_i sin_i,   h = head_dim / 2
//   inverse   the transpose: sin changes its sign
//
// x [tokens, heads * head_dim] in place, fp32 or bf16; cos, sin [tokens, h] fp32. 3 FLOPs and 8 (4) bytes an element. float64 angles are exact to 1e-9
// rad at position 4 million, where a float32 product is off by 0.3.
#include <cmath>

#include "elements.h"
#include "operations.h"
#include "sincos.h"

namespace ctx_cpu {

using namespace ctx_simd;

namespace {

// One row of both tables. Angles too large for sincos take the library's functions, one vector of them at a time.
void table_row(float *cos, float *sin, const double *inv_freq, int32_t half, double factor, double position) {
  for (int32_t i = 0; i < half; i += D) {
    const int32_t n = half - i < D ? half - i : D;
    vd angle = {}, c, s;
    __builtin_memcpy(&angle, inv_freq + i, size_t(n) * sizeof(double));
    angle *= position;
    sincos(angle, s, c);
    const vl large = (angle > MAX_ANGLE) | (angle < -MAX_ANGLE);
    int64_t any = 0;
    for (int k = 0; k < D; k++) any |= large[k];
    for (int k = 0; any && k < D; k++) c[k] = std::cos(angle[k]), s[k] = std::sin(angle[k]);
    typedef float narrow __attribute__((vector_size(D * 4)));
    const narrow cf = __builtin_convertvector(c * factor, narrow), sf = __builtin_convertvector(s * factor, narrow);
    __builtin_memcpy(cos + i, &cf, size_t(n) * sizeof(float));
    __builtin_memcpy(sin + i, &sf, size_t(n) * sizeof(float));
  }
}

} // namespace

ctx_status rope_table(ctx_device *device, float *cos, float *sin, const double *inv_freq, int32_t half, double attention_factor,
                      const int32_t *positions, int64_t tokens) {
  if (half < 1 || tokens < 0) return fail(device, CTX_ERR_ARGUMENT, "rope_table: half is %d, tokens %lld", half, (long long)tokens);
  parallel_rows(device, tokens, 8 * int64_t(half), [&](int64_t first, int64_t last, int) {
    for (int64_t t = first; t < last; t++) table_row(cos + t * half, sin + t * half, inv_freq, half, attention_factor, positions[t]);
  });
  return finish(device, "rope_table");
}

ctx_status rope(ctx_device *device, ctx_mat x, int32_t heads, int32_t head_dim, const float *cos, const float *sin, int32_t inverse) {
  CTX_TRY(check_activation(device, "rope: x", x));
  if (heads < 1 || head_dim < 2 || head_dim % 2 || x.cols != int64_t(heads) * head_dim)
    return fail(device, CTX_ERR_ARGUMENT, "rope: x has %lld columns, %d heads of even size %d were expected", (long long)x.cols, heads, head_dim);
  const int64_t half = head_dim / 2;
  const float sign = inverse ? -1.0f : 1.0f;
  with_types([&]<class X>(X) {
    parallel_rows(device, x.rows, x.cols, [&](int64_t first, int64_t last, int) {
      for (int64_t t = first; t < last; t++) {
        const float *const c = cos + t * half, *const s = sin + t * half;
        for (int32_t h = 0; h < heads; h++) {
          X *const a = at<X>(x, t, int64_t(h) * head_dim), *const b = a + half;
          vectors(half, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
            const vf av = get(a + i, left), bv = get(b + i, left), cv = get(c + i, left), sv = get(s + i, left) * sign;
            put(a + i, av * cv - bv * sv, left);
            put(b + i, bv * cv + av * sv, left);
          });
        }
      }
    });
  }, x);
  return finish(device, "rope");
}

} // namespace ctx_cpu
