// ring_test.cc: zigzag blocks by their properties; ring attention over threads against one rank and against float64.
// Usage: ring_test <backend library>
#include "../../native/ring/collectives.h"
#include "../../native/model/failure.h"
#include "../../native/ring/ring.h"
#include "../../native/ring/threads.h"
#include "backend.h"
#include "reference.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

using namespace reference;

namespace {

const ctx_backend *backend;
std::mt19937 rng(7);

void zigzag_properties() {
  for (int n = 0; n < 300; n++) {
    const int world = (int)between(rng, 1, 9);
    const int64_t tokens = between(rng, 0, 150);
    int64_t next = 0, held = 0, most = 0;
    for (int c = 0; c < 2 * world; c++) {
      const ctx::ZigzagChunk chunk = ctx::zigzag_chunk(tokens, world, c);
      check(chunk.begin == next && chunk.length >= tokens / (2 * world) && chunk.length <= tokens / (2 * world) + 1, "chunks tile the sequence");
      next += chunk.length;
    }
    for (int r = 0; r < world; r++) {
      held += ctx::zigzag_local(tokens, world, r);
      most = std::max(most, ctx::zigzag_local(tokens, world, r));
    }
    check(next == tokens && held == tokens && most == ctx::zigzag_local_max(tokens, world), "ranks hold every token once");

    for (bool causal : {true, false}) {
      std::vector<int> met(tokens * tokens);
      std::vector<int64_t> work(world);
      for (int r = 0; r < world; r++)
        for (int t = 0; t < world; t++)
          for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
              const int source = ctx::zigzag_source(r, world, t);
              if (!ctx::zigzag_meets(r, source, world, a, b, causal)) continue;
              const ctx::ZigzagChunk q = ctx::zigzag_half(tokens, world, r, a), k = ctx::zigzag_half(tokens, world, source, b);
              for (int64_t i = q.begin; i < q.begin + q.length; i++)
                for (int64_t j = k.begin; j < k.begin + k.length; j++)
                  if (!causal || j <= i) met[i * tokens + j]++, work[r]++;
            }
      for (int64_t i = 0; i < tokens; i++)
        for (int64_t j = 0; j < tokens; j++) check(met[i * tokens + j] == (!causal || j <= i), "pair %ld %ld meets once if visible", (long)i, (long)j);
      if (tokens % (2 * world) == 0)
        for (int r = 0; r < world; r++) check(work[r] == work[0], "every rank has the same work");
    }
  }
}

// Delays every call a little, at random: timing must not show in the results.
class Slow final : public ctx::Transport {
public:
  Slow(ctx::Transport &inner, int seed) : inner(inner), rng(seed) {}
  int rank() const override { return inner.rank(); }
  int world() const override { return inner.world(); }
  ctx_status start(const ctx::Queue &on, int c, const void *s, void *r, size_t n) override { return nap(), inner.start(on, c, s, r, n); }
  ctx_status wait(const ctx::Queue &on, int c) override { return nap(), inner.wait(on, c); }
  void abort(const std::string &m) override { inner.abort(m); }
  std::string error() const override { return inner.error(); }

private:
  void nap() { std::this_thread::sleep_for(std::chrono::microseconds(rng() % 800)); }
  ctx::Transport &inner;
  std::mt19937 rng;
};

struct Outcome {
  ctx_status status = CTX_OK;
  std::string error;
};

// A problem on `world` ranks. Results are gathered into sequence order.
struct RingRun {
  const Problem &p;
  const int world;
  static constexpr float initial = 0.25f;
  std::vector<float> o, lse, dq, dk, dv;
  std::vector<Outcome> outcomes;

  RingRun(const Problem &p, int world, int slow = 0, int failing = -1)
      : p(p), world(world), o(p.q.size()), lse(p.heads * p.q_rows), dq(p.q.size()), dk(p.k.size()), dv(p.v.size()), outcomes(world) {
    ctx::LocalRing ring(world);
    std::vector<std::thread> threads;
    for (int r = 0; r < world; r++)
      threads.emplace_back([&, r] { outcomes[r] = rank(r, ring.end(r), slow, failing == r); });
    for (auto &t : threads) t.join();
  }

  // Sequence index of each local row.
  std::vector<int64_t> rows(int r) const {
    std::vector<int64_t> at;
    for (int half = 0; half < 2; half++) {
      const ctx::ZigzagChunk c = ctx::zigzag_half(p.q_rows, world, r, half);
      for (int64_t i = 0; i < c.length; i++) at.push_back(c.begin + i);
    }
    return at;
  }

