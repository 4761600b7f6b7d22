// ops.h: the backend's table of operations as methods that throw, and views of matrices, so that the model's code reads
// like the formulas.
// defines: Ops, matrix, behind, rows, cols
#pragma once
#include "../include/dtype.h"
#include "failure.h"

namespace ctx {

// A dense matrix [rows, cols] at `data`; fp32 unless said otherwise.
inline ctx_mat matrix(void *data, int64_t rows, int64_t cols, ctx_dtype dtype = CTX_F32) { return {data, rows, cols, cols, dtype}; }
// x from element `from` on.
inline ctx_mat behind(ctx_mat x, int64_t from) {
  x.data = static_cast<char *>(x.data) + from * size_of(x.dtype);
  return x;
}
// Rows [from, from + count) of x.
inline ctx_mat rows(ctx_mat x, int64_t from, int64_t count) {
  x = behind(x, from * x.ld);
  x.rows = count;
  return x;
}
// Columns [from, from + count) of x.
inline ctx_mat cols(ctx_mat x, int64_t from, int64_t count) {
  x = behind(x, from);
  x.cols = count;
  return x;
}
inline float *floats(ctx_mat x) { return static_cast<float *>(x.data); }
constexpr ctx_mat no_matrix = {nullptr, 0, 0, 0, CTX_F32};

// One device and its operations; see ctx_backend.h for what each does. Not owned.
struct Ops {
  const ctx_backend *table = nullptr;
  ctx_device *device = nullptr;

  void check(ctx_status status, const char *operation) const {
    if (status == CTX_OK) return;
    if (status == CTX_ERR_CANCELLED) throw Failure(status, "cancelled");
    const char *why = table->last_error(device);
    throw Failure(status, std::string(operation) + ": " + (why && *why ? why : "the device gave no reason"));
  }

  void *alloc(size_t bytes) const {
    void *memory = nullptr;
    check(table->alloc(device, bytes, &memory), "alloc");
    return memory;
  }
  void upload(void *to, const void *from, size_t bytes) const { check(table->upload(device, to, from, bytes), "upload"); }
  void download(void *to, const void *from, size_t bytes) const { check(table->download(device, to, from, bytes), "download"); }

  void synchronize() const { check(table->synchronize(device), "synchronize"); }

  void *alloc_host(size_t bytes) const {
    void *memory = nullptr;
    check(table->alloc_host(device, bytes, &memory), "alloc_host");
    return memory;
  }
  void transfer(void *to, const void *from, size_t bytes, ctx_direction direction) const { check(table->transfer(device, to, from, bytes, direction), "transfer"); }
  void add_on(ctx_queue queue, float *sum, const float *x, int64_t numbers) const { check(table->add_on(device, queue, sum, x, numbers), "add_on"); }
  ctx_event *create_event() const {
    ctx_event *event = nullptr;
    check(table->create_event(device, &event), "create_event");
    return event;
  }
  void record(ctx_queue queue, ctx_event *event) const { check(table->record(device, queue, event), "record"); }
  void wait(ctx_queue queue, ctx_event *event) const { check(table->wait(device, queue, event), "wait"); }
  // `later` goes on when `earlier` has done what it has by now; through `event`, which nothing else may still need.
  void order(ctx_queue earlier, ctx_queue later, ctx_event *event) const {
    record(earlier, event);
    wait(later, event);
  }
  void await(ctx_event *event) const {
    char why[512] = "";
    if (const ctx_status status = table->await_event(event, why, sizeof why)) throw Failure(status, std::string("await_event: ") + why);
  }

  void zero(ctx_mat x) const { check(table->zero(device, x), "zero"); }
  void copy(ctx_mat to, ctx_mat from) const { check(table->copy(device, to, from), "copy"); }
  void add(ctx_mat y, float alpha, ctx_mat x) const { check(table->add(device, y, alpha, x), "add"); }

  void add_row(ctx_mat y, const float *row) const { check(table->add_row(device, y, row), "add_row"); }
  void sum_rows(float *sum, ctx_mat x) const { check(table->sum_rows(device, sum, x), "sum_rows"); }

  // c = alpha a b + beta c, and with one side transposed
  void matmul(ctx_mat c, ctx_mat a, ctx_mat b, float alpha = 1, float beta = 0) const { gemm(0, 0, alpha, a, b, beta, c); }
  void matmul_nt(ctx_mat c, ctx_mat a, ctx_mat b, float alpha = 1, float beta = 0) const { gemm(0, 1, alpha, a, b, beta, c); }
  void matmul_tn(ctx_mat c, ctx_mat a, ctx_mat b, float alpha = 1, float beta = 0) const { gemm(1, 0, alpha, a, b, beta, c); }

  void embed_forward(ctx_mat y, ctx_mat matrix, const int32_t *ids) const {
    check(table->embed_forward(device, y, matrix, ids), "embed_forward");
  }
  void embed_backward(ctx_mat d_matrix, ctx_mat dy, const int32_t *ids) const {
    check(table->embed_backward(device, d_matrix, dy, ids), "embed_backward");
  }
  void rmsnorm(ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps) const {
    check(table->rmsnorm_forward(device, y, rstd, x, residual, w, eps), "rmsnorm_forward");
  }
  void rmsnorm_backward(ctx_mat dx, bool accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w) const {
    check(table->rmsnorm_backward(device, dx, accumulate, dw, dy, x, rstd, w), "rmsnorm_backward");
  }
  void rope_table(float *cos, float *sin, const double *inv_freq, int64_t half, double factor, const int32_t *positions, int64_t n) const {
    check(table->rope_table(device, cos, sin, inv_freq, (int32_t)half, factor, positions, n), "rope_table");
  }
  void rope(ctx_mat x, int64_t heads, int64_t head_dim, const float *cos, const float *sin, bool inverse) const {
    check(table->rope(device, x, (int32_t)heads, (int32_t)head_dim, cos, sin, inverse), "rope");
  }
  void attention_forward(const ctx_attention &a) const { check(table->attention_forward(device, &a), "attention_forward"); }
  void attention_delta(float *delta, ctx_mat d_o, ctx_mat o, int64_t heads, int64_t head_dim) const {
    check(table->attention_delta(device, delta, d_o, o, (int32_t)heads, (int32_t)head_dim), "attention_delta");
  }
  void attention_backward(const ctx_attention_grad &a) const { check(table->attention_backward(device, &a), "attention_backward"); }
  void swiglu(ctx_mat y, ctx_mat gate, ctx_mat up) const { check(table->swiglu_forward(device, y, gate, up), "swiglu_forward"); }
  void swiglu_backward(ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy) const {
    check(table->swiglu_backward(device, gate, up, y, dy), "swiglu_backward");
  }
  void cross_entropy(ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct) const {
    check(table->cross_entropy(device, logits, targets, weights, nll, correct), "cross_entropy");
  }
  double sum_squares(ctx_mat x) const {
    double sum = 0;
    check(table->sum_squares(device, x, &sum), "sum_squares");
    return sum;
  }
  void adamw(float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw &h) const {
    check(table->adamw(device, param, m, v, grad, n, &h), "adamw");
  }

 private:
  void gemm(int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c) const {
    check(table->gemm(device, trans_a, trans_b, alpha, a, b, beta, c), "gemm");
  }
};

} // namespace ctx
