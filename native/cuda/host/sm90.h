// sm90.h: what ptx_sm90.cuh needs of a Hopper GPU, on a CPU: mbarriers, TMA loads, wgmma and named barriers for the fibers of cuda_runtime.h.
// The kernels are the same; only their instructions are these functions.
//
// What the GPU does by itself happens here at its issue, or as late as it can: CTX_SHIM_LATE=loads puts loads off until no thread can go on
// without one, and then does any one of them, and sums until they are waited for: they read shared memory at bulk_wait_read, and are in global memory
// after bulk_wait; CTX_SHIM_LATE=products puts products off until they are waited for; both may be named. A kernel that reads registers or global
// memory that it has not waited for is wrong under one of the two. What touches shared memory must be ordered by what is waited for, however it
// happens to run (shared_order.h): what reads what is still to come, gives back what is still read, or lacks a fence_async ends the process.
//
// So do: access outside the block's shared memory, a barrier that gets more than it expects, an mbarrier whose phase nobody has waited for when
// somebody arrives for the next, a wgmma with no fence after registers may have been touched, registers that nobody has given up, a block that
// ends while something runs beside it, threads that all wait.
//
// Not modelled: costs, caches, what wait_turn and pass_turn do about the order of memory operations, and what a compiler may do with registers.
//
// defines: the functions of ptx_sm90.cuh
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <vector>

#include "../../include/half.h"
#include "../layout_sm90.h"
#include "shared_order.h"

