// bf16.cc: every operation that takes bf16, in every mix of fp32 and bf16 matrices: it must leave what the fp32 operation (held against
// float64 in the other files) leaves for the same numbers, rounded once to bf16 where it stores bf16. Matrix products of a backend that
// multiplies bf16 in pairs sum in another order than its fp32 ones; they are held against float64.
#include <cstring>

#include "harness.h"

namespace {

float widen(uint16_t bits) {
  const uint32_t word = uint32_t(bits) << 16;
  float x;
  std::memcpy(&x, &word, 4);
  return x;
}

// Nearest bf16 by float64 arithmetic, ties to even: 8 significant bits.
double nearest(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double step = std::ldexp(1.0, std::max(std::ilogb(x), -126) - 7);
  return std::nearbyint(x / step) * step;
}

uint16_t narrow(float x) { // of a number that bf16 holds
  uint32_t word;
  std::memcpy(&word, &x, 4);
  return uint16_t(word >> 16);
}

// A matrix whose numbers bf16 holds, stored in either dtype.
struct Either {
  Matrix m;
  std::vector<uint16_t> half;
  bool bf16 = false;

  Either(std::mt19937 &random, int64_t rows, int64_t cols, int64_t pad, float range) : m(random, rows, cols, pad, range) {
    for (float &v : m.data) v = float(nearest(v));
  }
  void store_as(bool as_bf16) {
    bf16 = as_bf16;
    half.clear();
    if (bf16)
      for (float v : m.data) half.push_back(narrow(v));
  }
  ctx_mat view() { return bf16 ? ctx_mat{half.data(), m.rows, m.cols, m.ld, CTX_BF16} : m.view(); }
  std::vector<float> values() const {
    if (!bf16) return m.data;
    std::vector<float> x;
    for (uint16_t v : half) x.push_back(widen(v));
    return x;
  }
};

struct Shape {
  int64_t rows, cols;
};
using Mats = std::vector<ctx_mat>;
using Call = std::function<ctx_status(ctx_device *, const Mats &, std::vector<float> &extra)>;

// `extra`: fp32 results besides the matrices, `extras` numbers that start from 0.5.
void every_mix(Harness &h, const char *name, const std::vector<Shape> &shapes, int64_t extras, double tolerance, const Call &call, unsigned only_f32 = 0) {
  for (int64_t pad : {0, 3}) {
    std::mt19937 random(31);
    std::vector<Either> inputs;
    for (const Shape &s : shapes) inputs.emplace_back(random, s.rows, s.cols, pad, 3.0f);
    const auto run = [&](unsigned mask, ctx_device *device, std::vector<Either> &mats, std::vector<float> &extra) {
      mats = inputs;
      extra.assign(extras, 0.5f);
      Mats views;
      for (size_t i = 0; i < mats.size(); i++) {
        mats[i].store_as(mask >> i & 1);
        views.push_back(mats[i].view());
      }
      h.ok(device, call(device, views, extra));
    };
    std::vector<Either> plain;
    std::vector<float> plain_extra;
    ctx_device *device = nullptr;
    if (h.backend->create(0, 1, &device) != CTX_OK) return;
    run(0, device, plain, plain_extra);
    h.backend->destroy(device);

    for (unsigned mask = 1; mask < 1u << shapes.size(); mask++) {
      if (mask & only_f32) continue;
      Reference want;
      std::string mix;
      for (size_t i = 0; i < plain.size(); i++) {
        const bool bf16 = mask >> i & 1;
        mix += bf16 ? " bf16" : " f32";
        for (float v : plain[i].m.data) want.push_back(bf16 ? nearest(v) : v);
      }
      append(want, Reference(plain_extra.begin(), plain_extra.end()));
      h.expect(format("%s%s pad %lld", name, mix.c_str(), (long long)pad), tolerance, want, [&](ctx_device *d, Output &out) {
        std::vector<Either> mats;
        std::vector<float> extra;
        run(mask, d, mats, extra);
        for (const Either &m : mats) out.add(m.values());
        out.add(extra);
      });
    }
  }
}

// C = alpha op(A) op(B) + beta C of operands that bf16 holds, in every mix with a bf16 matrix. Their products are exact in fp32, so what is
// left is the sum in fp32: K terms, each rounded, as in the fp32 products of gemm.cc and within their tolerance (operands reach 3 here, a
// term 9); and half a unit of bf16's 8 bits where C is stored in it.
void product_in_pairs(Harness &h, const std::string &name, const std::vector<Shape> &shapes, bool ta, bool tb, float alpha, float beta) {
  for (int64_t pad : {0, 3, 4}) {
    std::mt19937 random(33);
    std::vector<Either> inputs;
    for (const Shape &s : shapes) inputs.emplace_back(random, s.rows, s.cols, pad, 3.0f);
    const Matrix &c = inputs[0].m, &a = inputs[1].m, &b = inputs[2].m;
    const int64_t K = ta ? a.rows : a.cols;
    Reference exact = c.reference();
    for (int64_t i = 0; i < c.rows; i++)
      for (int64_t j = 0; j < c.cols; j++) {
        double sum = 0;
        for (int64_t k = 0; k < K; k++) sum += (ta ? a.at(k, i) : a.at(i, k)) * (tb ? b.at(j, k) : b.at(k, j));
        exact[size_t(c.index(i, j))] = alpha * sum + beta * c.at(i, j);
      }
    for (unsigned mask = 1; mask < 8; mask++) {
      const bool stored = mask & 1; // C in bf16
      const double tolerance = 9e-6 * std::sqrt(double(K)) + (stored ? 0x1p-8 : 0);
      h.expect(format("%s mix %u pad %lld", name.c_str(), mask, (long long)pad), tolerance, exact, [&](ctx_device *d, Output &out) {
        std::vector<Either> mats = inputs;
        for (size_t i = 0; i < 3; i++) mats[i].store_as(mask >> i & 1);
        h.ok(d, h.backend->gemm(d, ta, tb, alpha, mats[1].view(), mats[2].view(), beta, mats[0].view()));
        out.add(mats[0].values());
      });
    }
  }
}

} // namespace

