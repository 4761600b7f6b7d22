// staged.cc: device memory from process to process through the host's. See passage.h.
//
// A transfer goes in pieces, each a copy down, a message and a copy up, and three pieces are under way at once:
//
//   outgoing     down 0 | down 1    | down 2    | down 3 …                  enqueued by `start`, after the operations before it
//   messages              message 0 | message 1 | message 2 …               begun by `wait`, which waits for each piece and no longer
//   incoming                          up 0      | up 1      | up 2 …        enqueued by `wait`; operations after it begin after the last
//
// Operations enqueued between `start` and `wait` are computed beside all of it, by a device whose operations are enqueued and not waited for: the
// host is free to go on to `wait` at once. Where nothing is enqueued between (sums of gradients, weights that are handed on) the slowest of the three
// ways is what it takes, and a piece of each other. Messages are begun by the thread that calls, as all of a rank are: MPI's own thread sees to
// them (native/mpi), with the least thread support that an MPI can have.
#include <algorithm>
#include <array>
#include <vector>

#include "../model/ops.h"
#include "passage.h"

namespace ctx {
namespace {

class Staged final : public Passage {
 public:
  Staged(const ctx_ranks &ranks, ctx_group *group, const Queue &on, const std::string &why, size_t piece)
      : ranks(ranks), group(group), ops{&on.backend, on.device}, why(why), piece(piece) {
    try {
      for (Channel &c : channels) c.ready = ops.create_event(), c.arrived = ops.create_event();
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~Staged() override { give_back(); }

  std::string way() const override { return "through the hosts' memory, which is slower: " + why; }

  void start(int channel, const void *send, void *receive, size_t bytes, ctx_queue order) override {
    Channel &c = channels[(size_t)channel];
    grow(c, bytes);
    c.to = receive, c.bytes = bytes;
    c.size = (std::max(piece, (bytes + MOST - 1) / MOST) + 63) / 64 * 64;
    while (c.down.size() < pieces(c)) c.down.push_back(ops.create_event());
    ops.record(order, c.ready);
    for (const ctx_queue queue : {CTX_OUTGOING, CTX_INCOMING}) ops.wait(queue, c.ready);
    for (size_t i = 0; i < pieces(c); i++) {
      ops.transfer(at(c.leaving, c, i), at(send, c, i), bytes_of(c, i), CTX_TO_HOST);
      ops.record(CTX_OUTGOING, c.down[i]);
    }
  }

  void wait(int channel, ctx_queue order) override {
    Channel &c = channels[(size_t)channel];
    ops.await(c.arrived); // what came here last has been copied up
    for (size_t i = 0; i < pieces(c); i++) {
      ops.await(c.down[i]);
      told(ranks.start(group, message(channel, i), at(c.leaving, c, i), at(c.arriving, c, i), bytes_of(c, i)));
      c.under_way++;
      if (i > 0) take_up(channel, i - 1);
    }
    if (pieces(c) > 0) take_up(channel, pieces(c) - 1);
    ops.order(CTX_INCOMING, order, c.arrived);
  }

 private:
  static constexpr size_t MOST = 64; // pieces of a transfer

  struct Channel {
    void *leaving = nullptr, *arriving = nullptr; // of `room` bytes each
    size_t room = 0, bytes = 0, size = 1;         // size: of a piece, the last may be smaller
    void *to = nullptr;
    int under_way = 0; // messages
    ctx_event *ready = nullptr, *arrived = nullptr;
    std::vector<ctx_event *> down; // of each piece
  };

  static size_t pieces(const Channel &c) { return (c.bytes + c.size - 1) / c.size; }
  static size_t bytes_of(const Channel &c, size_t i) { return std::min(c.size, c.bytes - i * c.size); }
  static void *at(void *memory, const Channel &c, size_t i) { return static_cast<char *>(memory) + i * c.size; }
  static const void *at(const void *memory, const Channel &c, size_t i) { return static_cast<const char *>(memory) + i * c.size; }
  // The library's channel: pieces take two of its four in turns.
  static int message(int channel, size_t i) { return channel + Transport::channels * (int)(i % 2); }

  void take_up(int channel, size_t i) {
    Channel &c = channels[(size_t)channel];
    told(ranks.wait(group, message(channel, i)));
    c.under_way--;
    ops.transfer(at(c.to, c, i), at(c.arriving, c, i), bytes_of(c, i), CTX_TO_DEVICE);
  }

  // Nothing is under way on the channel, but for copies up, for which releasing waits.
  void grow(Channel &c, size_t bytes) {
    if (bytes <= c.room) return;
    release(c);
    c.leaving = ops.alloc_host(bytes);
    c.room = bytes;
    c.arriving = ops.alloc_host(bytes);
  }
  void release(Channel &c) {
    for (void **memory : {&c.leaving, &c.arriving}) {
      if (*memory) ops.table->release_host(ops.device, *memory, c.room);
      *memory = nullptr;
    }
    c.room = 0;
  }
  void give_back() {
    for (Channel &c : channels) {
      if (c.under_way == 0) release(c); // else the library still reads and writes it
      for (ctx_event *event : {c.ready, c.arrived})
        if (event) ops.table->destroy_event(event);
      for (ctx_event *event : c.down) ops.table->destroy_event(event);
    }
  }
  void told(ctx_status status) const {
    if (status != CTX_OK) throw Failure(status, ranks.last_error());
  }

  const ctx_ranks &ranks;
  ctx_group *const group;
  const Ops ops;
  const std::string why;
  const size_t piece;
  std::array<Channel, Transport::channels> channels{};
};

} // namespace

std::unique_ptr<Passage> staged_passage(const ctx_ranks &ranks, ctx_group *group, const Queue &on, const std::string &why, size_t piece) {
  return std::make_unique<Staged>(ranks, group, on, why, piece);
}

} // namespace ctx
