// ctx_backend.h: everything a device must be able to do, as one C table of operations.
//
// A backend is a shared library that exports `const ctx_backend *ctx_backend_v1(void)`. The model in native/model is
// written once over this table; CPU variants (one per instruction set) and CUDA fill it in. The table knows nothing
// of recipes, JSON or RoPE methods: it takes numbers and buffers.
//
// Conventions
//   * Matrices are row-major. `ld` is the distance between rows in elements. Token-wise activations are [tokens, features].
//   * One flat sequence of N tokens per call. Rows of a batch and packed documents are the same thing: `start[i]` is the
//     index of the first token that token i may see. It never decreases, and start[i] <= i. A GPU takes that for granted: to find out, it
//     would have to wait for the answer.
//   * `+=` in a comment means that the operation adds to what is there.
//   * Matrices of activations and frozen weights may be fp32 or bf16, each for itself unless said otherwise; arithmetic is fp32 and what is stored as bf16
//     is rounded once, to nearest even. Those are every matrix of zero, copy, add, scale, gemm, embedding, rmsnorm, rope, swiglu,
//     and q, k, v (of one dtype), o and d_o of attention. Everything else is fp32.
//   * Every operation returns a ctx_status; `last_error(device)` then says what was wrong, with the shapes.
//   * Results do not depend on the number of threads: work may be cut by thread, sums may not.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CTX_BACKEND_VERSION 7

typedef enum {
  CTX_OK = 0,
  CTX_ERR_ARGUMENT = 1,  // shapes, dtypes or pointers that do not go together
  CTX_ERR_MEMORY = 2,    // an allocation failed
  CTX_ERR_DEVICE = 3,    // the device reported an error
  CTX_ERR_CANCELLED = 4, // the cancel flag was seen
  CTX_ERR_IO = 5         // a file could not be read or written
} ctx_status;

typedef enum { CTX_F32 = 0, CTX_BF16 = 1, CTX_F16 = 2 } ctx_dtype;

typedef struct ctx_device ctx_device; // a queue of operations and two of transfers: a thread pool, or three CUDA streams
typedef struct ctx_event ctx_event;   // a point in one of them
typedef struct ctx_peers ctx_peers;   // a device's end of a ring of devices that are other processes'

#define CTX_PEERS_ID 128 // bytes by which such a ring finds together

typedef enum { CTX_OPERATIONS = 0, CTX_INCOMING = 1, CTX_OUTGOING = 2 } ctx_queue; // of transfers: into the device's memory; into the host's
typedef enum { CTX_TO_DEVICE = 0, CTX_TO_HOST = 1, CTX_ON_DEVICE = 2 } ctx_direction;

// A device with memory of its own, as `ctx doctor` tells it.
typedef struct {
  char name[256];
  char bus[32];         // where it is plugged in: the same GPU under another number is told by it
  int64_t memory;       // bytes
  int32_t major, minor; // compute capability
  int32_t driver;       // 1000 major + 10 minor of the newest CUDA that the driver runs
} ctx_device_info;

// A view of a row-major matrix in device memory. ld >= cols, in elements.
typedef struct {
  void *data;
  int64_t rows, cols, ld;
  ctx_dtype dtype;
} ctx_mat;

// Attention over one contiguous block of queries and one contiguous block of keys (grouped-query, causal, documents).
//   S = scale * Q K^T;  P = softmax over visible keys;  O = P V;  lse = log sum exp S  (natural log, fp32)
// Query row i stands at sequence index q_index + i, key row j at k_index + j. Key j is visible to query i iff
//   start[i] <= k_index + j   and   (not causal or k_index + j <= q_index + i).
// start == NULL means 0 everywhere. Query head h reads key-value head h / (heads / kv_heads).
// A query that sees no key of this block gets O = 0 and lse = -inf.
// If q, k and v are bf16, P, dS and dO may be rounded to bf16 to be multiplied; the softmax, lse and all sums are fp32.
typedef struct {
  ctx_mat q;            // [q_rows, heads * head_dim]
  ctx_mat k, v;         // [k_rows, kv_heads * head_dim]
  ctx_mat o;            // [q_rows, heads * head_dim]; fp32 with merge
  float *lse;           // [heads][q_rows]
  int32_t heads, kv_heads, head_dim;
  float scale;          // above 0; usually 1 / sqrt(head_dim)
  int64_t q_index, k_index;
  const int32_t *start; // [q_rows], or NULL
  int32_t causal;
  int32_t merge;        // forward: o and lse hold an earlier block's result (O normalised); merge this block into it
} ctx_attention;

// Backward of one block. `delta[h][i] = sum_d dO[i,h,d] * O[i,h,d]` and lse are those of the whole row (all blocks merged).
// Adds into dq, dk, dv (fp32), so that blocks of a ring accumulate.
typedef struct {
  ctx_attention fwd;    // q, k, v, lse and geometry as in the forward; o, merge are not read
  ctx_mat d_o;          // [q_rows, heads * head_dim]
  const float *delta;   // [heads][q_rows]
  ctx_mat dq, dk, dv;   // fp32, +=
  int32_t any_order;    // 0: the same call gives the same bits. Else what is added to dq may be added in any order, where that is faster
} ctx_attention_grad;