void test_bf16(Harness &h) {
  const auto *b = h.backend;
  std::mt19937 random(32);
  constexpr int64_t R = 37, C = 83;
  const ctx_mat none = {};
  const auto w = random_floats(random, C), rstd = random_floats(random, R, 0.1f, 1);
  every_mix(h, "add", {{R, C}, {R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->add(d, m[0], 0.3f, m[1]); });
  every_mix(h, "scale", {{R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->scale(d, m[0], 0.3f); });
  every_mix(h, "zero", {{R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->zero(d, m[0]); });
  every_mix(h, "rmsnorm_forward", {{R, C}, {R, C}}, R, 0,
            [&](ctx_device *d, const Mats &m, auto &extra) { return b->rmsnorm_forward(d, m[0], extra.data(), m[1], none, w.data(), 1e-5f); });
  // Where x is bf16, x + residual is rounded before it is normalised: up to 2^-8 from the fp32 operation, before y is rounded.
  every_mix(h, "rmsnorm_forward residual", {{R, C}, {R, C}, {R, C}}, R, 0x1p-7,
            [&](ctx_device *d, const Mats &m, auto &extra) { return b->rmsnorm_forward(d, m[0], extra.data(), m[1], m[2], w.data(), 1e-5f); });
  every_mix(h, "rmsnorm_forward residual of fp32", {{R, C}, {R, C}, {R, C}}, R, 0,
            [&](ctx_device *d, const Mats &m, auto &extra) { return b->rmsnorm_forward(d, m[0], extra.data(), m[1], m[2], w.data(), 1e-5f); }, 2);
  for (int accumulate : {0, 1})
    every_mix(h, accumulate ? "rmsnorm_backward accumulate" : "rmsnorm_backward", {{R, C}, {R, C}, {R, C}}, C, 0,
              [&](ctx_device *d, const Mats &m, auto &extra) { return b->rmsnorm_backward(d, m[0], accumulate, extra.data(), m[1], m[2], rstd.data(), w.data()); });
  every_mix(h, "swiglu_forward", {{R, C}, {R, C}, {R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->swiglu_forward(d, m[0], m[1], m[2]); });
  every_mix(h, "swiglu_backward", {{R, C}, {R, C}, {R, C}, {R, C}}, 0, 0,
            [&](ctx_device *d, const Mats &m, auto &) { return b->swiglu_backward(d, m[0], m[1], m[2], m[3]); });
  for (int inverse : {0, 1})
    for (int32_t head_dim : {20, 64}) {
      const auto cos = random_floats(random, R * head_dim / 2), sin = random_floats(random, R * head_dim / 2);
      every_mix(h, inverse ? "rope inverse" : "rope", {{R, 3 * head_dim}}, 0, 0,
                [&](ctx_device *d, const Mats &m, auto &) { return b->rope(d, m[0], 3, head_dim, cos.data(), sin.data(), inverse); });
    }
  const auto ids = random_ids(random, R, 0, 11);
  every_mix(h, "embed_forward", {{R, C}, {11, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->embed_forward(d, m[0], m[1], ids.data()); });
  // Into a bf16 table each row at most once: a sum of several would be rounded each time.
  every_mix(h, "embed_backward", {{11, C}, {R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->embed_backward(d, m[0], m[1], ids.data()); }, 1);
  std::vector<int32_t> once(R);
  for (int64_t i = 0; i < R; i++) once[(size_t)i] = int32_t(2 * i);
  every_mix(h, "embed_backward once", {{2 * R, C}, {R, C}}, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->embed_backward(d, m[0], m[1], once.data()); });

  // Operands that bf16 holds: the mix does not show. Tiles, ragged edges, several blocks of the sum, and a few rows of A alone.
  struct Product { int64_t M, N, K; };
  const bool pairs = std::strcmp(b->name, "cpu-avx512bf16") == 0;
  for (const Product p : {Product{3, 37, 300}, Product{31, 7, 513}, Product{61, 129, 70}, Product{8, 600, 20}, Product{145, 530, 33}, Product{4, 9, 2100}, Product{13, 70, 2100}})
    for (int t = 0; t < 4; t++)
      for (float beta : {0.0f, 1.0f}) {
        const auto name = format("gemm %c%c %lldx%lldx%lld beta %g", t & 1 ? 'T' : 'N', t & 2 ? 'T' : 'N', (long long)p.M, (long long)p.N, (long long)p.K, beta);
        const std::vector<Shape> shapes = {{p.M, p.N}, t & 1 ? Shape{p.K, p.M} : Shape{p.M, p.K}, t & 2 ? Shape{p.N, p.K} : Shape{p.K, p.N}};
        if (pairs) product_in_pairs(h, name, shapes, t & 1, t & 2, 0.5f, beta);
        else every_mix(h, name.c_str(), shapes, 0, 0, [&](ctx_device *d, const Mats &m, auto &) { return b->gemm(d, t & 1, (t & 2) / 2, 0.5f, m[1], m[2], beta, m[0]); });
      }

  // Operands that it does not hold are rounded where any matrix is bf16.
  for (const Product p : {Product{2, 33, 70}, Product{29, 33, 300}})
    for (int t = 0; t < 4; t++) {
      const bool ta = t & 1, tb = t & 2;
      Matrix a(random, ta ? p.K : p.M, ta ? p.M : p.K, 1), c(random, p.M, p.N, 0);
      Either half(random, tb ? p.N : p.K, tb ? p.K : p.N, 2, 3.0f);
      half.store_as(true);
      Reference want(size_t(p.M * p.N));
      for (int64_t i = 0; i < p.M; i++)
        for (int64_t j = 0; j < p.N; j++)
          for (int64_t k = 0; k < p.K; k++)
            want[size_t(i * p.N + j)] += nearest(ta ? a.at(k, i) : a.at(i, k)) * (tb ? half.m.at(j, k) : half.m.at(k, j));
      h.expect(format("gemm rounds fp32 beside bf16 %lldx%lldx%lld %d", (long long)p.M, (long long)p.N, (long long)p.K, t), 1e-6 * std::sqrt(double(p.K)) * 9, want,
               [&](ctx_device *d, Output &out) {
                 Matrix to = c;
                 h.ok(d, b->gemm(d, ta, tb, 1, a.view(), half.view(), 0, to.view()));
                 out.add(to.data);
               });
    }
}
