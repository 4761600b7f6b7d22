// divided_test.cc: ctx_test_divided SEED COUNT: weights and gradients that ranks divide (native/model/divided_weights.h), on random models and ranks. The device is
// made up: it does everything at once, and notes for each piece of work what it touches and what it waits for. So it tells, whatever the order in
// which things happened to be done,
//   * whether two queues, of one rank or of two, touch the same bytes, one of them writing, and no event orders them;
//   * whether a unit's computing waits for what comes beside it: the sum of the unit before, the weights of the next;
//   * whether weights are whole where they are read, and sums right to the bit.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/divided_weights.h"

namespace {

using ctx::matrix;
using Clock = std::map<int, uint64_t>; // of each queue of each rank, how much is done (Mattern 1989)

std::atomic<int> failures{0};
int64_t sums_beside = 0, gathers_beside = 0;

#define EXPECT(condition)                                                                                \
  do {                                                                                                   \
    if (!(condition) && ++failures < 20) std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);   \
  } while (0)

void join(Clock &clock, const Clock &other) {
  for (const auto &[queue, done] : other) clock[queue] = std::max(clock[queue], done);
}

} // namespace

struct ctx_event {
  Clock clock;
};

struct ctx_device {
  int rank;
  std::array<Clock, 3> clocks; // of its queues
  int number(ctx_queue queue) const { return 3 * rank + queue; }
  uint64_t enqueued(ctx_queue queue) { return clocks[queue][number(queue)]; }
};

namespace {

struct Span {
  const void *at;
  int64_t bytes;
  bool writes;
};

// All work so far, of all ranks.
class Record {
 public:
  std::mutex mutex;

  // The next piece of work of a queue.
  template <class Work> ctx_status work(ctx_device *device, ctx_queue queue, std::initializer_list<Span> spans, const Work &does) {
    const std::lock_guard lock(mutex);
    Clock &clock = device->clocks[queue];
    const uint64_t number = ++clock[device->number(queue)];
    for (const Span &s : spans) {
      const char *const begin = static_cast<const char *>(s.at), *const end = begin + s.bytes;
      for (const Touch &t : touches_)
        if (t.begin < end && begin < t.end && (t.writes || s.writes) && clock[t.queue] < t.number) {
          if (++failures < 20)
            std::fprintf(stderr, "queue %d of rank %d %s what queue %d of rank %d %s, and no event orders them\n", queue, device->rank, s.writes ? "writes" : "reads", t.queue % 3,
                         t.queue / 3, t.writes ? "writes" : "reads");
          break;
        }
      if (s.bytes > 0) touches_.push_back({begin, end, device->number(queue), number, s.writes});
    }
    does();
    return CTX_OK;
  }
  void forget() { touches_.clear(); }

