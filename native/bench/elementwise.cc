// elementwise.cc: everything but matrix products and attention, at the sizes of a 15M-parameter Llama and 2048 tokens
// (hidden 384, intermediate 1024, vocabulary 8192, loss in chunks of 512 rows). GB/s of the bytes each must move at least.
#include "bench.h"

void bench_elementwise(Bench &b) {
  constexpr int64_t T = 2048, H = 384, F = 1024, V = 8192, CHUNK = 512, PARAMS = 14505600;
  const auto *op = b.backend;
  const double th = 4.0 * T * H, tf = 4.0 * T * F;
  std::vector<int32_t> ids(T), positions(T);
  for (int64_t i = 0; i < T; i++) {
    ids[i] = int32_t(i * 7919 % V);
    positions[i] = int32_t(i);
  }
  {
    ctx_mat y = b.matrix(T, H), x = b.matrix(T, H);
    b.run("add 2048x384", 0, 3 * th, [&] { return op->add(b.device, y, 0.5f, x); });
  }
  {
    ctx_mat y = b.matrix(T, H), x = b.matrix(T, H);
    y.dtype = CTX_BF16;
    b.run("copy f32 to bf16 2048x384", 0, 1.5 * th, [&] { return op->copy(b.device, y, x); });
  }
  {
    ctx_mat y = b.matrix(T, H), x = b.matrix(T, H);
    x.dtype = CTX_BF16;
    b.run("copy bf16 to f32 2048x384", 0, 1.5 * th, [&] { return op->copy(b.device, y, x); });
  }
  {
    ctx_mat y = b.matrix(T, H), table = b.matrix(V, H);
    b.run("embed_forward 2048x384", 0, 2 * th, [&] { return op->embed_forward(b.device, y, table, ids.data()); });
  }
  {
    ctx_mat dy = b.matrix(T, H), table = b.matrix(V, H);
    b.run("embed_backward 2048x384", 0, 3 * th, [&] { return op->embed_backward(b.device, table, dy, ids.data()); });
  }
  {
    ctx_mat x = b.matrix(T, H), y = b.matrix(T, H);
    float *w = b.floats(H), *rstd = b.floats(T);
    b.run("rmsnorm_forward 2048x384", 0, 2 * th, [&] { return op->rmsnorm_forward(b.device, y, rstd, x, {}, w, 1e-5f); });
  }
  {
    ctx_mat x = b.matrix(T, H), dy = b.matrix(T, H), dx = b.matrix(T, H);
    float *w = b.floats(H), *dw = b.floats(H), *rstd = b.floats(T);
    b.run("rmsnorm_backward 2048x384", 0, 3 * th, [&] { return op->rmsnorm_backward(b.device, dx, 0, dw, dy, x, rstd, w); });
  }
  {
    float *cos = b.floats(T * 32), *sin = b.floats(T * 32);
    std::vector<double> inv_freq(32, 0.01);
    b.run("rope_table 2048x32", 0, 8.0 * T * 32, [&] { return op->rope_table(b.device, cos, sin, inv_freq.data(), 32, 1, positions.data(), T); });
  }
  {
    ctx_mat x = b.matrix(T, H);
    float *cos = b.floats(T * 32), *sin = b.floats(T * 32);
    b.run("rope 2048x384", 0, 2 * th, [&] { return op->rope(b.device, x, 6, 64, cos, sin, 0); });
  }
  {
    ctx_mat y = b.matrix(T, F), g = b.matrix(T, F), u = b.matrix(T, F);
    b.run("swiglu_forward 2048x1024", 0, 3 * tf, [&] { return op->swiglu_forward(b.device, y, g, u); });
  }
  {
    ctx_mat y = b.matrix(T, F), g = b.matrix(T, F), u = b.matrix(T, F), dy = b.matrix(T, F);
    b.run("swiglu_backward 2048x1024", 0, 6 * tf, [&] { return op->swiglu_backward(b.device, g, u, y, dy); });
  }
  for (bool gradient : {false, true}) {
    ctx_mat z = b.matrix(CHUNK, V);
    float *nll = b.floats(CHUNK), *w = b.floats(CHUNK);
    b.run(gradient ? "cross_entropy_gradient 512x8192" : "cross_entropy 512x8192", 0, (gradient ? 8.0 : 4.0) * CHUNK * V,
          [&] { return op->cross_entropy(b.device, z, ids.data(), gradient ? w : nullptr, nll, nullptr); });
  }
  {
    ctx_mat x = b.matrix(1, PARAMS);
    double sum;
    b.run("sum_squares 14505600", 0, 4.0 * PARAMS, [&] { return op->sum_squares(b.device, x, &sum); });
  }
  {
    float *p = b.floats(PARAMS), *m = b.floats(PARAMS), *v = b.floats(PARAMS), *g = b.floats(PARAMS);
    for (int64_t i = 0; i < PARAMS; i++) v[i] = 1e-4f;
    const ctx_adamw h = {1e-6f, 0.9f, 0.95f, 1e-8f, 0.1f, 1, 10};
    b.run("adamw 14505600", 0, 28.0 * PARAMS, [&] { return op->adamw(b.device, p, m, v, g, PARAMS, &h); });
  }
}
