// peers.cc: device memory from process to process by what their backend has for it (ctx_backend::pass_on: NCCL). See passage.h.
//
// A transfer is one piece of work on the device's queue of what comes in, after what was enqueued before `start` and before what is enqueued after
// `wait`; the host waits for nothing. A device that waits for a rank that is gone would wait for ever, and its host with it. Where a process ends,
// the launcher ends the job. What the library notices by itself, a thread of ours asks for ten times a second; it then gives the ring
// up, by which the device goes on with what it has, and every later call throws the reason.
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "../model/ops.h"
#include "passage.h"

namespace ctx {
namespace {

constexpr std::chrono::milliseconds LOOK{100};

class Peers final : public Passage {
 public:
  Peers(const Queue &on, const std::string &name, const uint8_t *id, int rank, int size) : ops{&on.backend, on.device}, name(name) {
    try {
      for (Channel &c : channels) c.ready = ops.create_event(), c.arrived = ops.create_event();
      ops.check(ops.table->join_peers(ops.device, id, rank, size, &peers), "join_peers");
      watcher = std::thread([this] { watch(); });
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~Peers() override { give_back(); }

  std::string way() const override { return "by " + name; }

  void start(int channel, const void *send, void *receive, size_t bytes, ctx_queue order) override {
    still_there();
    const Channel &c = channels[(size_t)channel];
    ops.record(order, c.ready);
    ops.wait(CTX_INCOMING, c.ready);
    if (bytes > 0) ops.check(ops.table->pass_on(ops.device, peers, send, receive, bytes), "pass_on");
    ops.record(CTX_INCOMING, c.arrived);
  }

  void wait(int channel, ctx_queue order) override {
    still_there();
    ops.wait(order, channels[(size_t)channel].arrived);
  }

  void settle() override {
    ops.synchronize();
    still_there();
  }

  void close() override {
    settle();
    orderly = true;
  }

 private:
  struct Channel {
    ctx_event *ready = nullptr, *arrived = nullptr;
  };

  void watch() {
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, LOOK, [&] { return ending; })) {
      char why[512] = "";
      lock.unlock();
      const bool good = ops.table->check_peers(peers, why, sizeof why) == CTX_OK;
      lock.lock();
      if (good) continue;
      lost = *why ? why : "the ring of devices has broken";
      lock.unlock(); // who waits for the device finds `lost` once it goes on
      return ops.table->give_up_peers(peers);
    }
  }

  void still_there() const {
    const std::lock_guard lock(mutex);
    if (!lost.empty()) throw Failure(CTX_ERR_DEVICE, lost);
  }

  void give_back() {
    {
      const std::lock_guard lock(mutex);
      ending = true;
    }
    changed.notify_all();
    if (watcher.joinable()) watcher.join();
    if (peers && !orderly) ops.table->give_up_peers(peers);
    if (peers) ops.table->leave_peers(peers);
    for (Channel &c : channels)
      for (ctx_event *event : {c.ready, c.arrived})
        if (event) ops.table->destroy_event(event);
  }

  const Ops ops;
  const std::string name;
  std::array<Channel, Transport::channels> channels{};
  ctx_peers *peers = nullptr;
  bool orderly = false; // all ranks have come to the end
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string lost; // why, if the ring has broken
  bool ending = false;
  std::thread watcher;
};

// What a rank tells the others of its device.
struct Place {
  uint64_t machine = 0;
  int32_t version = 0; // of what passes device memory on; 0: it has nothing
  char bus[32] = "", host[64] = "", words[256] = "";
};

// Why the ranks must go through their hosts' memory; empty where they need not.
std::string obstacle(const std::vector<Place> &places) {
  const Place &first = places[0];
  for (const Place &p : places)
    if (p.version == 0) return std::string("on ") + p.host + " " + p.words;
  for (const Place &p : places)
    if (p.version != first.version) return std::string(first.host) + " has " + first.words + ", and " + p.host + " " + p.words;
  for (size_t a = 0; a < places.size(); a++)
    for (size_t b = 0; b < a; b++)
      if (places[a].machine == places[b].machine && !std::strcmp(places[a].bus, places[b].bus))
        return "ranks " + std::to_string(b) + " and " + std::to_string(a) + " of a ring share a GPU of " + places[a].host;
  return "";
}

} // namespace

uint64_t machine_number(const char *host) {
  std::string text = host, boot;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  if (file >> boot) text += boot;
  uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
  for (const char c : text) hash = (hash ^ (uint8_t)c) * 0x100000001b3u;
  return hash;
}

std::unique_ptr<Passage> open_passage(const ctx_ranks &ranks, ctx_group *group, const Queue &on, int index) {
  const int rank = ranks.rank(group), size = ranks.size(group);
  const auto broadcast = [&](void *data, size_t bytes, int from) {
    if (const ctx_status status = ranks.broadcast(group, data, bytes, from)) throw Failure(status, ranks.last_error());
  };
  std::vector<Place> places((size_t)size);
  Place &own = places[(size_t)rank];
  own.machine = machine_number(ranks.host());
  std::snprintf(own.host, sizeof own.host, "%s", ranks.host());
  const char *const words = on.backend.peers ? on.backend.peers(&own.version) : "the backend knows no way";
  std::snprintf(own.words, sizeof own.words, "%s", words);
  ctx_device_info info;
  if (const ctx_status status = on.backend.device_info(index, &info)) throw Failure(status, on.backend.last_error(nullptr));
  std::snprintf(own.bus, sizeof own.bus, "%s", info.bus);
  for (int r = 0; r < size; r++) broadcast(&places[(size_t)r], sizeof(Place), r);

  const std::string why = obstacle(places);
  if (!why.empty()) return staged_passage(ranks, group, on, why);
  uint8_t id[CTX_PEERS_ID] = {};
  if (rank == 0)
    if (const ctx_status status = on.backend.peers_id(id)) throw Failure(status, on.backend.last_error(nullptr));
  broadcast(id, sizeof id, 0);
  return std::make_unique<Peers>(on, words, id, rank, size);
}

} // namespace ctx
