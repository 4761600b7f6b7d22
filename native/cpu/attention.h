// attention.h: flash attention on the CPU (FlashAttention-2: Dao 2023, arXiv 2307.08691), over the contract of ctx_attention. S, the softmax,
// lse and all sums are fp32. Where the CPU multiplies bf16 in pairs (words.h), bf16 queries, keys and values are multiplied so, and P, dS
// and dO are rounded for it; elsewhere bf16 numbers are widened as their tiles are packed, and nothing is rounded.
//
// For query row i, with the keys j that it may see (documents: start; causality: indices):
//
//   s_ij = scale * q_i . k_j      p_ij = exp(s_ij - lse_i)      o_i = sum_j p_ij v_j      lse_i = log sum_j exp(s_ij)
//
//   dv_j += sum_i p_ij do_i       ds_ij = p_ij (do_i . v_j - delta_i)       delta_i = do_i . o_i
//   dq_i += scale sum_j ds_ij k_j                dk_j += scale sum_i ds_ij q_i
//
// Per visible pair (i, j): 4 head_dim FLOPs forward, 10 backward (S is formed again). Nothing of size T x T exists: tiles of S live
// in the caches (attention_tile.h), so memory grows with T only by a counter for every 96 query rows of a head (scratch.h).
//
// Where it is:  attention_forward.cc  attention_backward.cc  attention_decode.cc (one query row)  attention.cc (checks, threads)
//
// defines: attention_forward, attention_backward, attention_delta
#pragma once
#include "../include/ctx_backend.h"

namespace ctx_cpu {

ctx_status attention_forward(ctx_device *, const ctx_attention *);
ctx_status attention_delta(ctx_device *, float *delta, ctx_mat d_o, ctx_mat o, int32_t heads, int32_t head_dim);
ctx_status attention_backward(ctx_device *, const ctx_attention_grad *);

} // namespace ctx_cpu
