// sincos.h: sine and cosine of vectors of float64 angles, as far as an fp32 table needs them.
//
// The angle a is reduced to r in [-pi/4, pi/4] with n = round(a * 2/pi): r = a - n pi/2, where pi/2 comes in two parts of 22 bits,
// whose products with n are exact, and a rest (Cody & Waite 1980). Then the Taylor polynomials, of degree 13 and 12, and the
// quadrant n mod 4. Up to |a| = 2^31 the error is below 1e-12; beyond it the caller must do something else.
//
// defines: D, vd, MAX_ANGLE, sincos
#pragma once
#include "simd.h"

namespace ctx_cpu {

constexpr int D = ctx_simd::W / 2; // doubles in a vector
typedef double vd __attribute__((vector_size(D * 8)));
typedef int64_t vl __attribute__((vector_size(D * 8)));

constexpr double MAX_ANGLE = 2147483648.0;

CTX_INLINE void sincos(vd a, vd &sin, vd &cos) {
  constexpr double HIGH = 0x1.921fbp+0, MIDDLE = 0x1.5110bp-22, REST = 0x1.18469898cc517p-44; // together pi/2 to 1e-31
  const vd magic = vd{} + 0x1.8p52;                    // adding it leaves the nearest integer in the low bits
  const vd shifted = a * 0x1.45f306dc9c883p-1 + magic; // 2 / pi
  const vd n = shifted - magic;
  const vd r = ((a - n * HIGH) - n * MIDDLE) - n * REST, q = r * r;
  vd s = vd{} + 1.0 / 6227020800;
  s = s * q - 1.0 / 39916800;
  s = s * q + 1.0 / 362880;
  s = s * q - 1.0 / 5040;
  s = s * q + 1.0 / 120;
  s = s * q - 1.0 / 6;
  s = s * q * r + r;
  vd c = vd{} + 1.0 / 479001600;
  c = c * q - 1.0 / 3628800;
  c = c * q + 1.0 / 40320;
  c = c * q - 1.0 / 720;
  c = c * q + 1.0 / 24;
  c = c * q - 1.0 / 2;
  c = c * q + 1.0;
  const vl quadrant = (vl)shifted;
  const vl odd = -(quadrant & 1); // all bits in odd quadrants, where the two change places
  const vl sin_bits = ((vl)c & odd) | ((vl)s & ~odd), cos_bits = ((vl)s & odd) | ((vl)c & ~odd);
  sin = (vd)(sin_bits ^ (quadrant & 2) << 62);
  cos = (vd)(cos_bits ^ ((quadrant + 1) & 2) << 62);
}

} // namespace ctx_cpu
