// host_store.cc: layer inputs in the host's memory, page-locked where the device reaches into it. Transfers go beside the operations: one
// begins when what was enqueued before it is done, and `wait` holds up the operations that follow, not the thread that enqueues them.
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
      for (ctx_event *&event : done_) event = ops_.create_event();
      memory_ = static_cast<char *>(ops_.alloc_host(bytes_));
    } catch (const Failure &failure) {
      give_back();
      fail(failure.status, "offload: no room for %zu bytes of layer inputs: %s", bytes_, failure.what());
    }
  }
  ~HostStore() override { give_back(); }

  void begin() override {
    if (asked_ > 0) wait(asked_); // nothing of the last step writes into this one
  }
  int64_t put(int64_t slot, const void *from, size_t bytes) override { return move(memory_ + (size_t)slot * slot_bytes_, from, bytes, CTX_TO_HOST); }
  int64_t get(int64_t slot, void *to, size_t bytes) override { return move(to, memory_ + (size_t)slot * slot_bytes_, bytes, CTX_TO_DEVICE); }
  // Transfers are done in order: where the ticket's event serves a later one by now, that one is waited for.
  void wait(int64_t ticket) override { ops_.wait(CTX_OPERATIONS, event_of(ticket)); }

 private:
  const Ops &ops_;
  const size_t slot_bytes_;
  size_t bytes_ = 0;
  char *memory_ = nullptr;
  ctx_event *asked_for_ = nullptr;
  std::array<ctx_event *, 16> done_{}; // of the last transfers; few are ever waited for at once
  int64_t asked_ = 0;

  ctx_event *event_of(int64_t ticket) const { return done_[(size_t)ticket % done_.size()]; }

  int64_t move(void *to, const void *from, size_t bytes, ctx_direction direction) {
    ops_.record(CTX_OPERATIONS, asked_for_);
    ops_.wait(CTX_TRANSFERS, asked_for_);
    ops_.transfer(to, from, bytes, direction);
    ops_.record(CTX_TRANSFERS, event_of(++asked_));
    return asked_;
  }

  void give_back() {
    if (memory_) ops_.table->release_host(ops_.device, memory_, bytes_);
    for (ctx_event *event : done_)
      if (event) ops_.table->destroy_event(event);
    if (asked_for_) ops_.table->destroy_event(asked_for_);
  }
};

} // namespace

std::unique_ptr<CheckpointStore> host_store(const Ops &ops, int64_t slots, int64_t slot_bytes) { return std::make_unique<HostStore>(ops, slots, slot_bytes); }

} // namespace ctx
