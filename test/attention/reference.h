// reference.h: attention in float64, written as plainly as it can be, and the random calls the tests make.
#pragma once
#include "../../native/include/ctx_backend.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace reference {

using Numbers = std::vector<double>;

// One attention problem over whole sequences; row-major like ctx_attention.
struct Problem {
  int heads = 1, kv_heads = 1, head_dim = 8;
  int64_t q_rows = 1, k_rows = 1, q_index = 0, k_index = 0;
  bool causal = true;
  double scale = 1;
  std::vector<int32_t> start; // empty: 0 everywhere
  Numbers q, k, v, d_o;

  bool sees(int64_t i, int64_t j) const {
    const int64_t from = start.empty() ? 0 : start[i];
    return from <= k_index + j && (!causal || k_index + j <= q_index + i);
  }
  const double *q_at(int64_t i, int h) const { return &q[(i * heads + h) * head_dim]; }
  const double *k_at(int64_t j, int h) const { return &k[(j * kv_heads + h / (heads / kv_heads)) * head_dim]; }
  const double *v_at(int64_t j, int h) const { return &v[(j * kv_heads + h / (heads / kv_heads)) * head_dim]; }
};

struct Result {
  Numbers o, lse, dq, dk, dv; // lse: [heads][q_rows]
};

inline double dot(const double *x, const double *y, int n) {
  double sum = 0;
  for (int d = 0; d < n; d++) sum += x[d] * y[d];
  return sum;
}

// o_i = sum_j p_ij v_j with p = softmax; gradients of L = sum(d_o * o).
inline Result solve(const Problem &p) {
  const int hd = p.head_dim;
  Result r;
  r.o.resize(p.q.size()), r.lse.resize(p.heads * p.q_rows), r.dq.resize(p.q.size()), r.dk.resize(p.k.size()), r.dv.resize(p.v.size());
  for (int h = 0; h < p.heads; h++)
    for (int64_t i = 0; i < p.q_rows; i++) {
      Numbers s(p.k_rows), weight(p.k_rows);
      double top = -INFINITY, sum = 0;
      for (int64_t j = 0; j < p.k_rows; j++) {
        s[j] = p.sees(i, j) ? p.scale * dot(p.q_at(i, h), p.k_at(j, h), hd) : -INFINITY;
        top = std::fmax(top, s[j]);
      }
      r.lse[h * p.q_rows + i] = -INFINITY;
      if (top == -INFINITY) continue; // sees nothing: o = 0, no gradient
      for (int64_t j = 0; j < p.k_rows; j++) sum += weight[j] = std::exp(s[j] - top);
      for (double &w : weight) w /= sum;
      r.lse[h * p.q_rows + i] = top + std::log(sum);

      double *o = &r.o[(i * p.heads + h) * hd];
      const double *g = &p.d_o[(i * p.heads + h) * hd];
      for (int64_t j = 0; j < p.k_rows; j++)
        for (int d = 0; d < hd; d++) o[d] += weight[j] * p.v_at(j, h)[d];
      const double delta = dot(g, o, hd);
      const int64_t kv = h / (p.heads / p.kv_heads);
      for (int64_t j = 0; j < p.k_rows; j++) {
        const double ds = weight[j] * (dot(g, p.v_at(j, h), hd) - delta) * p.scale;
        double *dk = &r.dk[(j * p.kv_heads + kv) * hd], *dv = &r.dv[(j * p.kv_heads + kv) * hd];
        for (int d = 0; d < hd; d++) {
          dv[d] += weight[j] * g[d];
          dk[d] += ds * p.q_at(i, h)[d];
          r.dq[(i * p.heads + h) * hd + d] += ds * p.k_at(j, h)[d];
        }
      }
    }
  return r;
}

inline Numbers normal(std::mt19937 &rng, size_t n, double sigma) {
  std::normal_distribution<double> draw(0, sigma);
  Numbers x(n);
  for (double &v : x) v = (float)draw(rng); // exactly representable in fp32
  return x;
}

inline int64_t between(std::mt19937 &rng, int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(rng); }

// Documents of random length over [index, index + rows): the first token that each may see.
inline std::vector<int32_t> documents(std::mt19937 &rng, int64_t index, int64_t rows, int64_t longest) {
  std::vector<int32_t> start(rows);
  int64_t begin = std::max<int64_t>(0, index - between(rng, 0, longest)), left = between(rng, 1, longest);
  for (int64_t i = 0; i < rows; i++) {
    if (left-- == 0) begin = index + i, left = between(rng, 0, longest - 1);
    start[i] = (int32_t)begin;
  }
  return start;
}

