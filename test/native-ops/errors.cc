// errors.cc: wrong arguments and cancellation come back as a status and a message that names operation and shapes.
#include "harness.h"

void test_errors(Harness &h) {
  const auto *b = h.backend;
  std::vector<float> x(64, 1.0f), y(64), z(64);
  const auto mat = [](std::vector<float> &v, int64_t rows, int64_t cols) { return ctx_mat{v.data(), rows, cols, cols, CTX_F32}; };
  const auto bad = [&](const char *name, const char *words, std::function<ctx_status(ctx_device *)> call) { h.expect_status(name, CTX_ERR_ARGUMENT, words, call); };

  bad("error gemm shapes", "op(a) is 4 x 8, op(b) 7 x 4, c 4 x 4", [&](ctx_device *d) { return b->gemm(d, 0, 0, 1, mat(x, 4, 8), mat(y, 7, 4), 0, mat(z, 4, 4)); });
  bad("error gemm dtype", "fp32 or bf16", [&](ctx_device *d) { return b->gemm(d, 0, 0, 1, {x.data(), 4, 4, 4, CTX_F16}, mat(y, 4, 4), 0, mat(z, 4, 4)); });
  bad("error ld", "ld 3", [&](ctx_device *d) { return b->zero(d, {x.data(), 4, 4, 3, CTX_F32}); });
  bad("error null", "add: x", [&](ctx_device *d) { return b->add(d, mat(x, 4, 4), 1, {nullptr, 4, 4, 4, CTX_F32}); });
  bad("error copy", "dst is 4 x 4, src is 4 x 5", [&](ctx_device *d) { return b->copy(d, mat(x, 4, 4), mat(y, 4, 5)); });
  bad("error ids", "ids[1] is 9", [&](ctx_device *d) {
    const int32_t ids[] = {0, 9};
    return b->embed_forward(d, mat(x, 2, 4), mat(y, 8, 4), ids);
  });
  bad("error targets", "targets[0] is 4", [&](ctx_device *d) {
    const int32_t targets[] = {4};
    return b->cross_entropy(d, mat(x, 1, 4), targets, nullptr, y.data(), nullptr);
  });
  bad("error rope", "2 heads of even size 5", [&](ctx_device *d) { return b->rope(d, mat(x, 2, 10), 2, 5, y.data(), z.data(), 0); });
  bad("error adamw step", "step 0", [&](ctx_device *d) {
    const ctx_adamw hyper = {0.1f, 0.9f, 0.9f, 1e-8f, 0, 1, 0};
    return b->adamw(d, x.data(), y.data(), z.data(), x.data(), 4, &hyper);
  });
  h.expect_status("cancel gemm", CTX_ERR_CANCELLED, "cancelled", [&](ctx_device *d) {
    static const volatile int32_t flag = 1;
    b->set_cancel(d, &flag);
    return b->gemm(d, 0, 0, 1, mat(x, 8, 8), mat(y, 8, 8), 0, mat(z, 8, 8));
  });
  h.expect_status("alloc too much", CTX_ERR_MEMORY, "no memory", [&](ctx_device *d) {
    void *p;
    return b->alloc(d, size_t(1) << 60, &p);
  });
  // Memory comes aligned and zeroed, small and large.
  for (size_t bytes : {size_t(0), size_t(1), size_t(1000), size_t(5) << 20})
    h.expect(format("alloc %zu", bytes), 0, {0, 0}, [&](ctx_device *d, Output &out) {
      void *p = nullptr;
      h.ok(d, b->alloc(d, bytes, &p));
      out.add(float(uintptr_t(p) % 64));
      float sum = 0;
      for (size_t i = 0; i < bytes; i++) sum += static_cast<unsigned char *>(p)[i];
      out.add(sum);
      b->release(d, p, bytes);
    });
  ctx_device *none = nullptr;
  if (b->create(0, 0, &none) != CTX_ERR_ARGUMENT) h.expect("create with 0 threads is refused", 0, {1}, [](ctx_device *, Output &out) { out.add(0.0f); });
  for (const int32_t index : {-1, 1000})
    if (b->create(index, 1, &none) != CTX_ERR_ARGUMENT) h.expect("create on a device that is not there is refused", 0, {1}, [](ctx_device *, Output &out) { out.add(0.0f); });
}
