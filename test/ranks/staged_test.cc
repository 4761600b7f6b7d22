// staged_test.cc: ctx_test_staged LIBRARY: device memory of ranks through the host's (native/ring/staged.cc), in pieces so small that each transfer
// has many. Ranks are threads here, and the library that carries their messages is made up: it hands them over, and looks at when it is asked.
#include <dlfcn.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "model/ops.h"
#include "ring/passage.h"

namespace {

constexpr int RANKS = 3;
constexpr size_t PIECE = 256;

std::atomic<int> failures{0};

#define EXPECT(condition)                                                     \
  do {                                                                        \
    if (!(condition)) {                                                       \
      std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);            \
      failures++;                                                             \
    }                                                                         \
  } while (0)

// ---- the library of messages ----

struct World {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::tuple<int, int, int>, std::vector<char>> sent; // by receiver, channel and number
  bool broken = false;
};

struct Flight {
  int begun = 0, ended = 0;
  void *receive = nullptr;
  size_t bytes = 0;
};

} // namespace

struct ctx_group {
  World *world;
  int rank;
  Flight flights[4];
  int breaks_at = 0; // the message whose wait fails
  int waits = 0;
  std::vector<size_t> sizes; // of messages, in order
  bool whole = true;         // the piece behind a message was in host memory already
};

namespace {

ctx_status start(ctx_group *g, int32_t channel, const void *send, void *receive, size_t bytes) {
  Flight &f = g->flights[channel];
  EXPECT(f.begun == f.ended); // one at a time
  const std::lock_guard lock(g->world->mutex);
  f.receive = receive, f.bytes = bytes;
  const char *const from = static_cast<const char *>(send);
  g->world->sent[{(g->rank + 1) % RANKS, channel, f.begun}] = std::vector<char>(from, from + bytes);
  f.begun++;
  g->sizes.push_back(bytes);
  if (bytes == PIECE && std::memcmp(from, from + PIECE, sizeof(float)) != 0) g->whole = false; // numbers of a transfer are alike
  g->world->changed.notify_all();
  return CTX_OK;
}

ctx_status wait(ctx_group *g, int32_t channel) {
  Flight &f = g->flights[channel];
  EXPECT(f.begun == f.ended + 1);
  std::unique_lock lock(g->world->mutex);
  if (++g->waits == g->breaks_at) g->world->broken = true, g->world->changed.notify_all();
  const auto key = std::tuple{g->rank, int(channel), f.ended};
  g->world->changed.wait(lock, [&] { return g->world->broken || g->world->sent.count(key); });
  if (g->world->broken) return CTX_ERR_DEVICE;
  const std::vector<char> &came = g->world->sent[key];
  EXPECT(came.size() == f.bytes);
  std::memcpy(f.receive, came.data(), came.size());
  g->world->sent.erase(key);
  f.ended++;
  return CTX_OK;
}

const char *last_error() { return "the network has failed"; }

// ---- the device's table, with what makes the host wait counted ----

const ctx_backend *real;
thread_local int host_waits = 0; // of a rank

ctx_backend counted() {
  ctx_backend table = *real;
  table.synchronize = [](ctx_device *d) { return host_waits++, real->synchronize(d); };
  table.await_event = [](ctx_event *e, char *why, size_t room) { return host_waits++, real->await_event(e, why, room); };
  return table;
}

class Rank {
 public:
  Rank(const ctx_backend &table, ctx_ranks &ranks, World &world, int rank) : group{&world, rank, {}, 0, 0, {}, true} {
    if (table.create(0, 1, &device) != CTX_OK) std::exit(2);
    ops = {&table, device};
    passage = ctx::staged_passage(ranks, &group, {table, device}, "a test", PIECE);
  }
  ~Rank() {
    passage.reset();
    for (const auto &[p, bytes] : blocks) ops.table->release(device, p, bytes);
    ops.table->destroy(device);
  }
  ctx_mat vector(int64_t count, float value) {
    const size_t bytes = size_t(count) * sizeof(float);
    void *const p = ops.alloc(bytes);
    blocks.push_back({p, bytes});
    set(ctx::matrix(p, 1, count), value);
    return ctx::matrix(p, 1, count);
  }
  void set(ctx_mat x, float value) const {
    const std::vector<float> host(size_t(x.cols), value);
    ops.upload(x.data, host.data(), host.size() * sizeof(float));
  }
  bool all(ctx_mat x, float value) const {
    std::vector<float> host(size_t(x.cols));
    ops.download(host.data(), x.data, host.size() * sizeof(float));
    for (const float number : host)
      if (number != value) return false;
    return true;
  }

