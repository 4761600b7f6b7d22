// operations.h: the operations of ctx_backend.h as functions of a backend, one source file each, in the namespace that
// CTX_BACKEND_NAMESPACE names. Their meaning, shapes and units stand in ctx_backend.h.
#pragma once
#include "ctx_backend.h"

// What the table holds for an operation: itself, or what a backend wraps it into.
#if !defined(CTX_OPERATION)
#define CTX_OPERATION(f) f
#endif

namespace CTX_BACKEND_NAMESPACE {

// device
ctx_status create(int32_t index, int32_t threads, ctx_device **out);
void destroy(ctx_device *);
const char *last_error(ctx_device *);
void set_cancel(ctx_device *, const volatile int32_t *flag);
ctx_status alloc(ctx_device *, size_t bytes, void **out);
void release(ctx_device *, void *, size_t bytes);
ctx_status upload(ctx_device *, void *device, const void *host, size_t bytes);
ctx_status download(ctx_device *, void *host, const void *device, size_t bytes);
ctx_status synchronize(ctx_device *);
int64_t scratch(ctx_device *);

// transfers
ctx_status alloc_host(ctx_device *, size_t bytes, void **out);
void release_host(ctx_device *, void *, size_t bytes);
ctx_status transfer(ctx_device *, void *to, const void *from, size_t bytes, ctx_direction direction);
ctx_status transfer_from(ctx_device *, void *to, ctx_device *owner, const void *from, size_t bytes);
ctx_status add_on(ctx_device *, ctx_queue, float *sum, const float *x, int64_t numbers); // movement
ctx_status create_event(ctx_device *, ctx_event **out);
void destroy_event(ctx_event *);
ctx_status record(ctx_device *, ctx_queue, ctx_event *);
ctx_status wait(ctx_device *, ctx_queue, ctx_event *);
ctx_status await_event(ctx_event *, char *why, size_t room);

// movement
ctx_status zero(ctx_device *, ctx_mat x);
ctx_status copy(ctx_device *, ctx_mat dst, ctx_mat src);
ctx_status add(ctx_device *, ctx_mat y, float alpha, ctx_mat x);
ctx_status scale(ctx_device *, ctx_mat y, float alpha);

// bias
ctx_status add_row(ctx_device *, ctx_mat y, const float *row);
ctx_status sum_rows(ctx_device *, float *sum, ctx_mat x);

// gemm
ctx_status gemm(ctx_device *, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c);

// embedding
ctx_status embed_forward(ctx_device *, ctx_mat y, ctx_mat table, const int32_t *ids);
ctx_status embed_backward(ctx_device *, ctx_mat d_table, ctx_mat dy, const int32_t *ids);

// rmsnorm
ctx_status rmsnorm_forward(ctx_device *, ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps);
ctx_status rmsnorm_backward(ctx_device *, ctx_mat dx, int32_t accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w);

// rope
ctx_status rope_table(ctx_device *, float *cos, float *sin, const double *inv_freq, int32_t half, double attention_factor,
                      const int32_t *positions, int64_t tokens);
ctx_status rope(ctx_device *, ctx_mat x, int32_t heads, int32_t head_dim, const float *cos, const float *sin, int32_t inverse);

// attention (on the CPU attention.h declares these alone: its kernels have names of their own for zero and scale)
ctx_status attention_forward(ctx_device *, const ctx_attention *);
ctx_status attention_delta(ctx_device *, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim);
ctx_status attention_backward(ctx_device *, const ctx_attention_grad *);

// swiglu
ctx_status swiglu_forward(ctx_device *, ctx_mat y, ctx_mat gate, ctx_mat up);
ctx_status swiglu_backward(ctx_device *, ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy);

// cross_entropy
ctx_status cross_entropy(ctx_device *, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct);

// sum_squares, adamw
ctx_status sum_squares(ctx_device *, ctx_mat x, double *out);
ctx_status adamw(ctx_device *, float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw *h);

// Of a backend whose devices have memory and clocks of their own, and reach those of other processes.
struct OwnMemory {
  ctx_status (*device_info)(int32_t, ctx_device_info *) = nullptr;
  ctx_status (*free_memory)(int32_t, int64_t *, int64_t *) = nullptr;
  ctx_status (*create_timer)(ctx_device *, ctx_event **) = nullptr;
  ctx_status (*elapsed)(ctx_event *, ctx_event *, double *) = nullptr;
  const char *(*peers)(int32_t *) = nullptr;
  ctx_status (*peers_id)(uint8_t *) = nullptr;
  ctx_status (*join_peers)(ctx_device *, const uint8_t *, int32_t, int32_t, ctx_peers **) = nullptr;
  ctx_status (*pass_on)(ctx_device *, ctx_peers *, const void *, void *, size_t) = nullptr;
  ctx_status (*check_peers)(ctx_peers *, char *, size_t) = nullptr;
  void (*give_up_peers)(ctx_peers *) = nullptr;
  void (*leave_peers)(ctx_peers *) = nullptr;
};

// All of them as the table of a backend.
constexpr ctx_backend table_of(const char *name, int32_t (*score)(void), const char *(*problem)(void), OwnMemory own = {}) {
  return {
      .version = CTX_BACKEND_VERSION,
      .name = name,
      .score = score,
      .problem = problem,
      .device_info = own.device_info,
      .free_memory = own.free_memory,
      .create = create,
      .destroy = destroy,
      .last_error = last_error,
      .set_cancel = set_cancel,
      .alloc = CTX_OPERATION(alloc),
      .release = release,
      .upload = CTX_OPERATION(upload),
      .download = CTX_OPERATION(download),
      .synchronize = CTX_OPERATION(synchronize),
      .scratch = scratch,
      .alloc_host = CTX_OPERATION(alloc_host),
      .release_host = release_host,
      .transfer = CTX_OPERATION(transfer),
      .transfer_from = CTX_OPERATION(transfer_from),
      .add_on = CTX_OPERATION(add_on),
      .create_event = CTX_OPERATION(create_event),
      .create_timer = own.create_timer,
      .elapsed = own.elapsed,
      .destroy_event = destroy_event,
      .record = CTX_OPERATION(record),
      .wait = CTX_OPERATION(wait),
      .await_event = await_event,
      .peers = own.peers,
      .peers_id = own.peers_id,
      .join_peers = own.join_peers,
      .pass_on = own.pass_on,
      .check_peers = own.check_peers,
      .give_up_peers = own.give_up_peers,
      .leave_peers = own.leave_peers,
      .zero = CTX_OPERATION(zero),
      .copy = CTX_OPERATION(copy),
      .add = CTX_OPERATION(add),
      .scale = CTX_OPERATION(scale),
      .add_row = CTX_OPERATION(add_row),
      .sum_rows = CTX_OPERATION(sum_rows),
      .gemm = CTX_OPERATION(gemm),
      .embed_forward = CTX_OPERATION(embed_forward),
      .embed_backward = CTX_OPERATION(embed_backward),
      .rmsnorm_forward = CTX_OPERATION(rmsnorm_forward),
      .rmsnorm_backward = CTX_OPERATION(rmsnorm_backward),
      .rope_table = CTX_OPERATION(rope_table),
      .rope = CTX_OPERATION(rope),
      .attention_forward = CTX_OPERATION(attention_forward),
      .attention_delta = CTX_OPERATION(attention_delta),
      .attention_backward = CTX_OPERATION(attention_backward),
      .swiglu_forward = CTX_OPERATION(swiglu_forward),
      .swiglu_backward = CTX_OPERATION(swiglu_backward),
      .cross_entropy = CTX_OPERATION(cross_entropy),
      .sum_squares = CTX_OPERATION(sum_squares),
      .adamw = CTX_OPERATION(adamw),
  };
}

} // namespace CTX_BACKEND_NAMESPACE
