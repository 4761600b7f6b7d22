// collectives.h: sums and gatherings over the ranks of a ring, made of its transfers. The order of a sum depends on the number of
// ranks alone, never on timing.
//
//   reduce_scatter   rank r ends with its share of the sum over all ranks; the other shares hold partial sums
//   all_gather       every rank ends with every rank's share
//
// Bytes sent by a rank, each: (P - 1) / P of the buffer (Patarasuk & Yuan 2009: the least possible).
//
// defines: Share, reduce_scatter, all_gather
#pragma once
#include "../model/ops.h"
#include "transport.h"

namespace ctx {

// Rank r's part of `floats` numbers, which divide evenly: [begin, end).
struct Share {
  int64_t begin, end;
  Share(int64_t floats, int ranks, int r) : begin(floats / ranks * r), end(floats / ranks * (r + 1)) {}
  int64_t size() const { return end - begin; }
};

// Both take what operations have left. Who goes on by operations finds the result; with `goes_on` CTX_INCOMING they don't wait for it, but for an
// event that is recorded on that queue.

// `data` [floats]: summed over the ranks. `scratch` holds what arrives, up to `room` numbers at a time.
void reduce_scatter(const Ops &ops, Transport &ring, float *data, int64_t floats, float *scratch, int64_t room, ctx_queue goes_on = CTX_OPERATIONS);

// `data`: `bytes` of each rank, one rank after the other; each has filled its own.
void all_gather(const Ops &ops, Transport &ring, void *data, size_t bytes, ctx_queue goes_on = CTX_OPERATIONS);

} // namespace ctx