  Outcome rank(int r, ctx::Transport &end, int slow, bool fails) {
    Slow delayed(end, slow + r);
    ctx::RingContext context{r, world, slow ? &delayed : &end, ""};
    ctx_device *device = nullptr;
    if (backend->create(0, 1 + r % 2, &device) != CTX_OK) return {CTX_ERR_DEVICE, "create"};
    const volatile int32_t cancelled = 1;
    if (fails) backend->set_cancel(device, &cancelled);

    const std::vector<int64_t> at = rows(r);
    const int64_t n = (int64_t)at.size(), width = p.heads * p.head_dim, kv_width = p.kv_heads * p.head_dim;
    const auto take = [&](const Numbers &x, int64_t cols) {
      Numbers y;
      for (int64_t i : at) y.insert(y.end(), x.begin() + i * cols, x.begin() + (i + 1) * cols);
      return Strided(n, cols, &y);
    };
    Strided q = take(p.q, width), k = take(p.k, kv_width), v = take(p.v, kv_width), g = take(p.d_o, width);
    Strided out(n, width, nullptr, NAN), d_q(n, width, nullptr, initial), d_k(n, kv_width, nullptr, initial), d_v(n, kv_width, nullptr, initial);
    std::vector<float> local_lse(p.heads * n, NAN);
    std::vector<int32_t> start;
    for (int64_t i : at) start.push_back(p.start.empty() ? 0 : p.start[i]);

    ctx::RingAttentionGrad call{};
    call.fwd = {p.q_rows, q.mat(), k.mat(), v.mat(), out.mat(), local_lse.data(), p.heads, p.kv_heads, p.head_dim, (float)p.scale,
                p.start.empty() ? nullptr : start.data(), p.causal, {}};
    for (int half = 0; half < 2; half++)
      if (const int64_t row = half ? ctx::zigzag_half(p.q_rows, world, r, 0).length : 0; row < n) call.fwd.first_visible[half] = start[row];
    call.d_o = g.mat(), call.dq = d_q.mat(), call.dk = d_k.mat(), call.dv = d_v.mat();
    std::vector<float> memory(std::max(ctx::ring_forward_workspace(p.q_rows, world, p.heads, p.kv_heads, p.head_dim),
                                       ctx::ring_backward_workspace(p.q_rows, world, p.heads, p.kv_heads, p.head_dim)) / sizeof(float) + 1, NAN);
    ctx_status status = ring_attention_forward(*backend, device, context, call.fwd, memory.data());
    if (status == CTX_OK) status = ring_attention_backward(*backend, device, context, call, memory.data());
    backend->destroy(device);

    const auto put = [&](std::vector<float> &to, Strided &from) {
      for (int64_t i = 0; i < n; i++) std::copy(from.at(i, 0), from.at(i, 0) + from.cols, to.begin() + at[i] * from.cols);
      if (!from.fences_stand()) status = CTX_ERR_ARGUMENT;
    };
    put(o, out), put(dq, d_q), put(dk, d_k), put(dv, d_v);
    const int64_t first = world == 1 ? n : ctx::zigzag_half(p.q_rows, world, r, 0).length;
    for (int h = 0; h < p.heads; h++)
      for (int64_t i = 0; i < n; i++) {
        const float *half = local_lse.data() + (i < first ? 0 : first * p.heads);
        lse[h * p.q_rows + at[i]] = i < first ? half[h * first + i] : half[h * (n - first) + i - first];
      }
    return {status, context.error};
  }

  bool same_bits(const RingRun &b) const {
    const auto same = [](const std::vector<float> &x, const std::vector<float> &y) { return !std::memcmp(x.data(), y.data(), x.size() * 4); };
    return same(o, b.o) && same(lse, b.lse) && same(dq, b.dq) && same(dk, b.dk) && same(dv, b.dv);
  }
};

Problem random_problem() {
  static const int ratios[][2] = {{2, 2}, {4, 2}, {6, 3}, {4, 1}};
  Problem p;
  const int *heads = ratios[between(rng, 0, 3)];
  p.heads = heads[0], p.kv_heads = heads[1];
  p.head_dim = between(rng, 0, 1) ? 24 : 32;
  p.q_rows = p.k_rows = between(rng, 1, 400);
  p.causal = between(rng, 0, 4) > 0;
  if (between(rng, 0, 1)) p.start = documents(rng, 0, p.q_rows, between(rng, 1, 200));
  fill(p, rng);
  return p;
}