  ctx_device *device = nullptr;
  ctx::Ops ops;
  ctx_group group;
  std::unique_ptr<ctx::Passage> passage;
  std::vector<std::pair<void *, size_t>> blocks;
};

template <class Work> void on_all(const Work &work) {
  const ctx_backend table = counted();
  ctx_ranks ranks = {};
  ranks.last_error = last_error;
  ranks.start = start;
  ranks.wait = wait;
  World world;
  std::vector<std::thread> threads;
  for (int r = 0; r < RANKS; r++)
    threads.emplace_back([&, r] {
      Rank rank(table, ranks, world, r);
      work(rank, r, (r + RANKS - 1) % RANKS);
    });
  for (std::thread &thread : threads) thread.join();
}

// Two transfers at once, of what operations before `start` leave; operations after `wait` find them, and may overwrite what was sent.
void pass_around(int64_t count) {
  on_all([&](Rank &rank, int r, int before) {
    const ctx_mat x = rank.vector(count, float(r + 1)), y = rank.vector(count / 2, float(10 * (r + 1))), from_x = rank.vector(count, 0), from_y = rank.vector(count / 2, 0);
    const ctx_mat sum = rank.vector(count, 0);
    float factor = 1;
    for (int round = 0; round < 3; round++) {
      for (const ctx_mat &m : {x, y}) rank.ops.add(m, 1, m); // twice what it was
      factor *= 2;
      rank.passage->start(0, x.data, from_x.data, size_t(count) * sizeof(float), CTX_OPERATIONS);
      rank.passage->start(1, y.data, from_y.data, size_t(count / 2) * sizeof(float), CTX_OPERATIONS);
      rank.ops.add(sum, 1, x); // beside them
      for (const int channel : {round % 2, 1 - round % 2}) rank.passage->wait(channel, CTX_OPERATIONS);
      rank.ops.add(from_x, -1, x);
      rank.ops.add(from_y, -1, y);
      EXPECT(rank.all(from_x, factor * float(before - r)));
      EXPECT(rank.all(from_y, 10 * factor * float(before - r)));
    }
    EXPECT(rank.all(sum, 14 * float(r + 1)));
  });
}

// `start` waits for nothing, and a message leaves before the piece behind it has come down.
void in_pieces() {
  on_all([](Rank &rank, int r, int) {
    constexpr int64_t COUNT = 5 * PIECE / sizeof(float) + 3;
    const ctx_mat x = rank.vector(COUNT, float(r + 1)), y = rank.vector(COUNT, 0);
    rank.passage->start(0, x.data, y.data, COUNT * sizeof(float), CTX_OPERATIONS); // takes the host's memory
    rank.passage->wait(0, CTX_OPERATIONS);
    rank.set(x, float(r + 10));
    rank.group.sizes.clear();
    rank.group.whole = true;
    host_waits = 0;
    rank.passage->start(0, x.data, y.data, COUNT * sizeof(float), CTX_OPERATIONS);
    EXPECT(host_waits == 0);
    rank.passage->wait(0, CTX_OPERATIONS);
    EXPECT((rank.group.sizes == std::vector<size_t>{PIECE, PIECE, PIECE, PIECE, PIECE, 3 * sizeof(float)}));
    if (r == 0) std::printf("messages leave %s\n", rank.group.whole ? "when all is down" : "piece by piece");
  });
}

// The network fails under a rank: all are told, none waits, and what the library may still write to stays.
void broken() {
  on_all([](Rank &rank, int r, int) {
    const ctx_mat x = rank.vector(1000, 1), y = rank.vector(1000, 0);
    if (r == 1) rank.group.breaks_at = 7;
    std::string why;
    try {
      for (int round = 0; round < 5; round++) {
        rank.passage->start(0, x.data, y.data, 4000, CTX_OPERATIONS);
        rank.passage->wait(0, CTX_OPERATIONS);
      }
    } catch (const ctx::Failure &failure) {
      why = failure.what();
    }
    EXPECT(why == "the network has failed");
  });
}

} // namespace

int main(int argc, char **argv) {
  void *const library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  const auto entry = library ? reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1")) : nullptr;
  if (!entry || entry()->version != CTX_BACKEND_VERSION) return 2;
  real = entry();
  for (const int64_t count : {0, 1, 2, 63, 64, 65, 128, 1000, 20000}) pass_around(count);
  in_pieces();
  broken();
  std::printf("%d failures\n", failures.load());
  return failures ? 1 : 0;
}
