// attention.cu: the attention operations of the table: arguments are checked, a kernel is chosen.
#include "attention.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include "attention_sm80.h"
#include "elements.cuh"
#include "operations.h"
#include "reduce.cuh"
#include "tensor_map_sm90.h"

namespace ctx_cuda {
namespace {

// Kernels that compute attention, the fastest first, and their names. SM90_APART: gradients in two kernels, 1.4 times the FLOPs; forward as SM90.
enum class Kernels { SM90, SM90_APART, SM80, PLAIN };
constexpr const char *NAMES[] = {"sm90", "sm90-apart", "sm80", "plain"};

// The fastest that may be taken: those that CTX_ATTENTION names, so that others can be held against them or done without. Null: it names none.
const Kernels *fastest() {
  static const Kernels all[] = {Kernels::SM90, Kernels::SM90_APART, Kernels::SM80, Kernels::PLAIN};
  static const Kernels *const found = []() -> const Kernels * {
    const char *const named = std::getenv("CTX_ATTENTION");
    if (!named) return all;
    for (const Kernels &k : all)
      if (!std::strcmp(named, NAMES[int(k)])) return &k;
    return nullptr;
  }();
  return found;
}
bool allowed(Kernels k) { return fastest() && *fastest() <= k; }

// Shapes and strides of everything that forward and backward share; `name` is the operation.
ctx_status check(ctx_device *device, const char *name, const ctx_attention &a) {
  if (!fastest()) return fail(device, CTX_ERR_ARGUMENT, "%s: CTX_ATTENTION is %s, expected sm90, sm90-apart, sm80 or plain", name, std::getenv("CTX_ATTENTION"));
  if (a.heads < 1 || a.kv_heads < 1 || a.heads % a.kv_heads != 0)
    return fail(device, CTX_ERR_ARGUMENT, "%s: heads (%d) must be a positive multiple of kv_heads (%d)", name, a.heads, a.kv_heads);
  if (a.head_dim < 1 || a.head_dim > MAX_HEAD_DIM)
    return fail(device, CTX_ERR_ARGUMENT, "%s: head_dim must be between 1 and %d, got %d", name, MAX_HEAD_DIM, a.head_dim);
  const int64_t width = int64_t(a.heads) * a.head_dim, kv_width = int64_t(a.kv_heads) * a.head_dim;
  CTX_TRY(check_activation(device, name, a.q, a.q.rows, width));
  CTX_TRY(check_activation(device, name, a.k, a.k.rows, kv_width));
  CTX_TRY(check_activation(device, name, a.v, a.k.rows, kv_width));
  if (a.q.dtype != a.k.dtype || a.q.dtype != a.v.dtype)
    return fail(device, CTX_ERR_ARGUMENT, "%s: q, k and v must have one dtype, got %d, %d and %d", name, a.q.dtype, a.k.dtype, a.v.dtype);
  if (!(a.scale > 0) || !std::isfinite(a.scale))
    return fail(device, CTX_ERR_ARGUMENT, "%s: scale must be above 0 and finite, got %g", name, double(a.scale));
  if (!a.lse && a.q.rows > 0) return fail(device, CTX_ERR_ARGUMENT, "%s: lse is missing", name);
  if (a.q_index < 0 || a.k_index < 0 || a.q_index + a.q.rows > INT32_MAX || a.k_index + a.k.rows > INT32_MAX)
    return fail(device, CTX_ERR_ARGUMENT, "%s: indices of %lld queries from %lld and %lld keys from %lld leave [0, 2^31)", name, (long long)a.q.rows, (long long)a.q_index,
                (long long)a.k.rows, (long long)a.k_index);
  return CTX_OK;
}

// delta[h][i] = sum_d dO[i,h,d] O[i,h,d]: a warp a row and head.
template <class G, class O> __global__ void delta_kernel(float *delta, Rows<G> d_o, Rows<O> o, int64_t rows, int heads, int head_dim) {
  const int64_t i = int64_t(blockIdx.x), h = blockIdx.y * (blockDim.x / WARP) + threadIdx.x / WARP;
  const bool there = h < heads;
  float sum = 0;
  for (int d = int(threadIdx.x) % WARP; there && d < head_dim; d += WARP) sum = fmaf(to_float(*d_o.at(i, h * head_dim + d)), to_float(*o.at(i, h * head_dim + d)), sum);
  sum = warp_sum(sum);
  if (there && threadIdx.x % WARP == 0) delta[h * rows + i] = sum;
}

Kernels chosen(bool fused, bool hopper, bool ampere) {
  if (fused && allowed(Kernels::SM90)) return Kernels::SM90;
  if (hopper && allowed(Kernels::SM90_APART)) return Kernels::SM90_APART;
  return ampere && allowed(Kernels::SM80) ? Kernels::SM80 : Kernels::PLAIN;
}
Kernels kernels_for(const ctx_device *device, const ctx_attention &a) {
  const bool hopper = hopper_can(device, a);
  return chosen(hopper, hopper, ampere_can(a));
}
Kernels kernels_for(const ctx_device *device, const ctx_attention_grad &g) {
  const bool hopper = hopper_can(device, g.fwd);
  return chosen(hopper && hopper_fuses(g), hopper, ampere_can(g));
}

constexpr decltype(&plain_forward) FORWARD[] = {hopper_forward, hopper_forward, ampere_forward, plain_forward};
constexpr decltype(&plain_backward) BACKWARD[] = {hopper_backward, hopper_backward_apart, ampere_backward, plain_backward};

// How many calls each of them has taken in this process, forward and backward.
std::atomic<int64_t> taken[2][std::size(NAMES)];
int take(bool backward, Kernels k) { return taken[backward][int(k)]++, int(k); }

} // namespace

bool hopper_can(const ctx_device *device, const ctx_attention &a) {
  return device->sm == 90 && (a.head_dim == 64 || a.head_dim == 128) && sm90::mappable(a.q) && sm90::mappable(a.k) && sm90::mappable(a.v); // sm_90a's code runs on no other
}

bool hopper_fuses(const ctx_attention_grad &g) { return sm90::summable(g.dq); }

ctx_status attention_forward(ctx_device *device, const ctx_attention *call) {
  const ctx_attention &a = *call;
  CTX_TRY(check(device, "attention_forward", a));
  CTX_TRY(check_activation(device, "attention_forward: o", a.o, a.q.rows, int64_t(a.heads) * a.head_dim));
  if (a.merge && a.o.dtype != CTX_F32)
    return fail(device, CTX_ERR_ARGUMENT, "attention_forward: a merge carries o from block to block, which must be fp32 then, got dtype %d", a.o.dtype);
  CTX_TRY(FORWARD[take(false, kernels_for(device, a))](device, a));
  return finish(device, "attention_forward");
}

ctx_status attention_delta(ctx_device *device, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim) {
  const int64_t width = int64_t(heads) * head_dim;
  CTX_TRY(check_activation(device, "attention_delta: d_o", d_o, d_o.rows, width));
  CTX_TRY(check_activation(device, "attention_delta: o", o, d_o.rows, width));
  if (d_o.rows == 0) return CTX_OK;
  constexpr int THREADS = 128;
  with_types([&](auto tg, auto to) {
    using G = decltype(tg);
    using O = decltype(to);
    launch(device, delta_kernel<G, O>, dim3(unsigned(d_o.rows), unsigned(ceil_div(heads, THREADS / WARP))), dim3(THREADS), 0, delta, Rows<G>(d_o), Rows<O>(o), d_o.rows, heads, head_dim);
  }, d_o, o);
  return finish(device, "attention_delta");
}

ctx_status attention_backward(ctx_device *device, const ctx_attention_grad *call) {
  const ctx_attention &a = call->fwd;
  const int64_t width = int64_t(a.heads) * a.head_dim, kv_width = int64_t(a.kv_heads) * a.head_dim;
  CTX_TRY(check(device, "attention_backward", a));
  CTX_TRY(check_activation(device, "attention_backward: d_o", call->d_o, a.q.rows, width));
  CTX_TRY(check_activation(device, "attention_backward: dq", call->dq, a.q.rows, width));
  CTX_TRY(check_activation(device, "attention_backward: dk", call->dk, a.k.rows, kv_width));
  CTX_TRY(check_activation(device, "attention_backward: dv", call->dv, a.k.rows, kv_width));
  CTX_TRY(check_f32(device, "attention_backward: dq", call->dq));
  CTX_TRY(check_f32(device, "attention_backward: dk", call->dk));
  CTX_TRY(check_f32(device, "attention_backward: dv", call->dv));
  if (!call->delta && a.q.rows > 0) return fail(device, CTX_ERR_ARGUMENT, "attention_backward: delta is missing");
  CTX_TRY(BACKWARD[take(true, kernels_for(device, *call))](device, *call));
  return finish(device, "attention_backward");
}

} // namespace ctx_cuda

