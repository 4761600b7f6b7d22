// collectives.cc: see collectives.h.
#include "collectives.h"

#include <algorithm>

namespace ctx {
namespace {

constexpr int CHANNEL = 0;
constexpr size_t PIECE = size_t(64) << 20; // bytes of one transfer: those through host memory keep as much of it

// Of what `from` leaves, before what `to` goes on with.
void transfer(const Ops &ops, Transport &ring, const void *send, void *receive, size_t bytes, ctx_queue from, ctx_queue to) {
  ctx_status status = ring.start({*ops.table, ops.device, from}, CHANNEL, send, receive, bytes);
  if (status == CTX_OK) status = ring.wait({*ops.table, ops.device, to}, CHANNEL);
  if (status != CTX_OK) throw Failure(status, ring.error());
}

} // namespace

// In step t rank r sends share r - t - 1, which by then holds the sum of the t + 1 ranks up to r, and adds what arrives to share r - t - 2.
void reduce_scatter(const Ops &ops, Transport &ring, float *data, int64_t floats, float *scratch, int64_t room, ctx_queue goes_on) {
  const int ranks = ring.world(), r = ring.rank();
  for (int t = 0; t + 1 < ranks; t++) {
    room = std::min(room, int64_t(PIECE / sizeof(float)));
    const Share out(floats, ranks, (r - t - 1 + ranks) % ranks), in(floats, ranks, (r - t - 2 + 2 * ranks) % ranks);
    for (int64_t from = 0; from < out.size(); from += room) {
      const int64_t count = std::min(room, out.size() - from);
      transfer(ops, ring, data + out.begin + from, scratch, (size_t)count * sizeof(float), t == 0 ? CTX_OPERATIONS : goes_on, goes_on);
      ops.add_on(goes_on, data + in.begin + from, scratch, count);
    }
  }
}

// In step t rank r passes share r - t on and receives share r - t - 1. What is passed on has come by a transfer, but for the own share.
void all_gather(const Ops &ops, Transport &ring, void *data, size_t bytes, ctx_queue goes_on) {
  const int ranks = ring.world(), r = ring.rank();
  const auto part = [&](int rank) { return static_cast<char *>(data) + bytes * (size_t)((rank + ranks) % ranks); };
  for (int t = 0; t + 1 < ranks; t++)
    for (size_t from = 0; from < bytes; from += PIECE)
      transfer(ops, ring, part(r - t) + from, part(r - t - 1) + from, std::min(PIECE, bytes - from), t == 0 ? CTX_OPERATIONS : goes_on, goes_on);
}

} // namespace ctx
