// local_ring.cc: ranks as threads of one process. See transport.h.
#include "transport.h"

#include <condition_variable>
#include <mutex>
#include <vector>

namespace ctx {

namespace {

// What a rank has put out for rank + 1. `posted` and `taken` count transfers; the buffer is the sender's own while they are equal.
struct Mailbox {
  ctx_device *device = nullptr; // the sender's
  const void *data = nullptr;
  size_t bytes = 0;
  uint64_t posted = 0, taken = 0;
  bool copying = false; // the receiver reads the buffer at this moment, so nobody may return to who owns it, not even with an error
  ctx_event *ready = nullptr, *copied = nullptr; // the sender's operations have come to it; the receiver's copy is done
};

} // namespace

struct LocalRing::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Mailbox> boxes; // [rank][channel]
  std::string error;
  explicit Shared(int world) : boxes(world * Transport::channels) {}
};

class LocalRing::End final : public Transport {
public:
  End(Shared &shared, int rank, int world) : shared(shared), rank_(rank), world_(world) {}
  ~End() override {
    for (ctx_event *event : ready_)
      if (event) destroy_event_(event);
    for (ctx_event *event : copied_)
      if (event) destroy_event_(event);
  }

  int rank() const override { return rank_; }
  int world() const override { return world_; }

  ctx_status start(const Queue &on, int channel, const void *send, void *receive, size_t bytes) override {
    std::unique_lock lock(shared.mutex);
    if (!shared.error.empty()) return failed(lock);
    if (!done(on, prepare(on, channel)) || !done(on, on.backend.record(on.device, on.order, ready_[channel]))) return failed(lock);
    Mailbox &mine = box(rank_, channel);
    mine.device = on.device;
    mine.data = send;
    mine.bytes = bytes;
    mine.ready = ready_[channel];
    mine.posted++;
    into[channel] = receive;
    shared.changed.notify_all();
    return CTX_OK;
  }

  ctx_status wait(const Queue &on, int channel) override {
    Mailbox &mine = box(rank_, channel), &theirs = box((rank_ + world_ - 1) % world_, channel);
    std::unique_lock lock(shared.mutex);
    // Neighbours are at most one transfer apart: the predecessor can't post its next before this one is taken.
    if (!until(lock, [&] { return theirs.posted > theirs.taken; })) return failed(lock);
    if (theirs.bytes != mine.bytes) {
      fail("was to receive " + std::to_string(mine.bytes) + " bytes, the rank before it sent " + std::to_string(theirs.bytes));
      return failed(lock);
    }
    theirs.copying = true;
    lock.unlock();
    const ctx_status copied = copy(on, channel, theirs, mine);
    lock.lock();
    theirs.copying = false;
    if (!done(on, copied)) return failed(lock);
    theirs.copied = copied_[channel];
    theirs.taken++;
    shared.changed.notify_all();
    if (!until(lock, [&] { return mine.taken == mine.posted; })) return failed(lock);
    return done(on, on.backend.wait(on.device, on.order, mine.copied)) ? CTX_OK : failed(lock);
  }

  void abort(const std::string &message) override {
    std::unique_lock lock(shared.mutex);
    fail(message);
    failed(lock);
  }

  std::string error() const override {
    std::lock_guard lock(shared.mutex);
    return shared.error;
  }

private:
  Mailbox &box(int rank, int channel) { return shared.boxes[rank * channels + channel]; }

  // The channel's events, made once.
  ctx_status prepare(const Queue &on, int channel) {
    destroy_event_ = on.backend.destroy_event;
    for (ctx_event **event : {&ready_[channel], &copied_[channel]})
      if (!*event)
        if (const ctx_status status = on.backend.create_event(on.device, event)) return status;
    return CTX_OK;
  }

  // Enqueues the copy: after what the sender and this rank had enqueued when they started, and before what this rank enqueues next.
  ctx_status copy(const Queue &on, int channel, const Mailbox &from, const Mailbox &own) {
    const ctx_backend &b = on.backend;
    if (const ctx_status s = b.wait(on.device, CTX_INCOMING, from.ready)) return s;
    if (const ctx_status s = b.wait(on.device, CTX_INCOMING, own.ready)) return s;
    if (const ctx_status s = b.transfer_from(on.device, into[channel], from.device, from.data, own.bytes)) return s;
    if (const ctx_status s = b.record(on.device, CTX_INCOMING, copied_[channel])) return s;
    return b.wait(on.device, on.order, copied_[channel]);
  }

  // False: it was not, and all ranks know why.
  bool done(const Queue &on, ctx_status status) {
    if (status != CTX_OK) fail(on.backend.last_error(on.device));
    return status == CTX_OK;
  }

  void fail(const std::string &message) {
    if (shared.error.empty()) shared.error = "rank " + std::to_string(rank_) + ": " + message;
    shared.changed.notify_all();
  }

  // False: the ring has failed.
  template <class Condition> bool until(std::unique_lock<std::mutex> &lock, const Condition &met) {
    shared.changed.wait(lock, [&] { return !shared.error.empty() || met(); });
    return shared.error.empty();
  }

  // Buffers go back to the caller once nobody copies from them.
  ctx_status failed(std::unique_lock<std::mutex> &lock) {
    shared.changed.wait(lock, [&] { return !box(rank_, 0).copying && !box(rank_, 1).copying; });
    return CTX_ERR_DEVICE;
  }

  Shared &shared;
  const int rank_, world_;
  void *into[channels] = {};
  ctx_event *ready_[channels] = {}, *copied_[channels] = {};
  void (*destroy_event_)(ctx_event *) = nullptr;
};

LocalRing::LocalRing(int world) : shared(new Shared(world)), ends(new std::unique_ptr<End>[world]) {
  for (int r = 0; r < world; r++) ends[r].reset(new End(*shared, r, world));
}

LocalRing::~LocalRing() = default;

Transport &LocalRing::end(int rank) { return *ends[rank]; }

void LocalRing::fail(const std::string &message) {
  std::lock_guard lock(shared->mutex);
  if (shared->error.empty()) shared->error = message;
  shared->changed.notify_all();
}

void LocalRing::reset() {
  std::lock_guard lock(shared->mutex);
  shared->error.clear();
  for (Mailbox &box : shared->boxes) box = Mailbox{};
}

} // namespace ctx
