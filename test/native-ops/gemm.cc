// gemm.cc: all transposes, ragged shapes, views with padding, alpha and beta, against a float64 triple loop.
#include "harness.h"

namespace {

struct Shape {
  int64_t M, N, K;
};

void check(Harness &h, Shape s, bool trans_a, bool trans_b, float alpha, float beta, int64_t pad) {
  std::mt19937 random(uint32_t(s.M * 131 + s.N * 17 + s.K));
  Matrix a(random, trans_a ? s.K : s.M, trans_a ? s.M : s.K, pad), b(random, trans_b ? s.N : s.K, trans_b ? s.K : s.N, 2 * pad);
  const Matrix c0(random, s.M, s.N, 3 * pad);

  Reference reference = c0.reference();
  for (int64_t i = 0; i < s.M; i++)
    for (int64_t j = 0; j < s.N; j++) {
      double sum = 0;
      for (int64_t k = 0; k < s.K; k++) sum += (trans_a ? a.at(k, i) : a.at(i, k)) * (trans_b ? b.at(j, k) : b.at(k, j));
      reference[c0.index(i, j)] = double(alpha) * sum + (beta == 0 ? 0 : double(beta) * c0.at(i, j));
    }
  const auto name = format("gemm %c%c %lldx%lldx%lld alpha %g beta %g pad %lld", trans_a ? 'T' : 'N', trans_b ? 'T' : 'N', (long long)s.M,
                           (long long)s.N, (long long)s.K, alpha, beta, (long long)pad);
  // One rounding a term: error grows with sqrt(K) here, at most K * 2^-24.
  h.expect(name, 1e-6 * std::sqrt(double(s.K) + 1), reference, [&](ctx_device *device, Output &out) {
    Matrix c = c0;
    h.ok(device, h.backend->gemm(device, trans_a, trans_b, alpha, a.view(), b.view(), beta, c.view()));
    out.add(c.data);
  });
}

} // namespace

void test_gemm(Harness &h) {
  // Each side of the tile sizes (6 or 12 rows; 8, 16 or 32 columns; blocks of 256 in K), and one of everything.
  const Shape shapes[] = {{1, 1, 1},    {1, 37, 300}, {2, 64, 31},   {3, 5, 8},      {4, 130, 257}, {5, 16, 16},   {6, 16, 256}, {7, 17, 9},   {12, 32, 255},
                          {13, 33, 64}, {31, 7, 513}, {61, 129, 70}, {145, 48, 100}, {200, 300, 3}, {290, 33, 40}, {8, 600, 20}, {96, 96, 96}, {16, 24, 1100}};
  for (const auto &s : shapes)
    for (int t = 0; t < 4; t++) {
      check(h, s, t & 1, t & 2, 1, 0, 0);
      check(h, s, t & 1, t & 2, 1, 1, 3);
    }
  check(h, {37, 41, 70}, false, true, 0.5f, 0.25f, 1);
  check(h, {3, 41, 70}, false, true, -2, 1, 1);
  check(h, {40, 24, 0}, false, false, 1, 0, 0); // empty sum
  check(h, {40, 24, 0}, false, false, 1, 2, 0);
  check(h, {12, 4500, 20}, false, true, 1, 0, 0); // more than one block of columns
  check(h, {7, 4100, 5}, false, false, 1, 1, 1);

  // beta = 0 overwrites whatever was there, even NaN.
  h.expect("gemm beta 0 over NaN", 0, Reference(6, 8.0), [&](ctx_device *device, Output &out) {
    std::vector<float> a(2 * 8, 1.0f), b(8 * 3, 1.0f), c(6, NAN);
    h.ok(device, h.backend->gemm(device, 0, 0, 1, {a.data(), 2, 8, 8, CTX_F32}, {b.data(), 8, 3, 3, CTX_F32}, 0, {c.data(), 2, 3, 3, CTX_F32}));
    out.add(c);
  });
  // A NaN in A reaches its row and no other, in tiles and in ragged edges.
  Reference nan_row(9 * 20, 40.0);
  for (int j = 0; j < 20; j++) nan_row[7 * 20 + j] = NAN;
  h.expect("gemm NaN stays in its row", 0, nan_row, [&](ctx_device *device, Output &out) {
    std::vector<float> a(9 * 40, 1.0f), b(40 * 20, 1.0f), c(9 * 20);
    a[7 * 40 + 3] = NAN;
    h.ok(device, h.backend->gemm(device, 0, 0, 1, {a.data(), 9, 40, 40, CTX_F32}, {b.data(), 40, 20, 20, CTX_F32}, 0, {c.data(), 9, 20, 20, CTX_F32}));
    out.add(c);
  });
}
