// operations.h: the operations of ctx_backend.h as functions of a backend, one source file each, in the namespace that
// CTX_BACKEND_NAMESPACE names. Their meaning, shapes and units stand in ctx_backend.h.
#pragma once
#include "ctx_backend.h"

namespace CTX_BACKEND_NAMESPACE {

// device
ctx_status create(int32_t threads, ctx_device **out);
void destroy(ctx_device *);
const char *last_error(ctx_device *);
void set_cancel(ctx_device *, const volatile int32_t *flag);
ctx_status alloc(ctx_device *, size_t bytes, void **out);
void release(ctx_device *, void *, size_t bytes);
ctx_status upload(ctx_device *, void *device, const void *host, size_t bytes);
ctx_status download(ctx_device *, void *host, const void *device, size_t bytes);
ctx_status synchronize(ctx_device *);
int64_t scratch(ctx_device *);

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

// swiglu
ctx_status swiglu_forward(ctx_device *, ctx_mat y, ctx_mat gate, ctx_mat up);
ctx_status swiglu_backward(ctx_device *, ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy);

// cross_entropy
ctx_status cross_entropy(ctx_device *, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct);

// sum_squares, adamw
ctx_status sum_squares(ctx_device *, ctx_mat x, double *out);
ctx_status adamw(ctx_device *, float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw *h);

} // namespace CTX_BACKEND_NAMESPACE
