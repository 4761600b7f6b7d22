// shared_order.h (host shim): whether what threads, TMA and wgmma do to the same bytes of a block's shared memory, one of them writing, is ordered by
// barriers: whatever order the shim happens to run them in. Vector clocks (Mattern 1989), as order.h has them for streams.
//
// A thread's clock says how much it knows to be over of what each other thread did, and of what TMA loaded for each mbarrier. Barriers of all kinds
// take the clocks of those who arrive to those who wait; shuffles and products of a warp order nothing. What runs beside the threads takes time:
//
//   a load of TMA       writes from its issue until its mbarrier's phase has been waited for
//   a product of wgmma  reads shared memory from its issue until its warp has waited for its group; a sum of TMA until bulk_wait_read
//   a thread's write    is there for TMA and wgmma when that thread has come to fence_async
//
// Account is kept of rows of 128 bytes, as tiles have them (layout_sm90.h): one is written by a load or by threads of one warp, and read as a whole.
// Of Hopper's kernels, from their first barrier_init on. Plain loads and stores of theirs are seen where they say so (seen_read, seen_write).
//
// defines: ctx_shim::SharedOrder
#pragma once
#include <cuda_runtime.h>

#include <array>
#include <map>
#include <unordered_map>

namespace ctx_shim {

class SharedOrder {
 public:
  using Times = std::vector<uint32_t>; // by agent: the block's threads, then its mbarriers
  // Where clocks pass: of the phase that arrivals now count for, and of the last two that are over.
  struct Crossing {
    Times coming, gone[2];
    size_t over = 0; // phases
  };

  void reset() { clocks_.clear(), rows_.clear(), words_.clear(), barriers_.clear(), named_.clear(), warps_.clear(), block_ = {}; }
  bool watches() const { return !clocks_.empty(); }

  // ---- barriers ----

  void arrive(Crossing &at) {
    if (!watches()) return;
    join(at.coming, mine());
    mine()[self()]++;
  }
  void end_phase(Crossing &at, size_t parity) {
    at.gone[parity] = std::move(at.coming);
    at.coming.clear();
    at.over++;
  }
  void leave(Crossing &at, size_t parity) {
    if (watches()) join(mine(), at.gone[parity]);
  }
  Crossing &named(int id) { return named_[id]; }
  // Of __syncthreads and __syncwarp, of which all have arrived when one leaves: the thread's `round`-th.
  void meet(bool whole_block, size_t round, bool leaving) {
    if (!watches()) return;
    Crossing &at = whole_block ? block_ : warps_[self() / 32].meeting;
    if (!leaving) return arrive(at);
    if (at.over <= round) at.over = round, end_phase(at, round % 2);
    leave(at, round % 2);
  }

  // ---- mbarriers ----

  void make_barrier(uint32_t address) {
    if (!watches()) begin();
    if (barriers_.size() == MOST_BARRIERS) broken("more mbarriers than the shim keeps account of");
    barriers_[address] = {machine.count() + barriers_.size(), self(), mine()[self()], false, 0, 0, {}};
  }
  // To whoever knows of this thread's barrier_init, and to TMA.
  void publish_barriers() {
    for (auto &[_, b] : barriers_) b.published = b.published || b.maker == self();
  }
  void arrive_at(uint32_t address) { arrive(known(address).crossing); }
  void wait_at(uint32_t address, size_t parity) { leave(known(address).crossing, parity); }
  void end_phase_of(uint32_t address, size_t parity) {
    Barrier &b = barriers_[address];
    b.crossing.coming.resize(clocks_[0].size());
    b.crossing.coming[b.agent] = b.landed;
    end_phase(b.crossing, parity);
  }
  void landed(uint32_t address) { barriers_[address].landed++; }

  // ---- accesses; `at`: the byte of shared memory ----

