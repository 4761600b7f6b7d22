// staged.cc: device memory from process to process through the host's. See passage.h.
//
// A transfer is a copy down, a message, a copy up. `start` waits until its bytes are in host memory, and so for what was enqueued before it;
// the message travels while the device computes what is enqueued after it, and `wait` enqueues the copy up, which events order.
#include <array>

#include "../model/ops.h"
#include "passage.h"

namespace ctx {
namespace {

class Staged final : public Passage {
 public:
  Staged(const ctx_ranks &ranks, ctx_group *group, const Queue &on, const std::string &why) : ranks(ranks), group(group), ops{&on.backend, on.device}, why(why) {
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
    ops.record(order, c.ready);
    ops.wait(CTX_TRANSFERS, c.ready);
    ops.transfer(c.leaving, send, bytes, CTX_TO_HOST);
    ops.synchronize(); // what arrived here last has been copied up by now, too
    told(ranks.start(group, channel, c.leaving, c.arriving, bytes));
    c.to = receive, c.bytes = bytes, c.under_way = true;
  }

  void wait(int channel, ctx_queue order) override {
    Channel &c = channels[(size_t)channel];
    told(ranks.wait(group, channel));
    c.under_way = false;
    ops.transfer(c.to, c.arriving, c.bytes, CTX_TO_DEVICE);
    ops.record(CTX_TRANSFERS, c.arrived);
    ops.wait(order, c.arrived);
  }

 private:
  struct Channel {
    void *leaving = nullptr, *arriving = nullptr; // of `room` bytes each
    size_t room = 0, bytes = 0;
    void *to = nullptr;
    bool under_way = false;
    ctx_event *ready = nullptr, *arrived = nullptr;
  };

  // Nothing is under way on the channel, but for a copy up, for which releasing waits.
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
      if (!c.under_way) release(c); // else the library still reads and writes it
      for (ctx_event *event : {c.ready, c.arrived})
        if (event) ops.table->destroy_event(event);
    }
  }
  void told(ctx_status status) const {
    if (status != CTX_OK) throw Failure(status, ranks.last_error());
  }

  const ctx_ranks &ranks;
  ctx_group *const group;
  const Ops ops;
  const std::string why;
  std::array<Channel, Transport::channels> channels{};
};

} // namespace

std::unique_ptr<Passage> staged_passage(const ctx_ranks &ranks, ctx_group *group, const Queue &on, const std::string &why) {
  return std::make_unique<Staged>(ranks, group, on, why);
}

} // namespace ctx
