// attention.cc: causal attention of one sequence; FLOPs counted for the visible half: 2 T^2 D H forward, 5 T^2 D H backward.
// In fp32, and with q, k, v, o and d_o in bf16.
#include <cstdio>

#include "bench.h"
#include "dtype.h"

namespace {

void bench_shape(Bench &b, ctx_dtype dtype, int64_t T, int32_t heads, int32_t kv_heads, int32_t head_dim) {
  const int64_t q_cols = int64_t(heads) * head_dim, kv_cols = int64_t(kv_heads) * head_dim;
  const double flops = 2.0 * double(T) * double(T) * double(q_cols), bytes = double(ctx::size_of(dtype)) * double(T) * double(2 * q_cols + 2 * kv_cols);
  char shape[64];
  std::snprintf(shape, sizeof shape, "%sT %lld heads %d/%d of %d", dtype == CTX_BF16 ? "bf16 " : "", (long long)T, heads, kv_heads, head_dim);
  const std::string forward_name = std::string("attention_forward ") + shape, backward_name = std::string("attention_backward ") + shape;
  const auto geometry = [&] {
    ctx_attention a = {};
    a.q = b.matrix(T, q_cols, dtype);
    a.k = b.matrix(T, kv_cols, dtype);
    a.v = b.matrix(T, kv_cols, dtype);
    a.o = b.matrix(T, q_cols, dtype);
    a.lse = b.floats(heads * T);
    a.heads = heads, a.kv_heads = kv_heads, a.head_dim = head_dim;
    a.scale = 0.125f;
    a.causal = 1;
    return a;
  };
  if (b.wants(forward_name)) {
    const ctx_attention forward = geometry();
    b.run(forward_name, flops, bytes, [&] { return b.backend->attention_forward(b.device, &forward); }, dtype);
  }
  if (!b.wants(backward_name)) return;
  ctx_attention_grad grad = {};
  grad.fwd = geometry();
  grad.d_o = b.matrix(T, q_cols, dtype);
  float *delta = b.floats(heads * T);
  grad.delta = delta;
  grad.dq = b.matrix(T, q_cols), grad.dk = b.matrix(T, kv_cols), grad.dv = b.matrix(T, kv_cols);
  b.backend->attention_forward(b.device, &grad.fwd);
  b.backend->attention_delta(b.device, delta, grad.d_o, grad.fwd.o, heads, head_dim);
  b.run(backward_name, 2.5 * flops, 2 * bytes, [&] { return b.backend->attention_backward(b.device, &grad); }, dtype);
}

} // namespace

void bench_attention(Bench &b) {
  for (const ctx_dtype dtype : {CTX_F32, CTX_BF16}) {
    for (int64_t T : {1024, 4096}) bench_shape(b, dtype, T, 8, 8, 64);
    bench_shape(b, dtype, 2048, 6, 3, 64);
    bench_shape(b, dtype, 1024, 8, 2, 128);
  }
}
