// host_store.cc: layer inputs in the host's memory, page-locked where the device reaches into it. Transfers go beside the operations: one
// begins when what was enqueued before it is done, and `wait` holds up the operations that follow, not the thread that enqueues them. What goes
// out and what comes in has a queue each; in forward pass and backward pass only one of them is busy, and neither delays a ring's transfers of the
// other direction.
#include <array>

#include "checkpoint_store.h"

namespace ctx {
namespace {

class HostStore : public CheckpointStore {
 public:
  HostStore(const Ops &ops, int64_t slots, int64_t slot_bytes) : ops_(ops), slot_bytes_((size_t)slot_bytes) {
    if (__builtin_mul_overflow((size_t)slots, slot_bytes_, &bytes_)) fail(CTX_ERR_MEMORY, "offload: layer inputs do not fit in the host's memory");
    try {
      asked_for_ = ops_.create_event();
      for (auto &events : done_)
        for (ctx_event *&event : events) event = ops_.create_event();
      memory_ = static_cast<char *>(ops_.alloc_host(bytes_));
    } catch (const Failure &failure) {
      give_back();
      fail(failure.status, "offload: no room for %zu bytes of layer inputs: %s", bytes_, failure.what());
    }
  }
  ~HostStore() override { give_back(); }

  void begin() override {
    for (const ctx_direction direction : {CTX_TO_DEVICE, CTX_TO_HOST}) wait(last(direction)); // nothing of the last step reads or writes beside this one
  }
  int64_t put(int64_t slot, const void *from, size_t bytes) override { return move(memory_ + (size_t)slot * slot_bytes_, from, bytes, CTX_TO_HOST, CTX_OUTGOING); }
  int64_t get(int64_t slot, void *to, size_t bytes) override {
    ops_.wait(CTX_INCOMING, event_of(last(CTX_TO_HOST))); // the slot was put by then, and a place that it left is free
    return move(to, memory_ + (size_t)slot * slot_bytes_, bytes, CTX_TO_DEVICE, CTX_INCOMING);
  }
  // Those of a direction are done in order: where the ticket's event serves a later one by now, that one is waited for.
  void wait(int64_t ticket) override { ops_.wait(CTX_OPERATIONS, event_of(ticket)); }

 private:
  const Ops &ops_;
  const size_t slot_bytes_;
  size_t bytes_ = 0;
  char *memory_ = nullptr;
  ctx_event *asked_for_ = nullptr;
  static constexpr int64_t EVENTS = 16; // of a direction's last transfers; few are ever waited for at once
  std::array<std::array<ctx_event *, EVENTS>, 2> done_{};
  std::array<int64_t, 2> asked_{}; // transfers of each direction

  // A ticket is twice the transfer's number in its direction, and the direction.
  static_assert(CTX_TO_DEVICE == 0 && CTX_TO_HOST == 1);
  int64_t last(ctx_direction direction) const { return 2 * asked_[(size_t)direction] + direction; }
  ctx_event *event_of(int64_t ticket) const { return done_[(size_t)ticket % 2][(size_t)(ticket / 2 % EVENTS)]; }

  int64_t move(void *to, const void *from, size_t bytes, ctx_direction direction, ctx_queue queue) {
    ops_.order(CTX_OPERATIONS, queue, asked_for_);
    ops_.transfer(to, from, bytes, direction);
    asked_[(size_t)direction]++;
    ops_.record(queue, event_of(last(direction)));
    return last(direction);
  }

  void give_back() {
    if (memory_) ops_.table->release_host(ops_.device, memory_, bytes_);
    for (const auto &events : done_)
      for (ctx_event *event : events)
        if (event) ops_.table->destroy_event(event);
    if (asked_for_) ops_.table->destroy_event(asked_for_);
  }
};

} // namespace

std::unique_ptr<CheckpointStore> host_store(const Ops &ops, int64_t slots, int64_t slot_bytes) { return std::make_unique<HostStore>(ops, slots, slot_bytes); }

} // namespace ctx