#ifndef CTX_CUDA_CODE
#define CTX_CUDA_CODE "the CPU" // the host build
#endif

// What the library holds code for, in words, and whether it has what this GPU needs: `complete` is 0 on a Hopper GPU without Hopper's kernels of
// attention. Beside the table, for whoever measures. Null: the GPU does not say; last_error has why.
extern "C" __attribute__((visibility("default"))) const char *ctx_cuda_code(ctx_device *device, int32_t *complete) {
  thread_local char words[256];
  bool real = false;
  int binary = 0, registers = 0;
  if (ctx_cuda::hopper_code(device, &real, &binary, &registers) != CTX_OK) return nullptr;
  *complete = real || device->sm != 90;
  std::snprintf(words, sizeof words, "built for %s; on this GPU (sm_%d) attention for Hopper is %s (sm_%d, %d registers)", CTX_CUDA_CODE, int(device->sm), real ? "there" : "empty", binary, registers);
  return words;
}

// Which kernels take this call: sm90, sm90-apart, sm80 or plain. With `backward`, of the gradients. Beside the table, for whoever measures.
extern "C" __attribute__((visibility("default"))) const char *ctx_cuda_attention(const ctx_device *device, const ctx_attention *forward, const ctx_attention_grad *backward) {
  return ctx_cuda::NAMES[int(backward ? ctx_cuda::kernels_for(device, *backward) : ctx_cuda::kernels_for(device, *forward))];
}

// Which kernels have computed attention in this process: "forward sm90 24, plain 6; backward sm90 12". Beside the table, as well.
extern "C" __attribute__((visibility("default"))) const char *ctx_cuda_attention_calls() {
  thread_local std::string words;
  words.clear();
  for (int backward = 0; backward < 2; backward++) {
    std::string kernels;
    for (size_t k = 0; k < std::size(ctx_cuda::NAMES); k++)
      if (const int64_t count = ctx_cuda::taken[backward][k]) kernels += (kernels.empty() ? "" : ", ") + std::string(ctx_cuda::NAMES[k]) + " " + std::to_string(count);
    words += (backward ? "; backward " : "forward ") + (kernels.empty() ? "none" : kernels);
  }
  return words.c_str();
}
