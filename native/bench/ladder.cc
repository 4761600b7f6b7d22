// ladder.cc: the kernels as a ladder, from the plain loop to what ships, so that each step's worth can be measured (ctx_bench --ladder).
//
//   gemm         C [S, S] = X [S, S] W^T [S, S], one thread: 2 S^3 FLOPs
//   attention    one causal head: O = softmax(Q K^T / sqrt(d)) V, 2 T^2 d FLOPs
//   the rest     bound by exp, sin and cos in their plain form
//
// Every rung computes the same thing and is held against the first before it is timed. Rungs are written to be read: sizes divide
// evenly, and each differs from the one before by one idea. bf16 rungs stand beside the fp32 peak as well, which they may pass.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bench.h"
#include "half.h"

namespace {

constexpr int64_t S = 960;  // divides by every tile below; three matrices of 3.7 MB: beyond L2
constexpr int64_t KB = 240; // rows of a block of W^T: 240 x 480 floats are 450 KB, in L2
constexpr int64_t JB = 480;

void transpose(float *to, const float *w) {
  for (int64_t j = 0; j < S; j++)
    for (int64_t k = 0; k < S; k++) to[k * S + j] = w[j * S + k];
}

// 1. The formula. Each sum waits for itself, and each product loads two numbers.
void gemm_naive(float *c, const float *x, const float *w) {
  for (int64_t i = 0; i < S; i++)
    for (int64_t j = 0; j < S; j++) {
      float sum = 0;
      for (int64_t k = 0; k < S; k++) sum += x[i * S + k] * w[j * S + k];
      c[i * S + j] = sum;
    }
}

// 2. W transposed and the loops turned: neighbouring sums are independent, so that the compiler makes vectors of them.
void gemm_rows(float *c, const float *x, const float *w) {
  std::vector<float> wt(S * S);
  transpose(wt.data(), w);
  std::fill_n(c, S * S, 0.0f);
  for (int64_t i = 0; i < S; i++)
    for (int64_t k = 0; k < S; k++)
      for (int64_t j = 0; j < S; j++) c[i * S + j] += x[i * S + k] * wt[k * S + j];
}

// 3. Block by block, so that what is read again is still in the cache, and four products for each load and store of C.
void gemm_blocked(float *c, const float *x, const float *w) {
  std::vector<float> wt(S * S);
  transpose(wt.data(), w);
  std::fill_n(c, S * S, 0.0f);
  for (int64_t kb = 0; kb < S; kb += KB)
    for (int64_t jb = 0; jb < S; jb += JB)
      for (int64_t i = 0; i < S; i++)
        for (int64_t k = kb; k < kb + KB; k += 4) {
          const float *const a = x + i * S + k, *const row = wt.data() + k * S;
          for (int64_t j = jb; j < jb + JB; j++)
            c[i * S + j] += (a[0] * row[j] + a[1] * row[S + j]) + (a[2] * row[2 * S + j] + a[3] * row[3 * S + j]);
        }
}

#if defined(__x86_64__)
typedef float v8 __attribute__((vector_size(32)));
typedef float v8u __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64)));
typedef float v16u __attribute__((vector_size(64), aligned(4), may_alias));

// C tile [MR, 2 vectors] += sum over k of x(i, k) times a row of two vectors; the tile stays in registers, so that a product needs no
// load of C, and each loaded vector serves MR products. Element (i, k) of X lies at x[i * xi + k * xk].
#define CTX_TILE(name, isa, vector, unaligned, MR, TWO_MR_SUMS)                                                             \
  __attribute__((target(isa))) void name(float *c, const float *x, int64_t xi, int64_t xk, const float *w, int64_t ld, int64_t depth) { \
    constexpr int64_t L = sizeof(vector) / 4;                                                                               \
    vector sum[MR][2];                                                                                                      \
    _Pragma(TWO_MR_SUMS) for (int i = 0; i < MR; i++) {                                                                     \
      sum[i][0] = *reinterpret_cast<const unaligned *>(c + i * S);                                                          \
      sum[i][1] = *reinterpret_cast<const unaligned *>(c + i * S + L);                                                      \
    }                                                                                                                       \
    for (int64_t k = 0; k < depth; k++) {                                                                                   \
      const vector w0 = *reinterpret_cast<const unaligned *>(w + k * ld), w1 = *reinterpret_cast<const unaligned *>(w + k * ld + L); \
      _Pragma(TWO_MR_SUMS) for (int i = 0; i < MR; i++) {                                                                   \
        const vector a = vector{} + x[i * xi + k * xk];                                                                     \
        sum[i][0] += a * w0;                                                                                                \
        sum[i][1] += a * w1;                                                                                                \
      }                                                                                                                     \
    }                                                                                                                       \
    _Pragma(TWO_MR_SUMS) for (int i = 0; i < MR; i++) {                                                                     \
      *reinterpret_cast<unaligned *>(c + i * S) = sum[i][0];                                                                \
      *reinterpret_cast<unaligned *>(c + i * S + L) = sum[i][1];                                                            \
    }                                                                                                                       \
  }