  // TMA will write, and the mbarrier tell.
  void load(uint32_t at, size_t bytes, uint32_t barrier) {
    Barrier &b = known(barrier);
    b.loads++;
    for_rows(at, bytes, [&](Row &r) {
      begin_write(r, "a load of TMA", at);
      r.loader = b.agent, r.loaded = b.loads, r.warp = NOBODY;
    });
  }
  // A write of this thread; before `fenced` TMA and wgmma don't see it.
  void write(uint32_t at, size_t bytes) {
    for_rows(at, bytes, [&](Row &r) {
      begin_write(r, "a thread's write", at);
      if (r.warp != self() / 32) r.warp = self() / 32, r.written = {}, r.loader = NOBODY;
      r.written[self() % 32] = NOT_FENCED;
    });
  }
  void fenced(uint32_t at, size_t bytes) {
    for_rows(at, bytes, [&](Row &r) {
      if (r.warp == self() / 32) r.written[self() % 32] = mine()[self()];
    });
  }
  // For a warp, by its first thread, products or sums, not both: of what follows up to commit_reads, wait_reads waits for all but the last groups.
  void begin_read() { warp().issued++; }
  // `count` rows, the i-th where at(i) is.
  template <class At> void read(size_t count, const At &at, const char *who) {
    if (!watches()) broken("TMA or wgmma before any barrier_init");
    const size_t self_warp = self() / 32; // what is thread_local is looked up once: this is where the time goes
    const uint32_t number = warps_[self_warp].issued;
    const Times &clock = mine();
    for (size_t i = 0; i < count; i++) {
      const uint32_t place = at(i);
      if (place / ROW >= rows_.size()) broken("an operand outside shared memory");
      Row &r = rows_[place / ROW];
      r.read[self_warp] = number;
      if (r.loader != NOBODY) {
        if (clock[r.loader] < r.loaded) race(who, "reads what TMA loads", place);
        continue;
      }
      if (r.warp == NOBODY) race(who, "reads what nobody has written", place);
      for (size_t lane = 0; lane < 32; lane++)
        if (clock[32 * r.warp + lane] < r.written[lane]) race(who, r.written[lane] == NOT_FENCED ? "reads what a thread has written and not fenced" : "reads what a thread writes", place);
    }
  }
  void commit_reads() { warp().groups.push_back(warp().issued); }
  void wait_reads(size_t but) {
    Warp &w = warp();
    if (w.groups.size() <= but) return;
    w.ended.resize(std::max<size_t>(w.ended.size(), w.groups[w.groups.size() - 1 - but]), mine()[self()]);
  }
  bool reads() { return watches() && warp().ended.size() < warp().issued; }

  // Plain loads and stores of this thread, of words that neither TMA nor wgmma touches.
  void plain_read(uint32_t at, size_t bytes) {
    for_words(at, bytes, [&](Word &w) {
      if (w.writer == NOBODY || !knows(w.writer, w.written)) race("a thread", "reads what another writes", at);
      w.read.resize(machine.count());
      w.read[self()] = mine()[self()];
    });
  }
  void plain_write(uint32_t at, size_t bytes) {
    for_words(at, bytes, [&](Word &w) {
      if (w.writer != NOBODY && !knows(w.writer, w.written)) race("a thread", "writes what another writes", at);
      for (size_t t = 0; t < w.read.size(); t++)
        if (!knows(t, w.read[t])) race("a thread", "writes what another still reads", at);
      w.writer = self(), w.written = mine()[self()];
    });
  }

 private:
  static constexpr size_t ROW = 128, MOST_BARRIERS = 32, MOST_WARPS = 16; // ROW: bytes
  static constexpr size_t NOBODY = SIZE_MAX;
  static constexpr uint32_t NOT_FENCED = UINT32_MAX;