// AdamW (Loshchilov & Hutter 2019, algorithm 2, decoupled decay), bias-corrected; `step` counts from 1.
typedef struct {
  float lr, beta1, beta2, eps, weight_decay;
  float grad_scale;     // multiplies every gradient first (gradient clipping)
  int64_t step;
} ctx_adamw;

typedef struct {
  int32_t version;      // CTX_BACKEND_VERSION
  const char *name;     // "cpu-avx512bf16", "cpu-avx512", "cpu-avx2", "cpu-portable", "cuda"
  int32_t (*score)(void); // 0: cannot run on this machine; otherwise the highest wins
  const char *(*problem)(void); // why score is 0; "" where it is not

  // ---- of a device with memory of its own; NULL: this one has none but the host's ----
  ctx_status (*device_info)(int32_t index, ctx_device_info *out);         // CTX_ERR_ARGUMENT: there are not so many
  ctx_status (*free_memory)(int32_t index, int64_t *free, int64_t *total); // bytes, whoever took the rest

  // ---- device and memory ----
  ctx_status (*create)(int32_t index, int32_t threads, ctx_device **out);  // index: of a device with memory of its own; others: 0
  void (*destroy)(ctx_device *);
  const char *(*last_error)(ctx_device *);
  void (*set_cancel)(ctx_device *, const volatile int32_t *flag); // polled between tiles; non-zero -> CTX_ERR_CANCELLED
  ctx_status (*alloc)(ctx_device *, size_t bytes, void **out);    // 64-byte aligned (CPU), zeroed
  void (*release)(ctx_device *, void *, size_t bytes);
  ctx_status (*upload)(ctx_device *, void *device, const void *host, size_t bytes);
  ctx_status (*download)(ctx_device *, void *host, const void *device, size_t bytes);
  ctx_status (*synchronize)(ctx_device *); // all queues are empty
  int64_t (*scratch)(ctx_device *); // bytes that the operations keep for themselves, beside alloc; from any thread. NULL: not counted

  // ---- transfers beside the operations ----
  // A device has three queues: of operations, of what comes into its memory, from the host's or another device's, and of what goes out to the
  // host's. A bus carries both directions at once, so that a piece may leave while the next one comes. Each queue is in order, and nothing else is:
  //   * Where two queues touch the same bytes, of the device or of the host, and one of them writes, the later one waits for an event that the
  //     earlier one recorded. That holds for a place that is left before something else comes there, and for bytes that come back.
  //   * What two transfers of one direction do needs no event between them; nor do two operations.
  // An event is recorded by the device that it was created for; any device of the backend may wait for it. Host memory must be that of alloc_host and stay as it is until then.
  ctx_status (*alloc_host)(ctx_device *, size_t bytes, void **out);        // page-locked where the device can reach into it
  void (*release_host)(ctx_device *, void *, size_t bytes);
  ctx_status (*transfer)(ctx_device *, void *to, const void *from, size_t bytes, ctx_direction direction); // enqueued on CTX_OUTGOING if to the host, else on CTX_INCOMING
  // From memory of another device of this process, by the shortest way that there is between the two: on CTX_INCOMING.
  ctx_status (*transfer_from)(ctx_device *, void *to, ctx_device *owner, const void *from, size_t bytes);
  // sum += x, of so many numbers in fp32, enqueued on the queue that is named: among transfers, what has come is added beside the operations.
  ctx_status (*add_on)(ctx_device *, ctx_queue, float *sum, const float *x, int64_t numbers);
  ctx_status (*create_event)(ctx_device *, ctx_event **out);
  ctx_status (*create_timer)(ctx_device *, ctx_event **out);               // an event that also tells when it came; NULL: all is done as it is asked for
  ctx_status (*elapsed)(ctx_event *from, ctx_event *to, double *seconds);  // between two timers of one device, which have come; NULL as create_timer
  void (*destroy_event)(ctx_event *);
  ctx_status (*record)(ctx_device *, ctx_queue, ctx_event *);              // comes when what is enqueued by now is done
  ctx_status (*wait)(ctx_device *, ctx_queue, ctx_event *);                // what is enqueued from now on begins after it, as it was last recorded
  // The calling thread waits until it has come, as it was last recorded, without keeping a core busy. Else why not, in `room` bytes. From any thread.
  ctx_status (*await_event)(ctx_event *, char *why, size_t room);

  // ---- a ring of devices, each of a process of its own; NULL: this backend knows none ----
  const char *(*peers)(int32_t *version);   // what carries it, and where that lies. *version is 0 where nothing does, and the words say why
  ctx_status (*peers_id)(uint8_t *id);      // CTX_PEERS_ID bytes, made by one rank for each ring; last_error(NULL)
  ctx_status (*join_peers)(ctx_device *, const uint8_t *id, int32_t rank, int32_t size, ctx_peers **out); // returns when all ranks have called
  // Enqueued on CTX_INCOMING: `bytes` to the next rank's `receive`, as many from the one before. It stands still until they have come so far.
  ctx_status (*pass_on)(ctx_device *, ctx_peers *, const void *send, void *receive, size_t bytes);
  ctx_status (*check_peers)(ctx_peers *, char *why, size_t room); // whether it goes on; else why not, in `room` bytes. From any thread
  void (*give_up_peers)(ctx_peers *);       // what is under way ends now, with whatever it has. From any thread, also while another calls pass_on
  void (*leave_peers)(ctx_peers *);         // the last call. Unless given up: by all ranks, and when nothing is under way

  // ---- plain data movement ----
  ctx_status (*zero)(ctx_device *, ctx_mat x);
  ctx_status (*copy)(ctx_device *, ctx_mat dst, ctx_mat src);                // also converts the dtype
  ctx_status (*add)(ctx_device *, ctx_mat y, float alpha, ctx_mat x);        // y += alpha x
  ctx_status (*scale)(ctx_device *, ctx_mat y, float alpha);                 // y *= alpha

  // ---- bias of a linear map; row and sum are [cols] ----
  ctx_status (*add_row)(ctx_device *, ctx_mat y, const float *row);          // every row of y += row
  ctx_status (*sum_rows)(ctx_device *, float *sum, ctx_mat x);               // sum += the sum of x's rows, same bits for any thread count

  // ---- matrix product: C = alpha op(A) op(B) + beta C;  op(A) is [M, K], op(B) [K, N], C [M, N] ----
  // If any of the three is bf16, A and B are rounded to bf16 first, so that hardware products of bf16 may be used; sums are fp32.
  ctx_status (*gemm)(ctx_device *, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c);

  // ---- embedding ----
  ctx_status (*embed_forward)(ctx_device *, ctx_mat y, ctx_mat table, const int32_t *ids);            // y[i] = table[ids[i]]
  ctx_status (*embed_backward)(ctx_device *, ctx_mat d_table, ctx_mat dy, const int32_t *ids);        // d_table[ids[i]] += dy[i]

  // ---- RMSNorm (Zhang & Sennrich 2019): y = x * rstd * w, rstd = 1 / sqrt(mean(x^2) + eps) ----
  // residual (may be {NULL}): x += residual first, in place, in the same pass over memory.
  ctx_status (*rmsnorm_forward)(ctx_device *, ctx_mat y, float *rstd, ctx_mat x, ctx_mat residual, const float *w, float eps);
  // dx += (accumulate) or = ; dw += (may be NULL).
  ctx_status (*rmsnorm_backward)(ctx_device *, ctx_mat dx, int32_t accumulate, float *dw, ctx_mat dy, ctx_mat x, const float *rstd, const float *w);

  // ---- RoPE (Su et al. 2021), half layout: pairs (x[i], x[i + head_dim/2]) ----
  // cos/sin[t][i] = attention_factor * cos/sin(positions[t] * inv_freq[i]); the angle is formed and reduced in float64.
  ctx_status (*rope_table)(ctx_device *, float *cos, float *sin, const double *inv_freq, int32_t half, double attention_factor,
                           const int32_t *positions, int64_t tokens);
  // In place on x [tokens, heads * head_dim]. inverse = 1 applies the transpose (the backward pass).
  ctx_status (*rope)(ctx_device *, ctx_mat x, int32_t heads, int32_t head_dim, const float *cos, const float *sin, int32_t inverse);

  // ---- attention ----
  ctx_status (*attention_forward)(ctx_device *, const ctx_attention *);
  ctx_status (*attention_delta)(ctx_device *, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim);
  ctx_status (*attention_backward)(ctx_device *, const ctx_attention_grad *);

  // ---- SwiGLU (Shazeer 2020): y = silu(gate) * up ----
  ctx_status (*swiglu_forward)(ctx_device *, ctx_mat y, ctx_mat gate, ctx_mat up);
  // gate and up are overwritten by their gradients; y (may be {NULL}) receives silu(gate) * up again for dW_down.
  ctx_status (*swiglu_backward)(ctx_device *, ctx_mat gate, ctx_mat up, ctx_mat y, ctx_mat dy);

  // ---- cross-entropy over a chunk of rows ----
  // nll[i] = lse(logits[i]) - logits[i][target[i]], 0 where target[i] < 0; correct[i] (may be NULL) = argmax is the target
  // (lowest index wins a tie). weights != NULL: logits are overwritten by weights[i] * (softmax - onehot), 0 where target[i] < 0.
  ctx_status (*cross_entropy)(ctx_device *, ctx_mat logits, const int32_t *targets, const float *weights, float *nll, uint8_t *correct);

  // ---- optimizer ----
  ctx_status (*sum_squares)(ctx_device *, ctx_mat x, double *out);           // *out = sum x^2, same bits for any thread count
  ctx_status (*adamw)(ctx_device *, float *param, float *m, float *v, const float *grad, int64_t n, const ctx_adamw *h);
} ctx_backend;

typedef const ctx_backend *(*ctx_backend_v1_fn)(void);

#ifdef __cplusplus
}
#endif
