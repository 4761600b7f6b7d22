// attention_parts.h: the units of work into which attention.cc cuts a call. How much scratch each takes: scratch.h.
//
// defines: forward_units, forward_workspace, forward_unit, decode_*, backward_*, start_turns
#pragma once
#include <atomic>

#include "attention.h"
#include "device.h"

namespace ctx_cpu {

// attention_forward.cc: a block of query rows of some heads, all their keys.
int64_t forward_units(const ctx_attention &a);
void forward_unit(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work);

// attention_decode.cc: one query row; a segment of one key-value head's keys, all query heads that share it. Each unit leaves its partial
// results in `partials`, which decode_merge puts together in order.
int64_t decode_units(const ctx_attention &a);
void decode_unit(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work, float *partials);
void decode_merge(const ctx_attention &a, const float *partials);

// attention_backward.cc: a block of keys of one key-value head, all query rows that see them.
using Turn = std::atomic<int32_t>;
int64_t backward_terms(const ctx_attention &a); // numbers in a word of this call
int64_t backward_units(const ctx_attention &a);
void start_turns(const ctx_attention &a, Turn *turns);
void backward_unit(const ctx_device &device, const ctx_attention_grad &g, int64_t unit, float *work, Turn *turns);

} // namespace ctx_cpu
