// cross_entropy.cc: loss, accuracy and gradient of a chunk of logits, in place.
//
//   nll_i = log sum_j exp(z_ij) - z_i,target;   z_ij becomes weight_i * (softmax_ij - [j = target])
//
// logits [rows, vocab]. About 15 FLOPs an element. A row is read for its maximum, then for the sum (where the exponentials are
// left in its place), then scaled: from memory once if a row fits into L2. 4 bytes an element without gradient, 8 with.
#include <algorithm>
#include <cmath>

#include "device.h"
#include "operations.h"
#include "simd.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

constexpr float LOG2_E = 1.44269504f;
constexpr int64_t BLOCK = 2048; // elements summed in fp32 before the sum moves on in fp64

float row_max(const float *z, int64_t n) {
  vf m = set1(-INFINITY), m2 = m;
  int64_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    m = vmax(m, load(z + j));
    m2 = vmax(m2, load(z + j + W));
  }
  float r = reduce_max(vmax(m, m2));
  for (; j < n; j++) r = std::max(r, z[j]);
  return r;
}

// sum_j exp(z_j - max); with KEEP the exponentials replace z.
template <bool KEEP> double exp_sum(float *z, int64_t n, float max) {
  const vf mv = set1(max), c = set1(LOG2_E);
  double sum = 0;
  for (int64_t block = 0; block < n; block += BLOCK) {
    const int64_t end = std::min(n, block + BLOCK);
    vf s = ctx_simd::zero(), s2 = ctx_simd::zero();
    int64_t j = block;
    for (; j + 2 * W <= end; j += 2 * W) {
      const vf e = exp2v((load(z + j) - mv) * c), e2 = exp2v((load(z + j + W) - mv) * c);
      if (KEEP) {
        store(z + j, e);
        store(z + j + W, e2);
      }
      s += e;
      s2 += e2;
    }
    for (; j < end; j += W) {
      const vf e = select_first(end - j, exp2v((load_n(z + j, end - j) - mv) * c), ctx_simd::zero());
      if (KEEP) store_n(z + j, e, end - j);
      s += e;
    }
    sum += reduce_add(s + s2);
  }
  return sum;
}

void multiply(float *z, int64_t n, float a) {
  for (int64_t j = 0; j < n; j++) z[j] *= a;
}

} // namespace

ctx_status cross_entropy(ctx_device *device, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct) {
  CTX_TRY(check_f32(device, "cross_entropy: logits", logits));
  const int64_t vocab = logits.cols;
  for (int64_t i = 0; i < logits.rows; i++)
    if (targets[i] >= vocab)
      return fail(device, CTX_ERR_ARGUMENT, "cross_entropy: targets[%lld] is %d, the vocabulary has %lld tokens", (long long)i, targets[i], (long long)vocab);

  parallel_rows(device, logits.rows, vocab, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; i++) {
      float *z = row(logits, i);
      const int32_t target = targets[i];
      if (target < 0) {
        nll[i] = 0;
        if (correct) correct[i] = 0;
        if (weights) std::fill_n(z, vocab, 0.0f);
        continue;
      }
      const float max = row_max(z, vocab), chosen = z[target];
      if (correct) correct[i] = chosen == max && std::find(z, z + target, max) == z + target;
      const double sum = weights ? exp_sum<true>(z, vocab, max) : exp_sum<false>(z, vocab, max);
      nll[i] = float(std::log(sum) + (double(max) - double(chosen)));
      if (weights) {
        multiply(z, vocab, float(weights[i] / sum));
        z[target] -= weights[i];
      }
    }
  });
  return finish(device, "cross_entropy");
}

} // namespace ctx_cpu