void ring_equals_float64_and_one_rank() {
  for (int n = 0; n < 10; n++) {
    const Problem p = random_problem();
    const Result want = solve(p);
    const RingRun one(p, 1);
    for (int world : {1, 2, 4, 8}) {
      const RingRun run(p, world);
      for (const Outcome &x : run.outcomes) check(x.status == CTX_OK, "ring of %d: status %d %s", world, x.status, x.error.c_str());
      Numbers dq = want.dq, dk = want.dk, dv = want.dv;
      for (Numbers *x : {&dq, &dk, &dv})
        for (double &y : *x) y += RingRun::initial;
      const double e[] = {error(run.o.data(), want.o.data(), want.o.size()), error(run.lse.data(), want.lse.data(), want.lse.size()),
                          error(run.dq.data(), dq.data(), dq.size()), error(run.dk.data(), dk.data(), dk.size()),
                          error(run.dv.data(), dv.data(), dv.size())};
      const char *names[] = {"o", "lse", "dq", "dk", "dv"};
      for (int i = 0; i < 5; i++)
        check(e[i] < 4e-6, "ring of %d, %ld tokens, heads %d/%d%s: %s is off by %.1e", world, (long)p.q_rows, p.heads, p.kv_heads,
              p.start.empty() ? "" : " documents", names[i], e[i]);
      const Numbers single(one.o.begin(), one.o.end());
      check(error(run.o.data(), single.data(), single.size()) < 4e-6, "ring of %d differs from one rank", world);
    }
  }
}

// One rank is the plain operation, bit for bit.
void ring_of_one() {
  const Problem p = random_problem();
  const RingRun run(p, 1);
  Strided q(p.q_rows, p.heads * p.head_dim, &p.q), k(p.k_rows, p.kv_heads * p.head_dim, &p.k), v(p.k_rows, p.kv_heads * p.head_dim, &p.v),
      o(p.q_rows, p.heads * p.head_dim);
  std::vector<float> lse(p.heads * p.q_rows);
  ctx_attention a{};
  a.q = q.mat(), a.k = k.mat(), a.v = v.mat(), a.o = o.mat(), a.lse = lse.data();
  a.heads = p.heads, a.kv_heads = p.kv_heads, a.head_dim = p.head_dim, a.scale = (float)p.scale, a.causal = p.causal;
  a.start = p.start.empty() ? nullptr : p.start.data();
  ctx_device *device;
  backend->create(0, 2, &device);
  backend->attention_forward(device, &a);
  backend->destroy(device);
  bool same = lse == run.lse;
  for (int64_t i = 0; i < o.rows; i++) same = same && !std::memcmp(o.at(i, 0), &run.o[i * o.cols], o.cols * sizeof(float));
  check(same, "a ring of one gives other bits than the plain operation");
}

void timing_does_not_show() {
  for (int n = 0; n < 4; n++) {
    const Problem p = random_problem();
    const RingRun quick(p, 4);
    for (int seed = 1; seed <= 3; seed++) check(quick.same_bits(RingRun(p, 4, 100 * seed)), "timing shows in the results of a ring");
  }
}

// A rank that fails doesn't leave the others waiting, and they say why.
void failure_reaches_all() {
  const Problem p = random_problem();
  for (int world : {2, 4, 8})
    for (int failing = 0; failing < world; failing++) {
      const RingRun run(p, world, failing % 2, failing);
      for (int r = 0; r < world; r++) {
        const Outcome &x = run.outcomes[r];
        check(x.status == (r == failing ? CTX_ERR_CANCELLED : CTX_ERR_DEVICE), "rank %d of %d: status %d after rank %d failed", r, world, x.status, failing);
        check(x.error.find("cancelled") != std::string::npos, "rank %d of %d says '%s'", r, world, x.error.c_str());
        if (r != failing)
          check(x.error.find("rank " + std::to_string(failing)) != std::string::npos, "rank %d says '%s', not which rank failed", r, x.error.c_str());
      }
    }
}