inline void fill(Problem &p, std::mt19937 &rng, double sigma = 1) {
  p.q = normal(rng, p.q_rows * p.heads * p.head_dim, sigma);
  p.k = normal(rng, p.k_rows * p.kv_heads * p.head_dim, sigma);
  p.v = normal(rng, p.k_rows * p.kv_heads * p.head_dim, 1);
  p.d_o = normal(rng, p.q_rows * p.heads * p.head_dim, 1);
  p.scale = 1 / std::sqrt((double)p.head_dim);
}

inline std::string describe(const Problem &p) {
  char text[200];
  std::snprintf(text, sizeof text, "heads %d/%d head_dim %d q %lld@%lld k %lld@%lld %s%s", p.heads, p.kv_heads, p.head_dim,
                (long long)p.q_rows, (long long)p.q_index, (long long)p.k_rows, (long long)p.k_index, p.causal ? "causal" : "full",
                p.start.empty() ? "" : " documents");
  return text;
}

// Small enough that float64 has an answer soon; lengths about those of tiles.
inline Problem random_problem(std::mt19937 &rng, int head_dim) {
  static const int ratios[][2] = {{1, 1}, {2, 2}, {4, 2}, {3, 1}, {6, 3}, {8, 1}};
  Problem p;
  const int *heads = ratios[between(rng, 0, 5)];
  p.heads = heads[0], p.kv_heads = heads[1], p.head_dim = head_dim;
  static const int64_t lengths[] = {1, 2, 5, 6, 7, 23, 24, 25, 47, 95, 96, 97, 127, 128, 129, 191, 193, 200, 257};
  p.q_rows = p.k_rows = lengths[between(rng, 0, 18)];
  p.causal = between(rng, 0, 3) > 0;
  if (between(rng, 0, 2) == 0) { // a block that lies elsewhere in the sequence than its keys
    p.k_rows = lengths[between(rng, 0, 18)];
    p.q_index = between(rng, 0, 150), p.k_index = between(rng, 0, 150);
  }
  if (between(rng, 0, 1)) p.start = documents(rng, p.q_index, p.q_rows, between(rng, 1, 150));
  fill(p, rng);
  return p;
}

// A float matrix with columns to the left and right that nobody may touch.
struct Strided {
  static constexpr float fence = 12345.0f;
  int64_t rows, cols, left, ld;
  std::vector<float> data;
  Strided(int64_t rows, int64_t cols, const Numbers *from = nullptr, float value = 0, int64_t left = 3) : rows(rows), cols(cols), left(left), ld(cols + 8) {
    data.assign((rows + 2) * ld, fence);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t c = 0; c < cols; c++) *at(i, c) = from ? (float)(*from)[i * cols + c] : value;
  }
  float *at(int64_t i, int64_t c) { return data.data() + (i + 1) * ld + left + c; }
  ctx_mat mat() { return {at(0, 0), rows, cols, ld, CTX_F32}; }
  ctx_mat slice(int64_t row, int64_t n) { return {at(row, 0), n, cols, ld, CTX_F32}; }
  bool fences_stand() {
    for (int64_t i = -1; i <= rows; i++)
      for (int64_t c = -left; c < ld - left; c++)
        if ((i < 0 || i == rows || c < 0 || c >= cols) && *at(i, c) != fence) return false;
    return true;
  }
};

} // namespace reference

// ---- a very small test harness ----
inline int failures = 0, checks = 0;

inline void check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
inline void check(bool ok, const char *format, ...) {
  checks++;
  if (ok) return;
  failures++;
  va_list args;
  va_start(args, format);
  std::printf("FAILED ");
  std::vprintf(format, args);
  std::printf("\n");
  va_end(args);
}

// Largest |x - y| / max(1, largest |y|); infinite values must agree exactly.
inline double error(const float *x, const double *y, size_t n) {
  double top = 1, worst = 0;
  for (size_t i = 0; i < n; i++)
    if (std::isfinite(y[i])) top = std::fmax(top, std::fabs(y[i]));
  for (size_t i = 0; i < n; i++) {
    if (std::isinf(y[i]) || !std::isfinite(x[i])) {
      if (!(x[i] == (float)y[i])) return INFINITY;
    } else {
      worst = std::fmax(worst, std::fabs(x[i] - y[i]));
    }
  }
  return worst / top;
}

inline double error(reference::Strided &x, const reference::Numbers &y) {
  std::vector<float> packed;
  for (int64_t i = 0; i < x.rows; i++) packed.insert(packed.end(), x.at(i, 0), x.at(i, 0) + x.cols);
  return error(packed.data(), y.data(), y.size());
}
