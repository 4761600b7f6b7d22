// ring.h: attention over a sequence whose tokens lie on several ranks (ring attention, Liu et al. 2023, arXiv 2310.01889), exact, in
// zigzag order (zigzag.h). Every rank calls the same function with its own device, end of the ring and local rows.
//
//   forward   at step t attend to the keys and values of rank (r - t) mod P while they travel on; blocks merge by their log-sum-exp
//   backward  the same with the whole row's lse and delta; dK, dV travel with a lag of one step and are home after P hops
//
// Bytes sent by a rank, with a packet of 2 * local * kv_heads * head_dim numbers: forward P - 1 packets of K and V in their dtype,
// backward as many again and P packets of dK and dV in fp32.
// With one rank it is the plain operation, bit for bit. Results depend on the number of ranks by rounding alone, never on timing.
//
// defines: RingContext, RingAttention, RingAttentionGrad, ring_forward_workspace, ring_backward_workspace, ring_attention_forward,
//          ring_attention_backward
#pragma once
#include "transport.h"
#include "zigzag.h"

namespace ctx {

// A rank's place in the ring. world 1 needs no transport.
struct RingContext {
  int rank = 0, world = 1;
  Transport *transport = nullptr;
  std::string error; // why the last call failed
};

// All matrices hold the rank's local rows, zigzag_local(tokens, world, rank) of them: those of chunk `rank`, then those of chunk
// 2 * world - 1 - rank. q, k, v and o are all fp32 or all bf16.
struct RingAttention {
  int64_t tokens;       // of the whole sequence
  ctx_mat q;            // [local, heads * head_dim]
  ctx_mat k, v;         // [local, kv_heads * head_dim]
  ctx_mat o;            // [local, heads * head_dim], overwritten
  float *lse;           // heads * local numbers: [heads][rows of half 0], then [heads][rows of half 1]; world 1: [heads][local]
  int32_t heads, kv_heads, head_dim;
  float scale;          // usually 1 / sqrt(head_dim)
  const int32_t *start; // [local] index, in the whole sequence, of the first token that the row may see; NULL: 0
  int32_t causal;
  int32_t first_visible[2]; // start of the first row of each half, in host memory: what no row sees is left out. 0: nothing is
};

struct RingAttentionGrad {
  RingAttention fwd;    // as the forward left it; o and lse are read
  ctx_mat d_o;          // [local, heads * head_dim]
  ctx_mat dq, dk, dv;   // fp32, +=
  bool any_order;       // as in ctx_attention_grad: false gives the same bits every time
};

// Bytes of device memory (64-byte aligned) that the calls need besides their arguments.
// `dtype` is that of q, k, v and o.
size_t ring_forward_workspace(int64_t tokens, int world, int32_t heads, int32_t kv_heads, int32_t head_dim, ctx_dtype dtype = CTX_F32);
size_t ring_backward_workspace(int64_t tokens, int world, int32_t heads, int32_t kv_heads, int32_t head_dim, ctx_dtype dtype = CTX_F32);

// Status: that of the failing operation on the rank where it failed (CTX_ERR_CANCELLED included), CTX_ERR_DEVICE on all the others,
// with the cause in ring.error everywhere. A ring that has failed stays failed until LocalRing::reset.
ctx_status ring_attention_forward(const ctx_backend &backend, ctx_device *device, RingContext &ring, const RingAttention &call,
                                  void *workspace);
ctx_status ring_attention_backward(const ctx_backend &backend, ctx_device *device, RingContext &ring, const RingAttentionGrad &call,
                                   void *workspace);

} // namespace ctx