CTX_TILE(tile_6x16, "avx2,fma", v8, v8u, 6, "GCC unroll 6")
CTX_TILE(tile_12x32, "avx512f", v16, v16u, 12, "GCC unroll 12")

using Tile = void (*)(float *, const float *, int64_t, int64_t, const float *, int64_t, int64_t);

// 4. Tiles of C in registers, over X and W^T as they lie.
template <Tile tile, int64_t MR, int64_t NR> void gemm_tiles(float *c, const float *x, const float *w) {
  std::vector<float> wt(S * S);
  transpose(wt.data(), w);
  std::fill_n(c, S * S, 0.0f);
  for (int64_t j = 0; j < S; j += NR)
    for (int64_t i = 0; i < S; i += MR) tile(c + i * S + j, x + i * S, S, 1, wt.data() + j, S, S);
}

// Rows [0, S) and columns [from, from + KB) of m, `tile` rows at a time and column by column within them.
void pack(float *to, const float *m, int64_t from, int64_t tile) {
  for (int64_t i = 0; i < S; i += tile)
    for (int64_t k = from; k < from + KB; k++)
      for (int64_t r = 0; r < tile; r++) *to++ = m[(i + r) * S + k];
}

// 5, 6. Both operands packed in the order in which the tile reads them, in blocks of KB: every load is the next one in memory.
template <Tile tile, int64_t MR, int64_t NR> void gemm_packed(float *c, const float *x, const float *w) {
  std::vector<float> xp(S * KB), wp(S * KB);
  std::fill_n(c, S * S, 0.0f);
  for (int64_t kb = 0; kb < S; kb += KB) {
    pack(xp.data(), x, kb, MR);
    pack(wp.data(), w, kb, NR);
    for (int64_t j = 0; j < S; j += NR)
      for (int64_t i = 0; i < S; i += MR) tile(c + i * S + j, xp.data() + i * KB, 1, MR, wp.data() + j * KB, NR, KB);
  }
}

// 7. Operands rounded to bf16 while they are packed, two neighbours in k to a word: vdpbf16ps does two products in the place of one.
__attribute__((target("avx512f,avx512bf16"))) void tile_bf16(float *c, const uint32_t *x, const uint32_t *w, int64_t pairs) {
  __m512 sum[12][2];
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++) sum[i][0] = _mm512_loadu_ps(c + i * S), sum[i][1] = _mm512_loadu_ps(c + i * S + 16);
  for (int64_t k = 0; k < pairs; k++) {
    const __m512bh w0 = (__m512bh)_mm512_loadu_si512(w + k * 32), w1 = (__m512bh)_mm512_loadu_si512(w + k * 32 + 16);
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) {
      const __m512bh a = (__m512bh)_mm512_set1_epi32(int(x[k * 12 + i]));
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], a, w0);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], a, w1);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++) _mm512_storeu_ps(c + i * S, sum[i][0]), _mm512_storeu_ps(c + i * S + 16, sum[i][1]);
}

void pack_pairs(uint32_t *to, const float *m, int64_t from, int64_t tile) {
  for (int64_t i = 0; i < S; i += tile)
    for (int64_t k = from; k < from + KB; k += 2)
      for (int64_t r = 0; r < tile; r++) {
        const float *const p = m + (i + r) * S + k;
        *to++ = ctx::to_bf16(p[0]) | uint32_t(ctx::to_bf16(p[1])) << 16;
      }
}

