// checkpoint_store.h: where saved layer inputs wait between forward and backward pass when the arena does not hold them: a
// file without a name (CPU), or the host's memory (a device with memory of its own). Slots of equal size; transfers run in
// the order they were asked for, beside the computation where the store can do that.
// defines: CheckpointStore, file_store, host_store
#pragma once
#include <memory>

#include "ops.h"

namespace ctx {

class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;
  // Ends what is under way and forgets its failures: a new step begins.
  virtual void begin() = 0;
  // Starts a transfer, of what the operations enqueued by now leave there, and returns its ticket. The memory must stay as it is until
  // `wait` for the ticket returns.
  virtual int64_t put(int64_t slot, const void *from, size_t bytes) = 0;
  virtual int64_t get(int64_t slot, void *to, size_t bytes) = 0;
  // Operations enqueued from now on find the transfer done. Throws a Failure when it, or one before it, failed.
  virtual void wait(int64_t ticket) = 0;
};

// A file in `folder` that no name points to, so that nothing is left behind however the process ends. All its blocks are
// allocated at once: a full disk is told here and never in the middle of a step. Its pages are written out and dropped as they
// come, so that they take no memory. Throws a Failure that names the folder, the size and the cause.
std::unique_ptr<CheckpointStore> file_store(const std::string &folder, int64_t slots, int64_t slot_bytes);

// Memory of the host; transfers go beside the device's operations. `ops` must outlive it.
std::unique_ptr<CheckpointStore> host_store(const Ops &ops, int64_t slots, int64_t slot_bytes);

} // namespace ctx
