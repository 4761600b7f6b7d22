// threads.cc: see threads.h. A message is a rendezvous: the receiver copies out of the sender's buffer while the sender waits.
#include "threads.h"

#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "../model/failure.h"

namespace ctx {

struct ThreadRanks::Shared {
  // What rank `from` has put out for rank `to`.
  struct Message {
    const void *data = nullptr;
    size_t bytes = 0;
    bool there = false;
  };

  explicit Shared(int size) : size(size), messages((size_t)(size * size)), colours((size_t)size) {}

  const int size;
  std::mutex mutex;
  std::condition_variable changed;
  std::string error;
  std::vector<Message> messages; // [from][to]
  std::vector<int> colours;      // that the ranks name
  int waiting = 0, left = 0;     // ranks at the meeting, and that have left
  uint64_t meetings = 0;
  std::map<std::pair<int, int>, std::unique_ptr<LocalRing>> rings; // by the number of the call and the colour
  std::vector<std::unique_ptr<End>> ends;

  Message &message(int from, int to) { return messages[(size_t)(from * size + to)]; }

  template <class Condition> void until(std::unique_lock<std::mutex> &lock, const Condition &met) {
    changed.wait(lock, [&] { return !error.empty() || met(); });
    if (!error.empty()) throw Failure(CTX_ERR_DEVICE, error);
  }

  // All ranks are here.
  void meet(std::unique_lock<std::mutex> &lock) {
    const uint64_t before = meetings;
    if (++waiting == size) waiting = 0, meetings++, changed.notify_all();
    until(lock, [&] { return meetings != before; });
  }
};

// A rank's end of a ring that belongs to all of them.
class ThreadRanks::Ring final : public Transport {
 public:
  explicit Ring(Transport &end) : end(end) {}
  int rank() const override { return end.rank(); }
  int world() const override { return end.world(); }
  ctx_status start(const Queue &on, int channel, const void *send, void *receive, size_t bytes) override { return end.start(on, channel, send, receive, bytes); }
  ctx_status wait(const Queue &on, int channel) override { return end.wait(on, channel); }
  void abort(const std::string &message) override { end.abort(message); }
  std::string error() const override { return end.error(); }

 private:
  Transport &end;
};

class ThreadRanks::End final : public Job {
 public:
  End(ThreadRanks &all, int rank) : all(all), shared(*all.shared_), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return shared.size; }
  std::string host() const override { return "this machine"; }

  void broadcast(void *data, size_t bytes, int from) const override {
    if (rank_ != from) return receive(data, bytes, from);
    std::unique_lock lock(shared.mutex);
    for (int to = 0; to < shared.size; to++)
      if (to != from) put(lock, data, bytes, to);
    for (int to = 0; to < shared.size; to++)
      if (to != from) shared.until(lock, [&] { return !shared.message(from, to).there; });
  }

  void send(const void *data, size_t bytes, int to) const override {
    std::unique_lock lock(shared.mutex);
    put(lock, data, bytes, to);
    shared.until(lock, [&] { return !shared.message(rank_, to).there; });
  }

  void receive(void *data, size_t bytes, int from) const override {
    std::unique_lock lock(shared.mutex);
    Shared::Message &message = shared.message(from, rank_);
    shared.until(lock, [&] { return message.there; });
    if (message.bytes != bytes) ctx::fail(CTX_ERR_ARGUMENT, "rank %d was to receive %zu bytes, rank %d sent %zu", rank_, bytes, from, message.bytes);
    if (bytes > 0) std::memcpy(data, message.data, bytes); // the lock keeps a sender that is told of a failure from leaving with its buffer
    message.there = false;
    shared.changed.notify_all();
  }

  std::unique_ptr<Transport> ring(int colour) const override {
    std::unique_lock lock(shared.mutex);
    shared.colours[(size_t)rank_] = colour;
    shared.meet(lock);
    int place = 0, world = 0;
    for (int r = 0; r < shared.size; r++)
      if (shared.colours[(size_t)r] == colour) place += r < rank_, world++;
    auto &ring = shared.rings[{rings_++, colour}];
    if (!ring) ring = std::make_unique<LocalRing>(world);
    auto end = std::make_unique<Ring>(ring->end(place));
    shared.meet(lock); // before anyone names another colour
    return end;
  }

  bool leave(bool broken) const override {
    if (broken) all.fail("rank " + std::to_string(rank_) + " gave an operation up");
    std::unique_lock lock(shared.mutex);
    left();
    shared.changed.wait(lock, [&] { return shared.left == shared.size; });
    return true;
  }

  // With the lock held.
  void left() const {
    if (!left_) shared.left++;
    left_ = true;
    shared.changed.notify_all();
  }

 private:
  void put(std::unique_lock<std::mutex> &lock, const void *data, size_t bytes, int to) const {
    Shared::Message &message = shared.message(rank_, to);
    shared.until(lock, [&] { return !message.there; });
    message = {data, bytes, true};
    shared.changed.notify_all();
  }

  ThreadRanks &all;
  Shared &shared;
  const int rank_;
  mutable int rings_ = 0; // that it has made
  mutable bool left_ = false;
};

ThreadRanks::ThreadRanks(int size) : shared_(new Shared(size)) {
  for (int r = 0; r < size; r++) shared_->ends.push_back(std::make_unique<End>(*this, r));
}

ThreadRanks::~ThreadRanks() = default;

void ThreadRanks::absent(int rank) {
  const std::lock_guard lock(shared_->mutex);
  shared_->ends[(size_t)rank]->left();
}

const Job &ThreadRanks::end(int rank) const { return *shared_->ends[(size_t)rank]; }

void ThreadRanks::fail(const std::string &message) {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->error.empty()) return;
  shared_->error = message;
  shared_->changed.notify_all();
  for (auto &[_, ring] : shared_->rings) ring->fail(message);
}

} // namespace ctx
