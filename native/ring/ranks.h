// ranks.h: attention of a whole sequence in one call, on one device or on a ring of ranks that are threads of this process.
//
// defines: Sequence, SequenceGrad, attend, attend_backward
#pragma once
#include "ring.h"

namespace ctx {

// Dense fp32 buffers in token order. start[t]: the first token that t may see; NULL: 0 everywhere.
struct Sequence {
  int64_t tokens;
  int32_t heads, kv_heads, head_dim;
  float scale;
  bool causal;
  const int32_t *start; // [tokens] or NULL
  const float *q;       // [tokens, heads * head_dim]
  const float *k, *v;   // [tokens, kv_heads * head_dim]
  float *o;             // as q
  float *lse;           // [heads][tokens]
};

struct SequenceGrad {
  const float *d_o;     // as q
  float *dq, *dk, *dv;  // as q, k, v; overwritten
};

// How to carry it out. `threads` are divided among the ranks, each has at least one.
struct Ranks {
  const ctx_backend *backend;
  int world, threads;
  const volatile int32_t *cancel; // may be NULL
};

// Fills o and lse. Throws Failure.
void attend(const Ranks &ranks, const Sequence &sequence);

// Fills dq, dk, dv from the forward's o and lse. Throws Failure.
void attend_backward(const Ranks &ranks, const Sequence &sequence, const SequenceGrad &grad);

} // namespace ctx