void gemm_bf16(float *c, const float *x, const float *w) {
  constexpr int64_t P = KB / 2;
  std::vector<uint32_t> xp(S * P), wp(S * P);
  std::fill_n(c, S * S, 0.0f);
  for (int64_t kb = 0; kb < S; kb += KB) {
    pack_pairs(xp.data(), x, kb, 12);
    pack_pairs(wp.data(), w, kb, 32);
    for (int64_t j = 0; j < S; j += 32)
      for (int64_t i = 0; i < S; i += 12) tile_bf16(c + i * S + j, xp.data() + i * P, wp.data() + j * P, P);
  }
}
#endif

constexpr int64_t T = 1024, HEAD = 64; // one head
const float SCALE = 1 / std::sqrt(float(HEAD));

float dot(const float *a, const float *b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

// 1. The formula, with all T x T scores in memory.
void attention_naive(float *o, const float *q, const float *k, const float *v) {
  std::vector<float> s(T * T);
  for (int64_t i = 0; i < T; i++)
    for (int64_t j = 0; j <= i; j++) s[i * T + j] = SCALE * dot(q + i * HEAD, k + j * HEAD, HEAD);
  for (int64_t i = 0; i < T; i++) {
    float *const row = s.data() + i * T, max = *std::max_element(row, row + i + 1);
    float sum = 0;
    for (int64_t j = 0; j <= i; j++) sum += row[j] = std::exp(row[j] - max);
    for (int64_t j = 0; j <= i; j++) row[j] /= sum;
  }
  std::fill_n(o, T * HEAD, 0.0f);
  for (int64_t i = 0; i < T; i++)
    for (int64_t j = 0; j <= i; j++)
      for (int64_t d = 0; d < HEAD; d++) o[i * HEAD + d] += s[i * T + j] * v[j * HEAD + d];
}

// 2. Online softmax over tiles of 64 keys (Dao et al. 2022): no more than a tile of scores exists. K is transposed a tile at a time, so that
// scores of neighbouring keys are independent sums.
void attention_online(float *o, const float *q, const float *k, const float *v) {
  constexpr int64_t KEYS = 64;
  std::vector<float> max(T, -INFINITY), sum(T, 0.0f);
  std::fill_n(o, T * HEAD, 0.0f);
  float kt[HEAD * KEYS], s[KEYS];
  for (int64_t from = 0; from < T; from += KEYS) {
    for (int64_t j = 0; j < KEYS; j++)
      for (int64_t d = 0; d < HEAD; d++) kt[d * KEYS + j] = k[(from + j) * HEAD + d];
    for (int64_t i = from; i < T; i++) {
      const int64_t visible = std::min(KEYS, i - from + 1);
      std::fill_n(s, KEYS, 0.0f);
      for (int64_t d = 0; d < HEAD; d++)
        for (int64_t j = 0; j < KEYS; j++) s[j] += SCALE * q[i * HEAD + d] * kt[d * KEYS + j];
      const float m = std::max(max[i], *std::max_element(s, s + visible)), old = std::exp(max[i] - m);
      max[i] = m;
      sum[i] *= old;
      for (int64_t d = 0; d < HEAD; d++) o[i * HEAD + d] *= old;
      for (int64_t j = 0; j < visible; j++) {
        const float p = std::exp(s[j] - m);
        sum[i] += p;
        for (int64_t d = 0; d < HEAD; d++) o[i * HEAD + d] += p * v[(from + j) * HEAD + d];
      }
    }
  }
  for (int64_t i = 0; i < T; i++)
    for (int64_t d = 0; d < HEAD; d++) o[i * HEAD + d] /= sum[i];
}

// Largest difference between two results, in units of the largest number of the first.
double difference(const float *right, const float *got, int64_t n) {
  double worst = 0, scale = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = std::fabs(double(right[i]) - got[i]);
    if (!(d <= worst)) worst = d; // a NaN counts
    scale = std::max(scale, std::fabs(double(right[i])));
  }
  return worst / scale;
}

// Runs the rung once, holds it against `right` (the first rung fills it), then times it.
void rung(Bench &b, const char *name, double flops, std::vector<float> &right, float *out, int64_t n, double tolerance, const std::function<ctx_status()> &call) {
  if (call() != CTX_OK) std::fprintf(stderr, "ctx_bench: %s: %s\n", name, b.backend->last_error(b.device)), std::exit(1);
  if (right.empty()) right.assign(out, out + n);
  const double wrong = difference(right.data(), out, n);
  if (!(wrong <= tolerance)) std::fprintf(stderr, "ctx_bench: %s is %g off the first rung, %g is allowed\n", name, wrong, tolerance), std::exit(1);
  b.run(name, flops, 0, call);
}

