// cross_entropy.cu: loss, accuracy and gradient of a chunk of logits, in place.
//
//   nll_i = log sum_j exp(z_ij) - z_i,target;   z_ij becomes weight_i * (softmax_ij - [j = target])
//
// logits [rows, vocab], fp32. A block takes a row: every thread keeps the maximum of its logits, the first place where it stands, and the
// sum of exp(z - maximum) (Milakov & Gimelshein 2018, arXiv 1805.02867), and the block merges them. The gradient reads the row again. 4
// bytes an element without gradient, 12 with (a row of 128Ki logits is 512 KiB: the second time it comes from L2). Bound by memory, whose latency
// wants 16 bytes of each thread under way.
#include <cfloat>

#include "checks.cuh"
#include "elements.cuh"
#include "operations.h"
#include "reduce.cuh"

namespace ctx_cuda {
namespace {

constexpr int THREADS = 512;

struct Part {
  float max;
  int first; // lowest index of the maximum
  double sum; // of exp(z - max)
};

__device__ __forceinline__ Part merged(Part a, Part b) {
  const bool swap = b.max > a.max; // by values, not by references, which would need an address
  const float high = swap ? b.max : a.max, low = swap ? a.max : b.max;
  const int first = swap || (a.max == b.max && b.first < a.first) ? b.first : a.first;
  return {high, first, (swap ? b.sum : a.sum) + (swap ? a.sum : b.sum) * exp(double(low) - double(high))};
}

__device__ __forceinline__ Part shuffled(const Part &p, int mask) {
  return {__shfl_xor_sync(ALL_LANES, p.max, mask), __shfl_xor_sync(ALL_LANES, p.first, mask), __shfl_xor_sync(ALL_LANES, p.sum, mask)};
}

// Of the row, for all threads, which read N neighbours at a time. The lowest float, not -inf, is the maximum of nothing: a row of -inf leaves 0 and
// not inf - inf.
template <int N> __device__ __forceinline__ Part whole_row(const float *z, int64_t vocab, Part *warps) {
  Part p = {-FLT_MAX, 0x7fffffff, 0};
  float sum = 0; // of at most a few hundred terms between two rises of the maximum
  int64_t j = int64_t(threadIdx.x) * N;
  for (Floats<N> x, next = j < vocab ? get<N>(z + j) : Floats<N>{}; j < vocab; j += THREADS * N) {
    x = next;
    if (j + THREADS * N < vocab) next = get<N>(z + j + THREADS * N); // on its way meanwhile
    float highest = p.max;
#pragma unroll
    for (int k = 0; k < N; k++) highest = fmaxf(highest, x[k]); // passes over a NaN, but the sum does not
    if (highest > p.max || p.first == 0x7fffffff) {
      sum *= __expf(p.max - highest);
      p.max = highest;
#pragma unroll
      for (int k = N - 1; k >= 0; k--)
        if (x[k] == highest) p.first = int(j) + k;
    }
#pragma unroll
    for (int k = 0; k < N; k++) sum += expf(x[k] - highest);
  }
  p.sum = sum;
  for (int mask = WARP / 2; mask > 0; mask /= 2) p = merged(p, shuffled(p, mask));
  if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = p;
  __syncthreads();
  p = warps[threadIdx.x % (THREADS / WARP)]; // each warp merges all of them, and so all come to the same
  for (int mask = THREADS / WARP / 2; mask > 0; mask /= 2) p = merged(p, shuffled(p, mask));
  return p;
}

// Block (row). N: of a row's numbers that a thread reads at once.
template <int N>
__global__ void __launch_bounds__(THREADS, 2048 / THREADS) cross_entropy_kernel(Rows<float> logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct, int64_t vocab) {
  const int64_t i = blockIdx.x;
  float *const z = logits.at(i);
  const int32_t target = targets[i];
  if (target < 0) {
    if (threadIdx.x == 0) {
      nll[i] = 0;
      if (correct) correct[i] = 0;
    }
    for (int64_t j = threadIdx.x; weights && j < vocab; j += THREADS) z[j] = 0;
    return;
  }
  const float chosen = z[target];
  const Part row = whole_row<N>(z, vocab, shared_memory<Part>());
  if (threadIdx.x == 0) {
    nll[i] = float(log(row.sum) + (double(row.max) - double(chosen)));
    if (correct) correct[i] = row.first == target;
  }
  if (!weights) return;
  const float weight = weights[i], factor = float(double(weight) / row.sum);
  for (int64_t j = int64_t(threadIdx.x) * N; j < vocab; j += THREADS * N) {
    const Floats<N> x = get<N>(z + j);
    put<N>(z + j, each<N>([&](int k) { return expf(x[k] - row.max) * factor - (j + k == target ? weight : 0.0f); }));
  }
}

} // namespace

ctx_status cross_entropy(ctx_device *device, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct) {
  CTX_TRY(check_f32(device, "cross_entropy: logits", logits));
  int32_t index, target;
  CTX_TRY(first_wrong(device, targets, logits.rows, INT32_MIN, logits.cols, &index, &target));
  if (index >= 0)
    return fail(device, CTX_ERR_ARGUMENT, "cross_entropy: targets[%d] is %d, the vocabulary has %lld tokens", index, target, (long long)logits.cols);
  if (logits.rows > 0)
    launch(device, wide(logits) ? cross_entropy_kernel<WIDE> : cross_entropy_kernel<1>, dim3(unsigned(logits.rows)), dim3(THREADS), THREADS / WARP * sizeof(Part), Rows<float>(logits), targets, weights, nll, correct, logits.cols);
  return finish(device, "cross_entropy");
}

} // namespace ctx_cuda
