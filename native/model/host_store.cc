// host_store.cc: layer inputs in the host's memory. Transfers are done when they return.
#include <sys/mman.h>

#include "checkpoint_store.h"

namespace ctx {
namespace {

class HostStore : public CheckpointStore {
 public:
  HostStore(const Ops &ops, int64_t slots, int64_t slot_bytes) : ops_(ops), slot_bytes_((size_t)slot_bytes) {
    if (__builtin_mul_overflow((size_t)slots, slot_bytes_, &bytes_)) fail(CTX_ERR_MEMORY, "offload: layer inputs do not fit in the host's memory");
    void *memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail(CTX_ERR_MEMORY, "offload: no memory for %zu bytes of layer inputs", bytes_);
    memory_ = static_cast<char *>(memory);
  }
  ~HostStore() override { ::munmap(memory_, bytes_); }

  void begin() override {}
  int64_t put(int64_t slot, const void *from, size_t bytes) override {
    ops_.download(memory_ + (size_t)slot * slot_bytes_, from, bytes);
    return 0;
  }
  int64_t get(int64_t slot, void *to, size_t bytes) override {
    ops_.upload(to, memory_ + (size_t)slot * slot_bytes_, bytes);
    return 0;
  }
  void wait(int64_t) override {}

 private:
  const Ops &ops_;
  const size_t slot_bytes_;
  size_t bytes_ = 0;
  char *memory_ = nullptr;
};

} // namespace

std::unique_ptr<CheckpointStore> host_store(const Ops &ops, int64_t slots, int64_t slot_bytes) { return std::make_unique<HostStore>(ops, slots, slot_bytes); }

} // namespace ctx