void gemm_ladder(Bench &b) {
  std::vector<float> x(S * S), w(S * S), c(S * S), right;
  for (int64_t i = 0; i < S * S; i++) x[i] = float(i * 37 % 101 - 50) * 0.01f, w[i] = float(i * 53 % 97 - 48) * 0.01f;
  const auto step = [&](const char *name, double tolerance, void (*f)(float *, const float *, const float *)) {
    rung(b, name, 2.0 * S * S * S, right, c.data(), S * S, tolerance, [&] { f(c.data(), x.data(), w.data()); return CTX_OK; });
  };
  step("gemm 1: three loops", 0, gemm_naive);
  step("gemm 2: vectors along rows", 1e-5, gemm_rows);
  step("gemm 3: blocks in the cache", 1e-5, gemm_blocked);
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    step("gemm 4: tile of 6 x 16 in registers (AVX2)", 1e-5, gemm_tiles<tile_6x16, 6, 16>);
    step("gemm 5: both operands packed", 1e-5, gemm_packed<tile_6x16, 6, 16>);
  }
  if (__builtin_cpu_supports("avx512f")) step("gemm 6: tile of 12 x 32 (AVX-512)", 1e-5, gemm_packed<tile_12x32, 12, 32>);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16")) step("gemm 7: products of bf16 (vdpbf16ps)", 1e-2, gemm_bf16);
#endif
  const ctx_mat X = {x.data(), S, S, S, CTX_F32}, W = {w.data(), S, S, S, CTX_F32}, C = {c.data(), S, S, S, CTX_F32};
  std::vector<uint16_t> half(S * S);
  const ctx_mat X16 = {half.data(), S, S, S, CTX_BF16};
  rung(b, "gemm: what ships, fp32", 2.0 * S * S * S, right, c.data(), S * S, 1e-5, [&] { return b.backend->gemm(b.device, 0, 1, 1, X, W, 0, C); });
  b.backend->copy(b.device, X16, X);
  rung(b, "gemm: what ships, bf16", 2.0 * S * S * S, right, c.data(), S * S, 1e-2, [&] { return b.backend->gemm(b.device, 0, 1, 1, X16, W, 0, C); });
}

void attention_ladder(Bench &b) {
  std::vector<float> q(T * HEAD), k(T * HEAD), v(T * HEAD), o(T * HEAD), lse(T), right;
  for (int64_t i = 0; i < T * HEAD; i++) q[i] = float(i * 37 % 101 - 50) * 0.04f, k[i] = float(i * 53 % 97 - 48) * 0.04f, v[i] = float(i * 29 % 103 - 51) * 0.02f;
  const double flops = 2.0 * T * T * HEAD;
  rung(b, "attention 1: scores in memory", flops, right, o.data(), T * HEAD, 0, [&] { attention_naive(o.data(), q.data(), k.data(), v.data()); return CTX_OK; });
  rung(b, "attention 2: online softmax", flops, right, o.data(), T * HEAD, 1e-5, [&] { attention_online(o.data(), q.data(), k.data(), v.data()); return CTX_OK; });
  const auto view = [&](std::vector<float> &m) { return ctx_mat{m.data(), T, HEAD, HEAD, CTX_F32}; };
  ctx_attention a = {};
  a.q = view(q), a.k = view(k), a.v = view(v), a.o = view(o), a.lse = lse.data();
  a.heads = a.kv_heads = 1, a.head_dim = HEAD, a.scale = SCALE, a.causal = 1;
  rung(b, "attention: what ships, fp32", flops, right, o.data(), T * HEAD, 1e-5, [&] { return b.backend->attention_forward(b.device, &a); });
  std::vector<uint16_t> halves[3];
  ctx_attention a16 = a;
  ctx_mat *const narrow[] = {&a16.q, &a16.k, &a16.v};
  for (int i = 0; i < 3; i++) {
    halves[i].resize(T * HEAD);
    const ctx_mat from = *narrow[i];
    *narrow[i] = {halves[i].data(), T, HEAD, HEAD, CTX_BF16};
    b.backend->copy(b.device, *narrow[i], from);
  }
  rung(b, "attention: what ships, bf16", flops, right, o.data(), T * HEAD, 3e-2, [&] { return b.backend->attention_forward(b.device, &a16); });
}