// A job's ranks as threads: words, rings, a rank that fails, leaving.
void ranks_as_threads() {
  for (const int size : {2, 3, 6}) {
    ctx::ThreadRanks all(size);
    std::vector<std::thread> threads;
    std::vector<std::string> wrong((size_t)size); // `check` is not for threads
    std::atomic<int> leaving{0};
    for (int r = 0; r < size; r++)
      threads.emplace_back([&, r] {
        const ctx::Job &self = all.end(r);
        const auto expect = [&](bool ok, const char *what) {
          if (!ok) wrong[(size_t)r] = what;
        };
        ctx_device *device = nullptr;
        backend->create(0, 1, &device);
        const ctx::Queue queue{*backend, device};
        try {
          expect(self.rank() == r && self.size() == size, "place");
          for (int turn = 0; turn < 20; turn++) {
            std::vector<int> word(turn * 1000 + 1, r == turn % size ? turn : -1);
            self.broadcast(word.data(), word.size() * sizeof(int), turn % size);
            expect(std::count(word.begin(), word.end(), turn) == (long)word.size(), "broadcast");
            int next = r, before = -1; // round by round: a message waits for its receiver
            if (r == 0) self.send(&next, sizeof next, 1);
            self.receive(&before, sizeof before, (r + size - 1) % size);
            if (r > 0) self.send(&next, sizeof next, (r + 1) % size);
            expect(before == (r + size - 1) % size, "send and receive");
            std::vector<int> gathered((size_t)size, -1);
            gathered[(size_t)r] = 10 * r + turn;
            self.all_gather(gathered.data(), sizeof(int));
            for (int other = 0; other < size; other++) expect(gathered[(size_t)other] == 10 * other + turn, "all_gather");
          }
          for (const int groups : {1, 2}) {
            if (size % groups) continue;
            const std::unique_ptr<ctx::Transport> ring = self.ring(r % groups);
            expect(ring->world() == size / groups && ring->rank() == r / groups, "a ring's place");
            float mine = float(r), theirs = -1;
            for (int turn = 0; turn < 5 && ring->world() > 1; turn++, mine = theirs) {
              expect(ring->start(queue, 0, &mine, &theirs, sizeof mine) == CTX_OK && ring->wait(queue, 0) == CTX_OK, "a transfer");
              expect(int(theirs) == ((r - groups * (turn + 1)) % size + size) % size, "what came around");
            }
          }
          std::vector<char> here((size_t)size);
          self.all_gather(here.data(), 1); // a failure ends the rings too: not before all are through
          if (r == size - 1) all.fail("the last one fell over");
          char word = 0;
          self.broadcast(&word, 1, r == size - 1 ? 0 : size - 1); // nobody says anything
          self.broadcast(&word, 1, size - 1);
          expect(false, "a failure comes to all");
        } catch (const ctx::Failure &failure) {
          expect(std::string(failure.what()) == "the last one fell over", failure.what());
        }
        leaving++;
        expect(self.leave(false) && leaving == size, "leaves with the others");
        backend->destroy(device);
      });
    for (std::thread &thread : threads) thread.join();
    for (const std::string &what : wrong) check(what.empty(), "%d ranks as threads: %s", size, what.c_str());
  }
}

} // namespace

// Shares of a sum, and everybody's shares, against float64; the same bits whatever the timing.
void sums_and_gatherings() {
  for (int n = 0; n < 40; n++) {
    const int world = (int)between(rng, 1, 7);
    const int64_t floats = world * between(rng, 1, 40), room = between(rng, 1, 50);
    std::vector<std::vector<float>> before(world, std::vector<float>(floats)), first;
    for (auto &data : before)
      for (float &x : data) x = std::normal_distribution<float>()(rng);
    for (int repeat = 0; repeat < 2; repeat++) {
      std::vector<std::vector<float>> data = before;
      ctx::LocalRing ring(world);
      std::vector<std::thread> threads;
      for (int r = 0; r < world; r++)
        threads.emplace_back([&, r] {
          ctx::Ops ops;
          ops.table = backend;
          if (backend->create(0, 1, &ops.device) != CTX_OK) return;
          Slow slow(ring.end(r), r + repeat * 100);
          std::vector<float> scratch(room);
          ctx::reduce_scatter(ops, slow, data[r].data(), floats, scratch.data(), room);
          ctx::all_gather(ops, slow, data[r].data(), size_t(floats / world) * sizeof(float));
          backend->destroy(ops.device);
        });
      for (std::thread &thread : threads) thread.join();
      for (int64_t i = 0; i < floats; i++) {
        double sum = 0, size = 0;
        for (const auto &part : before) sum += part[i], size += std::fabs(part[i]);
        for (int r = 0; r < world; r++) {
          check(std::fabs(data[r][i] - sum) <= world * 6e-8 * size, "sum %ld on rank %d of %d is %g, not %g", (long)i, r, world, data[r][i], sum);
          check(data[r][i] == data[0][i], "all ranks hold the same sum");
        }
      }
      if (repeat == 0) first = data;
      else check(first == data, "timing does not show in sums");
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::printf("usage: ring_test <backend library>\n");
    return 2;
  }
  backend = open_backend(argv[1]);
  zigzag_properties();
  ring_equals_float64_and_one_rank();
  ring_of_one();
  timing_does_not_show();
  failure_reaches_all();
  sums_and_gatherings();
  ranks_as_threads();
  std::printf("%s: %d checks, %d failures\n", backend->name, checks, failures);
  return failures ? 1 : 0;
}