  struct Row {
    size_t loader = NOBODY, warp = NOBODY;  // the mbarrier of the load, or the warp, that wrote last
    uint32_t loaded = 0;                    // which of the mbarrier's loads
    std::array<uint32_t, 32> written{};     // when each of the warp's threads did
    std::array<uint32_t, MOST_WARPS> read{}; // by each warp last: the number of its read, from 1
  };
  struct Word { // 4 bytes
    size_t writer = NOBODY;
    uint32_t written = 0;
    Times read; // by each thread last
  };
  struct Warp {
    uint32_t issued = 0;          // reads
    std::vector<uint32_t> groups; // by then, at each commit
    std::vector<uint32_t> ended;  // when each read was waited for, in the time of the warp's first thread
    Crossing meeting;
  };
  struct Barrier {
    size_t agent, maker;
    uint32_t made; // in the maker's time
    bool published;
    uint32_t loads, landed;
    Crossing crossing;
  };
  std::vector<Times> clocks_; // of each thread
  std::vector<Row> rows_;
  std::unordered_map<uint32_t, Word> words_;
  std::map<uint32_t, Barrier> barriers_; // by address
  std::map<int, Crossing> named_;
  std::vector<Warp> warps_;
  Crossing block_;

  static size_t self() { return machine.current; }
  Times &mine() { return clocks_[self()]; }
  Warp &warp() { return warps_[self() / 32]; }
  static void join(Times &clock, const Times &other) {
    if (clock.size() < other.size()) clock.resize(other.size());
    for (size_t i = 0; i < other.size(); i++) clock[i] = std::max(clock[i], other[i]);
  }
  void begin() {
    const size_t n = machine.count();
    clocks_.assign(n, Times(n + MOST_BARRIERS));
    for (size_t i = 0; i < n; i++) clocks_[i][i] = 1;
    rows_.assign((machine.shared_size + ROW - 1) / ROW, {});
    warps_.resize((n + 31) / 32);
    if (warps_.size() > MOST_WARPS) broken("more warps than the shim keeps account of");
  }
  bool knows(size_t agent, uint32_t time) { return agent == self() || mine()[agent] >= time; }

  Barrier &known(uint32_t address) {
    const auto found = barriers_.find(address);
    if (found == barriers_.end() || !knows(found->second.maker, found->second.made)) broken("an mbarrier is used whose barrier_init no barrier orders before");
    if (!found->second.published) broken("an mbarrier is used with no barrier_init_fence after its barrier_init");
    return found->second;
  }

  [[noreturn]] static void race(const char *who, const char *does, uint32_t at) {
    char text[200];
    std::snprintf(text, sizeof text, "a race: %s %s, at byte %u of shared memory, and no barrier between", who, does, at);
    broken(text);
  }
  void begin_write(const Row &r, const char *who, uint32_t at) {
    if (r.loader != NOBODY && mine()[r.loader] < r.loaded) race(who, "comes over what TMA loads", at);
    if (r.warp != NOBODY && r.warp != self() / 32)
      for (size_t lane = 0; lane < 32; lane++)
        if (!knows(32 * r.warp + lane, r.written[lane])) race(who, "comes over what a thread writes", at);
    for (size_t w = 0; w < warps_.size(); w++) {
      if (r.read[w] == 0) continue;
      const bool over = r.read[w] <= warps_[w].ended.size();
      if (!over || (w != self() / 32 && mine()[32 * w] < warps_[w].ended[r.read[w] - 1])) race(who, "comes over what TMA or wgmma still reads", at);
    }
  }
  template <class F> void for_rows(uint32_t at, size_t bytes, const F &f) {
    if (!watches()) broken("TMA or wgmma before any barrier_init");
    for (size_t i = at / ROW; i <= (at + bytes - 1) / ROW; i++) f(rows_[i]);
  }
  template <class F> void for_words(uint32_t at, size_t bytes, const F &f) {
    for (uint32_t i = at / 4; i <= (at + bytes - 1) / 4; i++) f(words_[i]);
  }
};

} // namespace ctx_shim
