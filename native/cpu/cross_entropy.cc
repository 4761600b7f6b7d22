// cross_entropy.cc: loss, accuracy and gradient of a chunk of logits, in place.
//
//   nll_i = log sum_j exp(z_ij) - z_i,target;   z_ij becomes weight_i * (softmax_ij - [j = target])
//
// logits [rows, vocab], fp32. About 17 FLOPs an element. One pass over a row: block by block, of a size that stays in L1, it takes the
// maximum m_b of the row so far, scales the sum S to it when it has risen, adds the block's exp(z - m_b), and, for the gradient, leaves
// those in the place of z (Milakov & Gimelshein 2018, arXiv 1805.02867). The gradient then needs one factor a block,
// weight exp(m_b - m) / S with the row's m. Bytes an element: 4 without gradient, 8 with, as long as a row stays in L2 for that last
// product.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "elements.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr float LOG2_E = 1.44269504f;
constexpr int64_t BLOCK = 4096; // 16 KB; within it sums are fp32, between blocks fp64
constexpr int CHAINS = 4;       // independent maxima and sums

// The largest of z, but no less than the lowest fp32 number, so that a block of nothing but -inf leaves 0 and not inf - inf.
CTX_INLINE float block_max(const float *z, int64_t n) {
  vf m[CHAINS];
  for (int c = 0; c < CHAINS; c++) m[c] = set1(-FLT_MAX);
  int64_t j = 0;
  for (; j + CHAINS * W <= n; j += CHAINS * W)
#pragma GCC unroll 4
    for (int c = 0; c < CHAINS; c++) m[c] = vmax(m[c], load(z + j + c * W));
  float r = reduce_max(vmax(vmax(m[0], m[1]), vmax(m[2], m[3])));
  for (; j < n; j++) r = std::max(r, z[j]);
  return r;
}

// sum_j exp(z_j - max); with KEEP the exponentials replace z.
template <bool KEEP> CTX_INLINE float exp_sum(float *z, int64_t n, float max) {
  const vf scale = set1(LOG2_E);
  vf s[CHAINS] = {};
  int64_t j = 0;
  for (; j + CHAINS * W <= n; j += CHAINS * W)
#pragma GCC unroll 4
    for (int c = 0; c < CHAINS; c++) {
      const vf e = exp2v((load(z + j + c * W) - set1(max)) * scale);
      if (KEEP) store(z + j + c * W, e);
      s[c] += e;
    }
  for (; j < n; j += W) {
    const vf e = select_first(n - j, exp2v((load_n(z + j, n - j) - set1(max)) * scale), ctx_simd::zero());
    if (KEEP) store_n(z + j, e, n - j);
    s[0] += e;
  }
  return reduce_add((s[0] + s[1]) + (s[2] + s[3]));
}

// What is known of a row after some of its blocks: the maximum, the sum of exp(z - max), and whether no logit so far wins over
// the target's (a lower index wins a tie).
struct Row {
  float max = -FLT_MAX;
  double sum = 0;
  bool first = true;
};

// Reads the row in blocks; with KEEP each block is left as exp(z - maxima[block]).
template <bool KEEP> Row read_row(float *z, int64_t n, int64_t target, float chosen, float *maxima) {
  Row r;
  for (int64_t from = 0; from < n; from += BLOCK) {
    const int64_t end = std::min(n, from + BLOCK);
    const float m = block_max(z + from, end - from);
    if (m > chosen) r.first = false;
    else if (r.first && m == chosen && from < target) {
      float *const before = z + std::min(end, target);
      r.first = std::find(z + from, before, chosen) == before;
    }
    if (m > r.max) {
      r.sum *= std::exp(double(r.max) - double(m));
      r.max = m;
    }
    if (KEEP) maxima[from / BLOCK] = r.max;
    r.sum += double(exp_sum<KEEP>(z + from, end - from, r.max));
  }
  return r;
}

} // namespace

ctx_status cross_entropy(ctx_device *device, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct) {
  CTX_TRY(check_f32(device, "cross_entropy: logits", logits));
  const int64_t vocab = logits.cols;
  for (int64_t i = 0; i < logits.rows; i++)
    if (targets[i] >= vocab)
      return fail(device, CTX_ERR_ARGUMENT, "cross_entropy: targets[%lld] is %d, the vocabulary has %lld tokens", (long long)i, targets[i], (long long)vocab);

  CTX_TRY(device->reserve(0, (vocab + BLOCK - 1) / BLOCK)); // maxima of a row's blocks
  parallel_rows(device, logits.rows, vocab, [&](int64_t first, int64_t last, int thread) {
    for (int64_t i = first; i < last; i++) {
      float *z = row(logits, i);
      const int32_t target = targets[i];
      if (target < 0) {
        nll[i] = 0;
        if (correct) correct[i] = 0;
        if (weights) std::fill_n(z, vocab, 0.0f);
        continue;
      }
      const float chosen = z[target];
      float *const maxima = device->scratch[thread].data();
      const Row r = weights ? read_row<true>(z, vocab, target, chosen, maxima) : read_row<false>(z, vocab, target, chosen, maxima);
      nll[i] = float(std::log(r.sum) + (double(r.max) - double(chosen)));
      if (correct) correct[i] = r.first && chosen == r.max;
      if (!weights) continue;
      float factor = 0;
      for (int64_t block = 0; block * BLOCK < vocab; block++) {
        if (block == 0 || maxima[block] != maxima[block - 1])
          factor = float(weights[i] / r.sum * std::exp(double(maxima[block]) - double(r.max)));
        float *const p = z + block * BLOCK;
        vectors(std::min(BLOCK, vocab - block * BLOCK), [&](int64_t j, int64_t left) __attribute__((always_inline)) {
          put(p + j, get(p + j, left) * factor, left);
        });
      }
      z[target] -= weights[i];
    }
  });
  return finish(device, "cross_entropy");
}

} // namespace ctx_cpu