// Loss and gradient of 64 rows of 8192 logits, SiLU gates of 512 x 1024, rotations of 2048 positions.
void elementwise_ladder(Bench &b) {
  constexpr int64_t ROWS = 64, VOCAB = 8192, FFN = 1024, GATES = 512, POSITIONS = 2048, HALF = 32;
  std::vector<float> z0(ROWS * VOCAB), z(ROWS * VOCAB), nll(ROWS), weights(ROWS, 1.0f), right;
  std::vector<int32_t> targets(ROWS);
  for (int64_t i = 0; i < ROWS * VOCAB; i++) z0[i] = float(i * 37 % 101 - 50) * 0.1f;
  for (int64_t i = 0; i < ROWS; i++) targets[i] = int32_t(i * 7919 % VOCAB);
  rung(b, "cross-entropy 1: max, std::exp, scale", 0, right, z.data(), ROWS * VOCAB, 0, [&] {
    z = z0;
    for (int64_t i = 0; i < ROWS; i++) {
      float *const row = z.data() + i * VOCAB, max = *std::max_element(row, row + VOCAB);
      double sum = 0;
      for (int64_t j = 0; j < VOCAB; j++) sum += row[j] = std::exp(row[j] - max);
      for (int64_t j = 0; j < VOCAB; j++) row[j] /= float(sum);
      row[targets[i]] -= 1;
    }
    return CTX_OK;
  });
  rung(b, "cross-entropy: what ships", 0, right, z.data(), ROWS * VOCAB, 1e-5, [&] {
    z = z0;
    return b.backend->cross_entropy(b.device, {z.data(), ROWS, VOCAB, VOCAB, CTX_F32}, targets.data(), weights.data(), nll.data(), nullptr);
  });

  std::vector<float> gate(GATES * FFN), up(GATES * FFN), y(GATES * FFN);
  for (int64_t i = 0; i < GATES * FFN; i++) gate[i] = float(i * 37 % 101 - 50) * 0.1f, up[i] = float(i * 53 % 97 - 48) * 0.1f;
  right.clear();
  rung(b, "swiglu 1: std::exp", 0, right, y.data(), GATES * FFN, 0, [&] {
    for (int64_t i = 0; i < GATES * FFN; i++) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return CTX_OK;
  });
  const auto view = [&](std::vector<float> &m) { return ctx_mat{m.data(), GATES, FFN, FFN, CTX_F32}; };
  rung(b, "swiglu: what ships", 0, right, y.data(), GATES * FFN, 1e-5, [&] { return b.backend->swiglu_forward(b.device, view(y), view(gate), view(up)); });

  std::vector<float> cos(POSITIONS * HALF), sin(POSITIONS * HALF);
  std::vector<double> inv_freq(HALF);
  std::vector<int32_t> positions(POSITIONS);
  for (int64_t i = 0; i < HALF; i++) inv_freq[i] = std::pow(5e5, -double(i) / HALF);
  for (int64_t t = 0; t < POSITIONS; t++) positions[t] = int32_t(2048 * t);
  right.clear();
  rung(b, "rope table 1: std::sin, std::cos", 0, right, cos.data(), POSITIONS * HALF, 0, [&] {
    for (int64_t t = 0; t < POSITIONS; t++)
      for (int64_t i = 0; i < HALF; i++) {
        const double angle = positions[t] * inv_freq[i];
        cos[t * HALF + i] = float(std::cos(angle)), sin[t * HALF + i] = float(std::sin(angle));
      }
    return CTX_OK;
  });
  rung(b, "rope table: what ships", 0, right, cos.data(), POSITIONS * HALF, 1e-7,
       [&] { return b.backend->rope_table(b.device, cos.data(), sin.data(), inv_freq.data(), HALF, 1, positions.data(), POSITIONS); });
}

} // namespace

void bench_ladder(Bench &b) {
  gemm_ladder(b);
  attention_ladder(b);
  elementwise_ladder(b);
}
