// norm_and_rope.cc: RMSNorm forward and backward, RoPE tables and rotation, against the formulas in float64.
#include <array>

#include "harness.h"

namespace {

void check_rmsnorm(Harness &h, int64_t rows, int64_t cols, int64_t pad) {
  std::mt19937 random(11);
  const float eps = 1e-5f;
  const Matrix x0(random, rows, cols, pad), res(random, rows, cols, pad), y0(random, rows, cols, 2 * pad), dy0(random, rows, cols, pad), dx0(random, rows, cols, pad);
  const auto w = random_floats(random, cols), dw0 = random_floats(random, cols);
  const auto shape = format("%lldx%lld pad %lld", (long long)rows, (long long)cols, (long long)pad);
  ctx_mat none = {};

  for (bool residual : {false, true}) {
    Reference x = x0.reference(), y = y0.reference(), rstd(rows);
    for (int64_t i = 0; i < rows; i++) {
      double squares = 0;
      for (int64_t j = 0; j < cols; j++) {
        double &v = x[x0.index(i, j)];
        if (residual) v = float(v + res.at(i, j)); // the sum is stored in fp32
        squares += v * v;
      }
      rstd[i] = 1 / std::sqrt(squares / double(cols) + eps);
      for (int64_t j = 0; j < cols; j++) y[y0.index(i, j)] = x[x0.index(i, j)] * rstd[i] * w[j];
    }
    Reference all = x;
    append(all, y);
    append(all, rstd);
    h.expect(format("rmsnorm_forward %s%s", shape.c_str(), residual ? " residual" : ""), 1e-6, all, [&](ctx_device *device, Output &out) {
      Matrix xm = x0, ym = y0, r = res;
      std::vector<float> s(rows);
      h.ok(device, h.backend->rmsnorm_forward(device, ym.view(), s.data(), xm.view(), residual ? r.view() : none, w.data(), eps));
      out.add(xm.data);
      out.add(ym.data);
      out.add(s);
    });
  }

  std::vector<float> rstd(rows);
  Reference dw(dw0.begin(), dw0.end());
  Reference dx = dx0.reference();
  for (int64_t i = 0; i < rows; i++) {
    double squares = 0, mean = 0;
    for (int64_t j = 0; j < cols; j++) squares += x0.at(i, j) * x0.at(i, j);
    rstd[i] = float(1 / std::sqrt(squares / double(cols) + eps));
    const double r = rstd[i];
    for (int64_t j = 0; j < cols; j++) mean += dy0.at(i, j) * w[j] * x0.at(i, j) / double(cols);
    for (int64_t j = 0; j < cols; j++) {
      dx[dx0.index(i, j)] = r * (dy0.at(i, j) * w[j] - x0.at(i, j) * r * r * mean);
      dw[j] += dy0.at(i, j) * x0.at(i, j) * r;
    }
  }
  for (bool accumulate : {false, true})
    for (bool with_dw : {false, true}) {
      Reference all = dx;
      if (accumulate)
        for (int64_t i = 0; i < rows; i++)
          for (int64_t j = 0; j < cols; j++) all[dx0.index(i, j)] += dx0.at(i, j);
      append(all, with_dw ? dw : Reference(dw0.begin(), dw0.end()));
      h.expect(format("rmsnorm_backward %s%s%s", shape.c_str(), accumulate ? " accumulate" : "", with_dw ? " dw" : ""), 3e-6, all,
               [&](ctx_device *device, Output &out) {
                 Matrix dxm = dx0, dym = dy0, xm = x0;
                 auto dwm = dw0;
                 h.ok(device, h.backend->rmsnorm_backward(device, dxm.view(), accumulate, with_dw ? dwm.data() : nullptr, dym.view(), xm.view(), rstd.data(), w.data()));
                 out.add(dxm.data);
                 out.add(dwm);
               });
    }
}

void check_rope_table(Harness &h, double theta, int32_t half, double factor) {
  std::vector<int32_t> positions = {0, 1, 2, 11, 1000, 131071, 4194304, 536870911, 536870912, 536870913, 2147483647, -1, -4194304, -2147483647};
  std::mt19937 random(12);
  for (int32_t p : random_ids(random, 100, -4194304, 4194305)) positions.push_back(p);
  std::vector<double> inv_freq(half);
  for (int32_t i = 0; i < half; i++) inv_freq[i] = std::pow(theta, -double(i) / half);
  const int64_t n = int64_t(positions.size());
  Reference cos, sin;
  for (int32_t p : positions)
    for (double f : inv_freq) {
      cos.push_back(factor * double(std::cos((long double)p * f)));
      sin.push_back(factor * double(std::sin((long double)p * f)));
    }
  append(cos, sin);
  // Angles are good to 2^31 * 2^-53 = 2.4e-7 rad at the last position, the table is rounded to fp32.
  h.expect(format("rope_table theta %g half %d", theta, half), 3.5e-7, cos, [&](ctx_device *device, Output &out) {
    std::vector<float> c(n * half), s(n * half);
    h.ok(device, h.backend->rope_table(device, c.data(), s.data(), inv_freq.data(), half, factor, positions.data(), n));
    out.add(c);
    out.add(s);
  });
}

// Angles beyond those of any model, of both signs, some of them in one vector with small ones: as good as the float64 product.
void check_large_angles(Harness &h) {
  const std::vector<int32_t> positions = {0, 1, 3, 2147483647};
  const std::vector<double> inv_freq = {1e-3, -0.999, 1.0, 3.5, -1e4, 1e300, 7e5, 1e-9, 0, 1e5, -1.0};
  Reference table;
  for (const bool sine : {false, true})
    for (int32_t p : positions)
      for (double f : inv_freq) {
        const long double angle = double(p * f);
        table.push_back(double(sine ? std::sin(angle) : std::cos(angle)));
      }
  const int32_t half = int32_t(inv_freq.size());
  const int64_t n = int64_t(positions.size());
  h.expect("rope_table large angles", 1e-7, table, [&](ctx_device *device, Output &out) {
    std::vector<float> c(n * half), s(n * half);
    h.ok(device, h.backend->rope_table(device, c.data(), s.data(), inv_freq.data(), half, 1, positions.data(), n));
    out.add(c);
    out.add(s);
  });
}

// One angle, close to a multiple of pi/2 (position 1, so that the frequency is the angle), where reduction loses the most: the small one of
// sine and cosine is good to 1e-9 of a radian, not only to what fp32 shows of it near 1.
void check_rope_angles(Harness &h) {
  std::vector<double> angles;
  for (int64_t n : {int64_t(1), int64_t(2), int64_t(3), int64_t(4), int64_t(1001), int64_t(2670177), int64_t(341782637)})
    for (double beside : {-1e-3, -1e-7, 0.0, 1e-7, 1e-3}) angles.push_back(double(n) * 1.5707963267948966 + beside);
  const int64_t n = int64_t(angles.size());
  Reference small;
  for (double a : angles) small.push_back(std::min(std::fabs(double(std::sin((long double)a))), std::fabs(double(std::cos((long double)a)))));
  h.expect("rope_table beside multiples of pi/2", 1e-9, small, [&](ctx_device *device, Output &out) {
    std::vector<float> c(n), s(n);
    const int32_t position = 1;
    h.ok(device, h.backend->rope_table(device, c.data(), s.data(), angles.data(), int32_t(n), 1, &position, 1));
    for (int64_t i = 0; i < n; i++) out.add(std::min(std::fabs(c[i]), std::fabs(s[i])));
  });
}

void check_rope(Harness &h, int64_t tokens, int32_t heads, int32_t head_dim, int64_t pad) {
  std::mt19937 random(12);
  const int32_t half = head_dim / 2;
  const Matrix x0(random, tokens, int64_t(heads) * head_dim, pad);
  const auto cos = random_floats(random, tokens * half), sin = random_floats(random, tokens * half);
  for (int inverse : {0, 1}) {
    Reference y = x0.reference();
    for (int64_t t = 0; t < tokens; t++)
      for (int32_t hd = 0; hd < heads; hd++)
        for (int32_t i = 0; i < half; i++) {
          const int64_t a = int64_t(hd) * head_dim + i, b = a + half;
          const double c = cos[t * half + i], s = inverse ? -sin[t * half + i] : sin[t * half + i];
          y[x0.index(t, a)] = x0.at(t, a) * c - x0.at(t, b) * s;
          y[x0.index(t, b)] = x0.at(t, b) * c + x0.at(t, a) * s;
        }
    h.expect(format("rope %lld tokens %d heads of %d pad %lld%s", (long long)tokens, heads, head_dim, (long long)pad, inverse ? " inverse" : ""), 2e-7, y,
             [&](ctx_device *device, Output &out) {
               Matrix x = x0;
               h.ok(device, h.backend->rope(device, x.view(), heads, head_dim, cos.data(), sin.data(), inverse));
               out.add(x.data);
             });
  }
}

} // namespace

void test_norm_and_rope(Harness &h) {
  for (auto [rows, cols, pad] : {std::array<int64_t, 3>{1, 1, 0}, {5, 7, 1}, {3, 64, 0}, {40, 100, 2}, {133, 384, 0}, {2500, 17, 0}}) check_rmsnorm(h, rows, cols, pad);
  check_rope_table(h, 10000, 32, 1);
  check_rope_table(h, 5e8, 64, 1.2079441541679836);
  check_rope_table(h, 500000, 13, 0.8);
  check_large_angles(h);
  for (int32_t half : {1, 3, 13}) check_rope_table(h, 10000, half, 1);
  check_rope_angles(h);
  check_rope(h, 1, 1, 2, 0);
  check_rope(h, 7, 3, 10, 1);
  check_rope(h, 33, 2, 64, 0);
  check_rope(h, 200, 4, 128, 5);
}
