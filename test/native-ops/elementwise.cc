// elementwise.cc: SwiGLU forward and backward, sum of squares, AdamW, against the formulas in float64.
#include <array>

#include "harness.h"

namespace {

double sigmoid(double g) { return 1 / (1 + std::exp(-g)); }

void check_swiglu(Harness &h, int64_t rows, int64_t cols, int64_t pad, float range) {
  std::mt19937 random(7);
  const Matrix gate0(random, rows, cols, pad, range), up0(random, rows, cols, 2 * pad), y0(random, rows, cols, pad), dy0(random, rows, cols, 3 * pad);
  Reference forward = y0.reference(), d_gate = gate0.reference(), d_up = up0.reference();
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) {
      const double g = gate0.at(i, j), u = up0.at(i, j), d = dy0.at(i, j), s = sigmoid(g);
      forward[y0.index(i, j)] = g * s * u;
      d_gate[gate0.index(i, j)] = d * u * s * (1 + g * (1 - s));
      d_up[up0.index(i, j)] = d * g * s;
    }
  const auto shape = format("%lldx%lld pad %lld range %g", (long long)rows, (long long)cols, (long long)pad, range);
  h.expect("swiglu_forward " + shape, 1e-6, forward, [&](ctx_device *device, Output &out) {
    Matrix gate = gate0, up = up0, y = y0;
    h.ok(device, h.backend->swiglu_forward(device, y.view(), gate.view(), up.view()));
    out.add(y.data);
  });
  for (bool again : {false, true}) {
    Reference all = d_gate;
    append(all, d_up);
    append(all, again ? forward : y0.reference());
    h.expect(format("swiglu_backward %s%s", shape.c_str(), again ? " with y" : ""), 1e-6, all, [&](ctx_device *device, Output &out) {
      Matrix gate = gate0, up = up0, y = y0, dy = dy0;
      ctx_mat none = {};
      h.ok(device, h.backend->swiglu_backward(device, gate.view(), up.view(), again ? y.view() : none, dy.view()));
      out.add(gate.data);
      out.add(up.data);
      out.add(y.data);
    });
  }
}

void check_sum_squares(Harness &h, int64_t rows, int64_t cols, int64_t pad) {
  std::mt19937 random(8);
  Matrix x(random, rows, cols, pad, 3);
  long double sum = 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) sum += (long double)x.at(i, j) * x.at(i, j);
  // The result is a double: compare its difference from the truth, and let all of its bits take part in the thread check.
  h.expect(format("sum_squares %lldx%lld pad %lld", (long long)rows, (long long)cols, (long long)pad), 1e-13, {0, 0}, [&](ctx_device *device, Output &out) {
    double got = 0;
    h.ok(device, h.backend->sum_squares(device, x.view(), &got));
    out.add(float((got - double(sum)) / double(sum + 1)));
    uint64_t bits;
    __builtin_memcpy(&bits, &got, 8);
    out.add(float(bits & 0xffffff) * 1e-40f); // exact in its low bits, negligible in the comparison
  });
}

void check_adamw(Harness &h, int64_t n, ctx_adamw hyper) {
  std::mt19937 random(9);
  const auto p0 = random_floats(random, n), m0 = random_floats(random, n, -0.1f, 0.1f), v0 = random_floats(random, n, 0, 0.01f), g0 = random_floats(random, n);
  Reference p(n), m(n), v(n);
  for (int64_t i = 0; i < n; i++) {
    const double g = double(hyper.grad_scale) * g0[i], b1 = hyper.beta1, b2 = hyper.beta2;
    m[i] = b1 * m0[i] + (1 - b1) * g;
    v[i] = b2 * v0[i] + (1 - b2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(b1, double(hyper.step))), v_hat = v[i] / (1 - std::pow(b2, double(hyper.step)));
    p[i] = p0[i] - double(hyper.lr) * (m_hat / (std::sqrt(v_hat) + hyper.eps) + double(hyper.weight_decay) * p0[i]);
  }
  append(p, m);
  append(p, v);
  h.expect(format("adamw n %lld step %lld", (long long)n, (long long)hyper.step), 3e-7, p, [&](ctx_device *device, Output &out) {
    auto param = p0, first = m0, second = v0;
    h.ok(device, h.backend->adamw(device, param.data(), first.data(), second.data(), g0.data(), n, &hyper));
    out.add(param);
    out.add(first);
    out.add(second);
  });
}

} // namespace

void test_elementwise(Harness &h) {
  for (auto [rows, cols, pad] : {std::array<int64_t, 3>{1, 1, 0}, {3, 7, 2}, {4, 1024, 0}, {9, 1025, 1}, {2, 20000, 0}}) {
    check_swiglu(h, rows, cols, pad, 4);
    check_sum_squares(h, rows, cols, pad);
  }
  check_swiglu(h, 3, 100, 0, 200); // exp overflows fp32 from 88 on
  h.expect("swiglu_forward far below zero", 1e-30, {0, 0, 0, 0, 0, 0, 0, 0, 0}, [&](ctx_device *device, Output &out) {
    std::vector<float> gate = {-87, -88, -89, -100, -127, -128, -1e10f, -1e38f, -3.4e38f}, up(9, 1.0f), y(9);
    h.ok(device, h.backend->swiglu_forward(device, {y.data(), 1, 9, 9, CTX_F32}, {gate.data(), 1, 9, 9, CTX_F32}, {up.data(), 1, 9, 9, CTX_F32}));
    out.add(y);
  });
  check_sum_squares(h, 0, 5, 0);
  check_sum_squares(h, 70, 33000, 3);
  for (int64_t n : {1, 8, 1000, 16384, 50001})
    for (int64_t step : {1, 1000}) check_adamw(h, n, {0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, step});
  check_adamw(h, 100, {1e-3f, 0.9f, 0.999f, 1e-5f, 0, 1, 3});
}