namespace ctx_cuda::sm90 {

// ---- what runs by itself ----

struct Product {
  float *d;
  int n;
  bool add, a_mn, b_mn;
  const uint32_t *a; // its registers, or null: shared memory
  Descriptor at_a, at_b;
};
struct Queue { // of a thread
  std::vector<std::vector<Product>> groups; // the oldest first
  std::vector<Product> open;
  bool fenced = false;
  struct Written {
    uint32_t address;
    uint64_t bits;
    size_t bytes;
  };
  std::vector<Written> written; // to shared memory, and not fenced
  struct Sum { // of TMA: a box of fp32
    float *to; // its first number
    int64_t ld;
    int rows, cols; // that are there
    uint32_t from;
    std::vector<float> read;
  };
  std::vector<std::vector<Sum>> sums; // groups that are not done, the oldest first
  std::vector<Sum> open_sums;
};
struct NamedBarrier {
  int arrived = 0, expected = 0;
  size_t held = 0;
  void arrive(int threads);
};
struct Hopper {
  std::vector<Queue> threads;
  std::vector<std::function<void()>> loads;
  NamedBarrier named[16];
  ctx_shim::SharedOrder order;
  int registers = 0; // that warpgroups have given up, of each thread together
  uint32_t random = 1;
};
inline thread_local Hopper hopper;

inline bool late(const char *what) {
  static const char *set = std::getenv("CTX_SHIM_LATE");
  return set && std::strstr(set, what);
}
inline bool do_loads() {
  if (hopper.loads.empty()) return false;
  hopper.random = hopper.random * 1664525 + 1013904223;
  const auto any = hopper.loads.begin() + int64_t(uint64_t(hopper.random) * hopper.loads.size() >> 32);
  const auto load = std::move(*any);
  hopper.loads.erase(any);
  load();
  return true;
}
inline void new_block() {
  hopper.threads.clear();
  hopper.threads.resize(ctx_shim::machine.count());
  hopper.loads.clear();
  for (NamedBarrier &b : hopper.named) b = {};
  hopper.order.reset();
  hopper.registers = 0;
}
inline void end_thread();
inline void change_places(size_t other) {
  static thread_local std::vector<Hopper> kept;
  if (kept.size() <= other) kept.resize(other + 1);
  std::swap(hopper, kept[other]);
}
inline const bool installed = [] {
  ctx_shim::at_block_start = new_block;
  ctx_shim::change_places = change_places;
  ctx_shim::when_all_wait = do_loads;
  ctx_shim::at_thread_end = end_thread;
  ctx_shim::watch_meeting = [](bool whole_block, size_t round, bool leaving) { hopper.order.meet(whole_block, round, leaving); };
  return true;
}();
inline Queue &queue() { return hopper.threads[ctx_shim::machine.current]; }
inline bool one_of_warp() { return ctx_shim::machine.current % 32 == 0; }

// ---- shared memory, by addresses that begin at 1024 ----

constexpr uint32_t SHARED_BASE = 1024;
inline uint32_t shared_address(const void *p) { return uint32_t(static_cast<const char *>(p) - ctx_shim::shared_bytes()) + SHARED_BASE; }
inline void *shared_at(uint32_t address, size_t bytes) {
  if (address < SHARED_BASE || address - SHARED_BASE + bytes > ctx_shim::machine.shared_size) ctx_shim::broken("outside shared memory");
  return ctx_shim::shared_bytes() + (address - SHARED_BASE);
}

// ---- mbarrier ----

struct Mbarrier {
  int32_t bytes; // that are still to come
  uint16_t pending : 15, seen : 1, expected : 15, phase : 1; // seen: somebody has waited for the phase before
};
static_assert(sizeof(Mbarrier) == 8);
constexpr int32_t MOST_BYTES = (1 << 20) - 1; // of a phase
inline Mbarrier &mbarrier(uint32_t address) { return *static_cast<Mbarrier *>(shared_at(address, 8)); }
inline void settle(uint32_t bar) {
  Mbarrier &b = mbarrier(bar);
  ctx_shim::machine.progress++;
  if (b.pending > 0 || b.bytes != 0) return;
  hopper.order.end_phase_of(bar, b.phase);
  b.pending = b.expected, b.phase ^= 1, b.seen = 0;
}
inline void barrier_init(uint32_t bar, uint32_t arrivals) {
  mbarrier(bar) = {0, uint16_t(arrivals), 1, uint16_t(arrivals), 0};
  hopper.order.make_barrier(bar);
}
inline void barrier_init_fence(std::source_location at = std::source_location::current()) {
  if (!ctx_shim::left_out(at)) hopper.order.publish_barriers();
}
inline void barrier_arrive(uint32_t bar) {
  Mbarrier &b = mbarrier(bar);
  hopper.order.arrive_at(bar);
  if (b.pending == 0) ctx_shim::broken("more arrive at an mbarrier than it expects");
  if (!b.seen) ctx_shim::broken("an mbarrier's phase goes by that nobody has waited for");
  b.pending--;
  settle(bar);
}
inline void barrier_expect(uint32_t bar, uint32_t bytes) {
  Mbarrier &b = mbarrier(bar);
  if (b.bytes > MOST_BYTES - int32_t(bytes)) ctx_shim::broken("more bytes for a phase of an mbarrier than it counts");
  b.bytes += int32_t(bytes);
  barrier_arrive(bar);
}
inline void barrier_wait(uint32_t bar, uint32_t parity, std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  Mbarrier &b = mbarrier(bar);
  if (b.phase == parity) ctx_shim::wait_until([&] { return b.phase != parity; });
  b.seen = 1;
  hopper.order.wait_at(bar, parity);
}

// ---- TMA ----

struct TensorMap { // a matrix of bf16 and the box that a load brings, or of fp32 and the box that a sum takes
  void *data;
  int64_t rows, cols, ld;
  int box_rows;
};
constexpr uint64_t EVICT_FIRST = 0, EVICT_LAST = 0;
inline void prefetch(const TensorMap *) {}
inline void tma_load(uint32_t to, const TensorMap *m, uint32_t bar, int col, int row, uint64_t) {
  if (to % ATOM_BYTES) ctx_shim::broken("a TMA load to an address that is no multiple of 1024");
  const TensorMap map = *m;
  shared_at(to, size_t(map.box_rows) * ROW_BYTES);
  hopper.order.load(to - SHARED_BASE, size_t(map.box_rows) * ROW_BYTES, bar);
  const auto load = [=] {
    for (int r = 0; r < map.box_rows; r++)
      for (int c = 0; c < BLOCK; c++) {
        const bool there = row + r >= 0 && row + r < map.rows && col + c >= 0 && col + c < map.cols;
        *static_cast<uint16_t *>(shared_at(swizzled(to + uint32_t(r * ROW_BYTES + c * 2)), 2)) = there ? static_cast<const uint16_t *>(map.data)[(row + r) * map.ld + col + c] : 0;
      }
    mbarrier(bar).bytes -= map.box_rows * ROW_BYTES;
    hopper.order.landed(bar);
    settle(bar);
  };
  if (late("loads")) hopper.loads.push_back(load);
  else load();
}

inline void tma_add(const TensorMap *m, uint32_t from, int col, int row) {
  if (from % ATOM_BYTES) ctx_shim::broken("a TMA sum from an address that is no multiple of 1024");
  if (row < 0 || col < 0) ctx_shim::broken("a TMA sum that begins outside the matrix");
  shared_at(from, size_t(m->box_rows) * ROW_BYTES);
  hopper.order.begin_read();
  hopper.order.read(size_t(m->box_rows), [=](size_t i) { return from - SHARED_BASE + uint32_t(i) * ROW_BYTES; }, "a sum of TMA");
  const auto there = [](int64_t size, int first, int box) { return int(std::max<int64_t>(0, std::min<int64_t>(box, size - first))); };
  queue().open_sums.push_back({static_cast<float *>(m->data) + row * m->ld + col, m->ld, there(m->rows, row, m->box_rows), there(m->cols, col, ROW_BYTES / 4), from, {}});
}
inline void read_sums(size_t groups) { // the oldest
  for (size_t g = 0; g < groups; g++)
    for (Queue::Sum &s : queue().sums[g])
      if (s.read.empty())
        for (int r = 0; r < s.rows; r++)
          for (int c = 0; c < s.cols; c++) s.read.push_back(*static_cast<const float *>(shared_at(swizzled(s.from + uint32_t(r * ROW_BYTES + c * 4)), 4)));
}
inline void do_sums(size_t groups) {
  read_sums(groups);
  for (size_t g = 0; g < groups; g++)
    for (const Queue::Sum &s : queue().sums[g])
      for (int r = 0; r < s.rows; r++)
        for (int c = 0; c < s.cols; c++) s.to[r * s.ld + c] += s.read[size_t(r * s.cols + c)];
  queue().sums.erase(queue().sums.begin(), queue().sums.begin() + int64_t(groups));
}
inline void bulk_commit() {
  hopper.order.commit_reads();
  queue().sums.push_back(std::move(queue().open_sums));
  queue().open_sums.clear();
  if (!late("loads")) do_sums(queue().sums.size());
}
template <int N> void bulk_wait_read(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  hopper.order.wait_reads(N);
  if (queue().sums.size() > N) read_sums(queue().sums.size() - N);
}
template <int N> void bulk_wait(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  hopper.order.wait_reads(N);
  if (queue().sums.size() > N) do_sums(queue().sums.size() - N);
}

// ---- shared memory for wgmma and TMA ----

template <class T> void write_later(uint32_t to, T value) {
  shared_at(to, sizeof value);
  hopper.order.write(to - SHARED_BASE, sizeof value);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  queue().written.push_back({to, bits, sizeof value});
}
inline void stmatrix(uint32_t to, uint32_t r0, uint32_t r1, uint32_t r2, uint32_t r3) {
  const size_t thread = ctx_shim::machine.current, lane = thread % 32;
  const uint32_t r[] = {r0, r1, r2, r3};
  for (size_t m = 0; m < 4; m++) write_later(ctx_shim::shuffle(to, thread - lane + 8 * m + lane / 4) + uint32_t(lane % 4) * 4, r[m]);
}
inline void shared_store(uint32_t to, float x, float y) { write_later(to, std::array{x, y}); }
// Plain loads and stores say where they are.
inline void seen_read(const void *p, int bytes) { hopper.order.plain_read(shared_address(p) - SHARED_BASE, size_t(bytes)); }
inline void seen_write(const void *p, int bytes) { hopper.order.plain_write(shared_address(p) - SHARED_BASE, size_t(bytes)); }
inline void fence_async(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  for (const Queue::Written &w : queue().written) {
    std::memcpy(shared_at(w.address, w.bytes), &w.bits, w.bytes);
    hopper.order.fenced(w.address - SHARED_BASE, w.bytes);
  }
  queue().written.clear();
}

// ---- wgmma ----

// Operands in shared memory; knows where that is, since this is where the time goes.
struct Reader {
  const char *memory = ctx_shim::shared_bytes() - SHARED_BASE;
  size_t end = SHARED_BASE + ctx_shim::machine.shared_size;
  float operator()(Descriptor d, bool mn_major, int outer, int k) const {
    const uint32_t address = operand_address(d, mn_major, outer, k);
    if (address < SHARED_BASE || address + 2 > end) ctx_shim::broken("an operand outside shared memory");
    return ctx::from_bf16(*reinterpret_cast<const uint16_t *>(memory + address));
  }
};

// This thread's numbers of D (+)= A B. `of`: the same product of a thread of this warp.
template <class F> void multiply(const Product &p, const F &of) {
  const int thread = int(ctx_shim::machine.current % 128);
  const Reader from_shared;
  float a[2][K_STEP];
  for (int half = 0; half < 2; half++)
    for (int k = 0; k < K_STEP; k++) {
      const int row = fragment_row(thread, 2 * half);
      if (!p.a) {
        a[half][k] = from_shared(p.at_a, p.a_mn, row, k);
        continue;
      }
      for (int other = thread / 4 * 4; other < thread / 4 * 4 + 4; other++) // the threads that hold this row
        for (int r = 0; r < 4; r++)
          for (int h = 0; h < 2; h++)
            if (a_row(other, r) == row && a_k(other, r, h) == k) a[half][k] = ctx::from_bf16(uint16_t(of(other - thread).a[r] >> (16 * h)));
    }
  for (int i = 0; i < p.n / 2; i += 4)
    for (int e = 0; e < 2; e++) {
      float b[K_STEP];
      for (int k = 0; k < K_STEP; k++) b[k] = from_shared(p.at_b, p.b_mn, fragment_column(thread, i + e), k);
      for (int half = 0; half < 2; half++) {
        float sum = p.add ? p.d[i + 2 * half + e] : 0;
        for (int k = 0; k < K_STEP; k++) sum += a[half][k] * b[k];
        p.d[i + 2 * half + e] = sum;
      }
    }
}
inline void do_group() { // the oldest
  const size_t self = ctx_shim::machine.current;
  ctx_shim::meet_warp(); // all have issued it
  const std::vector<Product> &group = queue().groups.front();
  for (size_t i = 0; i < group.size(); i++) multiply(group[i], [&](int away) -> const Product & { return hopper.threads[size_t(int64_t(self) + away)].groups.front()[i]; });
  ctx_shim::meet_warp(); // all have read each other's registers
  queue().groups.erase(queue().groups.begin());
}
inline void wgmma_fence(std::source_location at = std::source_location::current()) {
  if (!ctx_shim::left_out(at)) queue().fenced = true;
}
inline void wgmma_commit() {
  if (one_of_warp()) hopper.order.commit_reads();
  queue().groups.push_back(std::move(queue().open));
  queue().open.clear();
  if (!late("products")) do_group();
}
template <int N> void wgmma_wait(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  if (one_of_warp()) hopper.order.wait_reads(N);
  while (queue().groups.size() > N) do_group();
  queue().fenced = false;
}
// A warp's product reads its operands in shared memory from now on: whole rows, which swizzling leaves where they are.
inline void begin_read(Descriptor d, bool mn_major, int outer_end) {
  const int blocks = outer_end / BLOCK;
  const auto row = [=](size_t i) { return (mn_major ? operand_address(d, true, int(i) % blocks * BLOCK, int(i) / blocks) : operand_address(d, false, int(i), 0)) - SHARED_BASE; };
  hopper.order.read(size_t(mn_major ? blocks * K_STEP : outer_end), row, "a product");
}
inline void issue(const Product &p) {
  if (!queue().fenced) ctx_shim::broken("wgmma without a fence");
  if (one_of_warp()) {
    hopper.order.begin_read();
    if (!p.a) begin_read(p.at_a, p.a_mn, 64);
    begin_read(p.at_b, p.b_mn, p.n);
  }
  queue().open.push_back(p);
}
template <int N, bool A_MN, bool B_MN> void wgmma_ss(float (&d)[N / 2], Descriptor a, Descriptor b, bool add) {
  issue({d, N, add, A_MN, B_MN, nullptr, a, b});
}
template <int N, bool B_MN> void wgmma_rs(float (&d)[N / 2], const uint32_t *a, Descriptor b, bool add) {
  issue({d, N, add, false, B_MN, a, {}, b});
}
inline void wait_after(float x, uint32_t) {
  if (x < 0) ctx_shim::broken("wait_after a number below 0");
}
template <class T, int N> void hold(T (&)[N]) { queue().fenced = false; } // what is held may have been touched

// ---- the rest ----

inline void NamedBarrier::arrive(int threads) {
  if (this <= hopper.named || this >= hopper.named + 16 || threads % 32) ctx_shim::broken("a named barrier other than 1-15, or of a part of a warp");
  if (arrived > 0 && threads != expected) ctx_shim::broken("a named barrier is expected to have two numbers of threads");
  expected = threads;
  ctx_shim::SharedOrder::Crossing &crossing = hopper.order.named(int(this - hopper.named));
  hopper.order.arrive(crossing);
  if (++arrived == threads) hopper.order.end_phase(crossing, held++ % 2), arrived = 0;
  ctx_shim::machine.progress++;
}
inline void named_sync(int id, int threads, std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  NamedBarrier &b = hopper.named[id];
  const size_t before = b.held;
  b.arrive(threads);
  if (b.held == before) ctx_shim::wait_until([&] { return b.held != before; });
  hopper.order.leave(hopper.order.named(id), before % 2);
}
inline void named_arrive(int id, int threads) { hopper.named[id].arrive(threads); }
inline uint32_t take_number(uint32_t *next) { return (*next)++; }
inline void wait_turn(const uint32_t *turn, uint32_t mine, std::source_location at = std::source_location::current()) {
  if (!ctx_shim::left_out(at)) ctx_shim::wait_until([&] { return *turn == mine; });
}
inline void pass_turn(uint32_t *turn, uint32_t next) {
  if (!queue().open_sums.empty() || !queue().sums.empty()) ctx_shim::broken("the turn is passed before sums are done");
  *turn = next;
  ctx_shim::machine.progress++;
}

inline int launch_registers() { return 65536 / int(ctx_shim::machine.count()) / 8 * 8; } // of a thread
template <int N> void more_registers() {
  ctx_shim::wait_until([] { return hopper.registers >= N - launch_registers(); });
  hopper.registers -= N - launch_registers();
}
template <int N> void fewer_registers() {
  hopper.registers += launch_registers() - N;
  ctx_shim::machine.progress++;
}
// What nobody has waited for may come when another block has the shared memory.
inline void end_thread() {
  if (one_of_warp() && hopper.order.reads()) ctx_shim::broken("a thread ends while wgmma or TMA reads for it");
  if (ctx_shim::machine.alive > 1) return;
  if (!hopper.loads.empty()) ctx_shim::broken("a block ends while TMA loads");
  for (const NamedBarrier &b : hopper.named)
    if (b.arrived > 0) ctx_shim::broken("a block ends, and has arrived at a named barrier for nobody");
}
inline uint32_t anew(uint32_t x) { return x; }
inline uint32_t thread_anew() { return uint32_t(ctx_shim::machine.thread.x); }
inline uint32_t pack(float low, float high) { return uint32_t(ctx::to_bf16(low)) | uint32_t(ctx::to_bf16(high)) << 16; }
inline float exp2_fast(float x) { return std::exp2(x); }

} // namespace ctx_cuda::sm90
