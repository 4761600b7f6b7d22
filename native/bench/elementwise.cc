// elementwise.cc: everything but matrix products and attention, at the sizes of a 15M-parameter Llama and 2048 tokens
// (hidden 384, intermediate 1024, vocabulary 8192, loss in chunks of 512 rows). GB/s of the bytes each must move at least. Operations on
// activations once in fp32 and once in bf16; where a gradient or the stream's gradient stays fp32 in training, it does here.
#include "bench.h"
#include "dtype.h"

namespace {

constexpr int64_t T = 2048, H = 384, F = 1024, V = 8192, CHUNK = 512, PARAMS = 14505600;

void bench_activations(Bench &b, ctx_dtype dtype) {
  const auto *op = b.backend;
  const double size = double(ctx::size_of(dtype)), th = T * H, tf = T * F;
  const auto name = [&](const char *operation, const char *shape) { return std::string(operation) + (dtype == CTX_BF16 ? " bf16 " : " ") + shape; };
  std::vector<int32_t> ids(T);
  for (int64_t i = 0; i < T; i++) ids[i] = int32_t(i * 7919 % V);
  {
    const ctx_mat y = b.matrix(T, H, dtype), x = b.matrix(T, H, dtype);
    b.run(name("add", "2048x384"), 0, 3 * size * th, [&] { return op->add(b.device, y, 0.5f, x); });
  }
  {
    const ctx_mat y = b.matrix(T, H, dtype), table = b.matrix(V, H);
    b.run(name("embed_forward", "2048x384"), 0, (4 + size) * th, [&] { return op->embed_forward(b.device, y, table, ids.data()); });
  }
  {
    const ctx_mat dy = b.matrix(T, H, dtype), table = b.matrix(V, H);
    b.run(name("embed_backward", "2048x384"), 0, (8 + size) * th, [&] { return op->embed_backward(b.device, table, dy, ids.data()); });
  }
  for (const bool residual : {false, true}) {
    const ctx_mat x = b.matrix(T, H, dtype), y = b.matrix(T, H, dtype), r = residual ? b.matrix(T, H, dtype) : ctx_mat{};
    float *w = b.floats(H), *rstd = b.floats(T);
    b.run(name(residual ? "rmsnorm_forward_residual" : "rmsnorm_forward", "2048x384"), 0, (residual ? 4 : 2) * size * th,
          [&] { return op->rmsnorm_forward(b.device, y, rstd, x, r, w, 1e-5f); });
  }
  {
    const ctx_mat x = b.matrix(T, H, dtype), dy = b.matrix(T, H, dtype), dx = b.matrix(T, H);
    float *w = b.floats(H), *dw = b.floats(H), *rstd = b.floats(T);
    b.run(name("rmsnorm_backward", "2048x384"), 0, (8 + 2 * size) * th, [&] { return op->rmsnorm_backward(b.device, dx, 1, dw, dy, x, rstd, w); });
  }
  {
    const ctx_mat x = b.matrix(T, H, dtype);
    float *cos = b.floats(T * 32), *sin = b.floats(T * 32);
    b.run(name("rope", "2048x384"), 0, 2 * size * th, [&] { return op->rope(b.device, x, 6, 64, cos, sin, 0); });
  }
  {
    const ctx_mat y = b.matrix(T, F, dtype), g = b.matrix(T, F, dtype), u = b.matrix(T, F, dtype);
    b.run(name("swiglu_forward", "2048x1024"), 0, 3 * size * tf, [&] { return op->swiglu_forward(b.device, y, g, u); });
  }
  {
    const ctx_mat y = b.matrix(T, F, dtype), g = b.matrix(T, F, dtype), u = b.matrix(T, F, dtype), dy = b.matrix(T, F, dtype);
    b.run(name("swiglu_backward", "2048x1024"), 0, 6 * size * tf, [&] { return op->swiglu_backward(b.device, g, u, y, dy); });
  }
}

} // namespace

void bench_elementwise(Bench &b) {
  const auto *op = b.backend;
  for (const ctx_dtype dtype : {CTX_F32, CTX_BF16}) bench_activations(b, dtype);
  for (const bool narrow : {false, true}) {
    const ctx_mat y = b.matrix(T, H, narrow ? CTX_BF16 : CTX_F32), x = b.matrix(T, H, narrow ? CTX_F32 : CTX_BF16);
    b.run(narrow ? "copy f32 to bf16 2048x384" : "copy bf16 to f32 2048x384", 0, 6.0 * T * H, [&] { return op->copy(b.device, y, x); });
  }
  {
    float *cos = b.floats(T * 32), *sin = b.floats(T * 32);
    const std::vector<double> inv_freq(32, 0.01);
    std::vector<int32_t> positions(T);
    for (int64_t i = 0; i < T; i++) positions[i] = int32_t(i);
    b.run("rope_table 2048x32", 0, 8.0 * T * 32, [&] { return op->rope_table(b.device, cos, sin, inv_freq.data(), 32, 1, positions.data(), T); });
  }
  for (const bool gradient : {false, true}) {
    const std::string name = gradient ? "cross_entropy_gradient 512x8192" : "cross_entropy 512x8192";
    if (!b.wants(name)) continue;
    const ctx_mat z = b.matrix(CHUNK, V);
    float *nll = b.floats(CHUNK), *w = b.floats(CHUNK);
    std::vector<int32_t> targets(CHUNK);
    for (int64_t i = 0; i < CHUNK; i++) targets[i] = int32_t(i * 7919 % V);
    b.run(name, 0, (gradient ? 8.0 : 4.0) * CHUNK * V, [&] { return op->cross_entropy(b.device, z, targets.data(), gradient ? w : nullptr, nll, nullptr); });
  }
  if (b.wants("sum_squares 14505600")) {
    const ctx_mat x = b.matrix(1, PARAMS);
    double sum;
    b.run("sum_squares 14505600", 0, 4.0 * PARAMS, [&] { return op->sum_squares(b.device, x, &sum); });
  }
  if (b.wants("adamw 14505600")) {
    float *p = b.floats(PARAMS), *m = b.floats(PARAMS), *v = b.floats(PARAMS), *g = b.floats(PARAMS);
    for (int64_t i = 0; i < PARAMS; i++) v[i] = 1e-4f;
    const ctx_adamw h = {1e-6f, 0.9f, 0.95f, 1e-8f, 0.1f, 1, 10};
    b.run("adamw 14505600", 0, 28.0 * PARAMS, [&] { return op->adamw(b.device, p, m, v, g, PARAMS, &h); });
  }
}