 private:
  struct Touch {
    const char *begin, *end;
    int queue;
    uint64_t number;
    bool writes;
  };
  std::vector<Touch> touches_;
} record;

int64_t bytes(const ctx_mat &x) { return x.cols * (int64_t)sizeof(float); }
float *numbers(const ctx_mat &x) { return static_cast<float *>(x.data); }

ctx_backend made_up() {
  ctx_backend b = {};
  b.last_error = [](ctx_device *) { return "made up"; };
  b.create_event = [](ctx_device *, ctx_event **out) { return *out = new ctx_event, CTX_OK; };
  b.destroy_event = [](ctx_event *event) { delete event; };
  b.record = [](ctx_device *d, ctx_queue queue, ctx_event *event) {
    const std::lock_guard lock(record.mutex);
    event->clock = d->clocks[queue];
    return CTX_OK;
  };
  b.wait = [](ctx_device *d, ctx_queue queue, ctx_event *event) {
    const std::lock_guard lock(record.mutex);
    join(d->clocks[queue], event->clock);
    return CTX_OK;
  };
  b.transfer_from = [](ctx_device *d, void *to, ctx_device *, const void *from, size_t size) {
    return record.work(d, CTX_INCOMING, {{from, (int64_t)size, false}, {to, (int64_t)size, true}}, [&] { std::memcpy(to, from, size); });
  };
  b.add_on = [](ctx_device *d, ctx_queue queue, float *sum, const float *x, int64_t count) {
    const int64_t size = count * (int64_t)sizeof(float);
    return record.work(d, queue, {{x, size, false}, {sum, size, true}}, [&] {
      for (int64_t i = 0; i < count; i++) sum[i] += x[i];
    });
  };
  b.zero = [](ctx_device *d, ctx_mat x) {
    return record.work(d, CTX_OPERATIONS, {{x.data, bytes(x), true}}, [&] { std::fill_n(numbers(x), x.cols, 0.0f); });
  };
  b.copy = [](ctx_device *d, ctx_mat to, ctx_mat from) {
    return record.work(d, CTX_OPERATIONS, {{from.data, bytes(from), false}, {to.data, bytes(to), true}}, [&] { std::copy_n(numbers(from), from.cols, numbers(to)); });
  };
  return b;
}

struct Model {
  ctx::ModelShape shape;
  ctx::Training training;
  int ranks, passes;
  int64_t segment, room;
  std::vector<bool> idle; // [pass][rank] has nothing to compute
};

Model random_model(std::mt19937 &random) {
  const auto between = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  Model m;
  m.shape = {between(20, 90), 16, between(8, 40), between(1, 6), 2, 1, 8, 1e-5f, between(0, 1) == 1, between(0, 1) == 1, false, false, between(0, 1) == 1, 0, {}};
  if (between(0, 1)) {
    m.training.lora = ctx::LoraOptions{between(1, 3), 2, {std::array{"q_proj", "o_proj", "up_proj", "down_proj"}[(size_t)between(0, 3)]}, 1};
    for (const char *pattern : {"norm", "embed_tokens", "layers.0.mlp", "k_proj.weight"})
      if (between(0, 2) == 0) m.training.also_train.push_back(pattern);
  }
  m.ranks = (int)between(2, 5), m.passes = (int)between(1, 3);
  m.segment = between(1, m.shape.layers), m.room = 16 * between(1, 200);
  for (int i = 0; i < m.passes * m.ranks; i++) m.idle.push_back(between(0, 5) == 0);
  return m;
}

// What rank r forms of the gradient that is counted as i, in a pass.
float formed(int pass, int r, int64_t i) { return std::sin((float)(1 + 7 * pass + 31 * r + 13 * i)); }

class Rank {
 public:
  Rank(const Model &m, const ctx_backend &table, ctx::Transport &everyone, const ctx::ParameterTable &parameters, const ctx::ArenaLayout &layout, const std::vector<float> &values)
      : m(m), parameters(parameters), layout(layout), values(values), device{everyone.rank(), {}}, ops{&table, &device}, weights(ops, everyone, parameters, layout),
        arena((size_t)layout.first_rank), gradients((size_t)layout.gradient_block), scratch((size_t)m.room) {
    for (const ctx::Unit &u : parameters.units)
      for (const auto &[from, count] : {std::pair(int64_t(0), u.trained), std::pair(u.trained, u.size / 4 - u.trained)}) {
        const int64_t begin = u.begin / 4 + from, own = count / m.ranks;
        std::copy_n(values.begin() + begin + own * device.rank, own, arena.begin() + begin / m.ranks);
      }
    weights.begin(arena.data(), gradients.data(), scratch.data(), m.room);
  }

  void step(int which) {
    const std::vector<ctx::UnitVisit> visits = ctx::unit_visits(m.shape.layers, m.segment, m.shape.tied);
    for (int pass = 0; pass < m.passes; pass++) {
      if (m.idle[(size_t)(pass * m.ranks + device.rank)]) {
        weights.follow(visits);
        continue;
      }
      weights.start(visits);
      bool logits = false;
      for (size_t i = 0; i < visits.size(); i++) {
        const ctx::UnitVisit &now = visits[i];
        const uint64_t before = device.enqueued(CTX_INCOMING);
        weights.enter(now.unit);
        const uint64_t after = device.enqueued(CTX_INCOMING);
        if (now.gradients && !std::exchange(logits, true)) write(scratch.data(), m.room);
        compute(now, which * m.passes + pass);
        beside(visits, i, before, after);
        weights.leave(now.unit);
      }
    }
    weights.settle();
    check_sums(which);
    ops.zero(matrix(gradients.data(), 1, layout.gradient_block));
    write(arena.data(), layout.unit_places); // the optimizer
  }

 private:
  void read(const float *at, int64_t count) { record.work(&device, CTX_OPERATIONS, {{at, count * 4, false}}, [] {}); }
  void write(float *at, int64_t count) { record.work(&device, CTX_OPERATIONS, {{at, count * 4, true}}, [] {}); }

