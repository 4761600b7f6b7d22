// attention.cc: the attention operations of the table: arguments are checked, scratch is reserved, units go to the threads.
#include "attention.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "attention_parts.h"
#include "microkernel.h"

namespace ctx_cpu {

namespace {

// Shapes and strides of everything that forward and backward share; `name` is the operation.
ctx_status check(ctx_device *device, const char *name, const ctx_attention &a) {
  if (a.heads < 1 || a.kv_heads < 1 || a.heads % a.kv_heads != 0)
    return fail(device, CTX_ERR_ARGUMENT, "%s: heads (%d) must be a positive multiple of kv_heads (%d)", name, a.heads, a.kv_heads);
  if (a.head_dim < 1 || a.head_dim > 1024)
    return fail(device, CTX_ERR_ARGUMENT, "%s: head_dim must be between 1 and 1024, got %d", name, a.head_dim);
  const int64_t width = int64_t(a.heads) * a.head_dim, kv_width = int64_t(a.kv_heads) * a.head_dim;
  CTX_TRY(check_activation(device, name, a.q, a.q.rows, width));
  CTX_TRY(check_activation(device, name, a.k, a.k.rows, kv_width));
  CTX_TRY(check_activation(device, name, a.v, a.k.rows, kv_width));
  if (a.q.dtype != a.k.dtype || a.q.dtype != a.v.dtype)
    return fail(device, CTX_ERR_ARGUMENT, "%s: q, k and v must have one dtype, got %d, %d and %d", name, a.q.dtype, a.k.dtype, a.v.dtype);
  if (!(a.scale > 0) || !std::isfinite(a.scale)) return fail(device, CTX_ERR_ARGUMENT, "%s: scale must be above 0 and finite, got %g", name, double(a.scale));
  if (!a.lse && a.q.rows > 0) return fail(device, CTX_ERR_ARGUMENT, "%s: lse is missing", name);
  if (a.q_index < 0 || a.k_index < 0 || a.q_index + a.q.rows > INT32_MAX || a.k_index + a.k.rows > INT32_MAX)
    return fail(device, CTX_ERR_ARGUMENT, "%s: indices of %lld queries from %lld and %lld keys from %lld leave [0, 2^31)", name,
                (long long)a.q.rows, (long long)a.q_index, (long long)a.k.rows, (long long)a.k_index);
  if (a.start)
    for (int64_t i = 1; i < a.q.rows; i++)
      if (a.start[i] < a.start[i - 1])
        return fail(device, CTX_ERR_ARGUMENT, "%s: start must never decrease, but start[%lld] = %d comes after %d", name, (long long)i,
                    a.start[i], a.start[i - 1]);
  return CTX_OK;
}

} // namespace

ctx_status attention_forward(ctx_device *device, const ctx_attention *call) {
  const ctx_attention &a = *call;
  CTX_TRY(check(device, "attention_forward", a));
  CTX_TRY(check_activation(device, "attention_forward: o", a.o, a.q.rows, int64_t(a.heads) * a.head_dim));
  if (a.merge && a.o.dtype != CTX_F32)
    return fail(device, CTX_ERR_ARGUMENT, "attention_forward: a merge carries o from block to block, which must be fp32 then, got dtype %d", a.o.dtype);
  if (a.q.rows == 1) {
    CTX_TRY(device->reserve(decode_partials(TILE, a.heads, a.head_dim), decode_floats(TILE, a.heads, a.head_dim)));
    device->pool.parallel_for(decode_units(a), [&](int64_t unit, int thread) {
      decode_unit(*device, a, unit, device->scratch[thread].data(), device->shared.data());
    });
    decode_merge(a, device->shared.data());
  } else {
    CTX_TRY(device->reserve(0, forward_floats(TILE, a.head_dim)));
    device->pool.parallel_for(forward_units(a), [&](int64_t unit, int thread) {
      forward_unit(*device, a, unit, device->scratch[thread].data());
    });
  }
  return finish(device, "attention_forward");
}

ctx_status attention_delta(ctx_device *device, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim) {
  using namespace ctx_simd;
  const int64_t hd = head_dim, width = heads * hd;
  CTX_TRY(check_activation(device, "attention_delta: d_o", d_o, d_o.rows, width));
  CTX_TRY(check_activation(device, "attention_delta: o", o, d_o.rows, width));
  with_types([&]<class G, class O>(G, O) {
    parallel_rows(device, d_o.rows, 2 * width, [&](int64_t first, int64_t last, int) {
      for (int64_t h = 0; h < heads; h++)
        for (int64_t i = first; i < last; i++) {
          const G *const x = at<G>(d_o, i, h * hd);
          const O *const y = at<O>(o, i, h * hd);
          vf sum = ctx_simd::zero();
          for (int64_t d = 0; d < hd; d += W) sum = fma(get(x + d, hd - d), get(y + d, hd - d), sum);
          delta[h * d_o.rows + i] = reduce_add(sum);
        }
    });
  }, d_o, o);
  return finish(device, "attention_delta");
}

ctx_status attention_backward(ctx_device *device, const ctx_attention_grad *call) {
  const ctx_attention &a = call->fwd;
  const int64_t width = int64_t(a.heads) * a.head_dim, kv_width = int64_t(a.kv_heads) * a.head_dim;
  CTX_TRY(check(device, "attention_backward", a));
  CTX_TRY(check_activation(device, "attention_backward: d_o", call->d_o, a.q.rows, width));
  CTX_TRY(check_f32(device, "attention_backward: dq", call->dq, a.q.rows, width));
  CTX_TRY(check_f32(device, "attention_backward: dk", call->dk, a.k.rows, kv_width));
  CTX_TRY(check_f32(device, "attention_backward: dv", call->dv, a.k.rows, kv_width));
  if (!call->delta && a.q.rows > 0) return fail(device, CTX_ERR_ARGUMENT, "attention_backward: delta is missing");

  const int64_t terms = backward_terms(a), count = backward_turns(terms, a.q.rows, a.heads);
  CTX_TRY(device->reserve(count, backward_floats(TILE, terms, a.head_dim)));
  static_assert(sizeof(Turn) == sizeof(float));
  Turn *const turns = reinterpret_cast<Turn *>(device->shared.data());
  for (int64_t t = 0; t < count; t++) new (turns + t) Turn(0);
  start_turns(a, turns);
  device->pool.parallel_for(backward_units(a), [&](int64_t unit, int thread) {
    backward_unit(*device, *call, unit, device->scratch[thread].data(), turns);
  });
  return finish(device, "attention_backward");
}

} // namespace ctx_cpu