  void compute(const ctx::UnitVisit &now, int pass) {
    for (const ctx::Parameter &p : parameters.all) {
      if (p.unit != now.unit) continue;
      if (const auto *w = static_cast<const float *>(weights.weight(p)); now.weights) {
        read(w, p.size());
        EXPECT(std::equal(w, w + p.size(), values.begin() + p.offset / 4));
      }
      if (!now.gradients || !p.trainable) continue;
      float *const g = weights.gradient(p);
      write(g, p.size());
      for (int64_t i = 0; i < p.size(); i++) g[i] += formed(pass, device.rank, p.gradient + i);
    }
  }

  // What came beside visit i is not waited for by it, but for weights that no visit before could bring.
  void beside(const std::vector<ctx::UnitVisit> &visits, size_t i, uint64_t before, uint64_t after) {
    const uint64_t known = device.clocks[CTX_OPERATIONS][device.number(CTX_INCOMING)];
    EXPECT(i == 0 || known <= before);
    const bool sums = i > 0 && visits[i - 1].gradients && parameters.units[(size_t)visits[i - 1].unit].trained > 0;
    EXPECT(!sums || before < after);
    sums_beside += sums && device.rank == 0;
    gathers_beside += !sums && known < after && device.rank == 0;
  }

  void check_sums(int which) {
    read(gradients.data(), layout.gradient_place);
    for (const ctx::Parameter &p : parameters.all) {
      if (!p.trainable) continue;
      const ctx::Unit &u = parameters.units[(size_t)p.unit];
      const int64_t part = u.trained / m.ranks;
      for (int64_t i = 0; i < p.size(); i++) {
        const int64_t at = p.gradient + i - u.gradient;
        if (at / part != device.rank) continue;
        float sum = 0;
        for (int pass = which * m.passes; pass < (which + 1) * m.passes; pass++) {
          const auto of = [&](int r) {
            return m.idle[(size_t)(pass % m.passes * m.ranks + r % m.ranks)] ? 0 : formed(pass, r % m.ranks, p.gradient + i);
          };
          float all = of(device.rank + 1); // the order of a ring's sum
          for (int r = device.rank + 2; r <= device.rank + m.ranks; r++) all = of(r) + all;
          for (int visits = m.shape.tied && p.unit == 0 ? 2 : 1; visits > 0; visits--) sum += all;
        }
        EXPECT(gradients[(size_t)(u.gradient / m.ranks + at % part)] == sum);
      }
    }
  }

  const Model &m;
  const ctx::ParameterTable &parameters;
  const ctx::ArenaLayout &layout;
  const std::vector<float> &values; // all weights, as their offsets count them
  ctx_device device;
  ctx::Ops ops;
  ctx::DividedWeights weights;
  std::vector<float> arena, gradients, scratch;
};

void train(const Model &m, std::mt19937 &random) {
  ctx::MemoryPlan plan;
  plan.max_tokens = 4, plan.train = true, plan.checkpoint_every = m.segment, plan.loss_chunk = 1;
  const ctx::ParameterTable parameters(m.shape, m.training, plan, m.ranks);
  const ctx::ArenaLayout layout = ctx::lay_out(m.shape, parameters, plan, {1, 1, m.ranks});
  std::vector<float> values((size_t)parameters.weight_bytes / 4);
  for (float &value : values) value = (float)random();
  const ctx_backend table = made_up();
  ctx::LocalRing ring(m.ranks);
  std::vector<std::unique_ptr<Rank>> ranks;
  for (int r = 0; r < m.ranks; r++) ranks.push_back(std::make_unique<Rank>(m, table, ring.end(r), parameters, layout, values));
  std::vector<std::thread> threads;
  for (auto &rank : ranks)
    threads.emplace_back([&] {
      for (int step = 0; step < 2; step++) rank->step(step);
    });
  for (std::thread &thread : threads) thread.join();
  record.forget();
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::mt19937 random((unsigned)std::atoi(argv[1]));
  const int count = std::atoi(argv[2]);
  for (int i = 0; i < count; i++) train(random_model(random), random);
  std::printf("%d models, %d failures\n", count, failures.load());
  if (sums_beside < count || gathers_beside < count) return std::printf("too little came beside the work\n"), 1;
  return failures ? 1 : 0;
}
