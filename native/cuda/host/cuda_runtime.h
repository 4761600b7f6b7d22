// cuda_runtime.h (host shim): runs plain CUDA kernels on a CPU, so that their arithmetic and their indices can be tested, under a sanitizer
// too, where there is no GPU. Stands in for CUDA's header of that name when the sources of native/cuda are compiled as C++.
//
// A block runs at a time, or with CTX_SHIM_BLOCKS=<n> so many, at paces of their own, as blocks do that wait for each other; each of its threads is a fiber that goes on until the next barrier or warp shuffle, where it waits for the others
// that must come there. CTX_SHIM_ORDER=reverse takes blocks, and the threads of a block, in falling order: a kernel that lacks a barrier then gives
// something else. CTX_SHIM_SLOW=<first>-<last> keeps warps of a block behind the others as far as those can go without them. Threads that all wait for what none of them will do end the process with a message. Shared memory is filled with NaN
// before each block. What of Hopper runs ahead by itself (TMA, wgmma) is in sm90.h; memory, streams and events are in runtime.h.
//
// defines: what native/cuda uses of the CUDA runtime, and ctx_shim::run, shared_bytes, wait_until, meet_warp, broken
#pragma once
#if !defined(__x86_64__)
#error "the shim switches fibers in x86-64 assembly"
#endif
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <source_location>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// ---- threads of a block as fibers ----

// Saves the callee-saved registers on the stack it leaves, whose pointer goes to *from, and goes on with the stack `to`.
extern "C" void ctx_shim_switch(void **from, void *to);
asm(R"(
.text
.weak ctx_shim_switch
.type ctx_shim_switch, @function
ctx_shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace ctx_shim {

struct Fiber {
  void *stack_pointer;
  bool ended;
};

// Where threads wait for each other, again and again.
struct Meeting {
  size_t arrived = 0, held = 0; // threads that are there; how often all were
};

struct Machine {
  static constexpr size_t STACK = 128 * 1024;

  dim3 thread, block, threads, blocks; // threadIdx, blockIdx, blockDim, gridDim
  std::vector<Fiber> fibers;
  std::vector<char *> stacks;
  std::vector<uint64_t> exchanged; // what each thread gives to a shuffle
  std::vector<char> shared;
  size_t shared_size = 0;
  void *scheduler = nullptr; // its stack pointer while a fiber runs
  size_t current = 0;
  Meeting all;                    // __syncthreads
  uint64_t earlier = 0;           // __syncthreads and beginnings of blocks before this block's first
  std::vector<uint32_t> synced;   // __syncwarps of each thread
  std::vector<Meeting> warps;     // __syncwarp
  std::vector<size_t> warp_alive; // threads of each warp that have not ended
  size_t alive = 0;
  uint64_t progress = 0;             // grows when a thread does what another may wait for
  const std::function<void()> *kernel = nullptr;

  Machine() = default;
  Machine(Machine &&) = default;
  Machine &operator=(Machine &&) = default;
  ~Machine() {
    for (char *s : stacks) std::free(s);
  }
  uint64_t epoch() const { return earlier + all.held; } // no two of a thread's epochs in this process are the same
  size_t count() const { return size_t(threads.x) * threads.y * threads.z; }
  dim3 place(size_t i) const { return {unsigned(i % threads.x), unsigned(i / threads.x % threads.y), unsigned(i / threads.x / threads.y)}; }
};

inline thread_local Machine machine;

// Set by sm90.h: what is done before a block starts; does what has been put off, and says whether there was anything.
inline void (*at_block_start)() = nullptr;
inline void (*change_places)(size_t other) = nullptr; // of several blocks: this one's state with the other-th that is kept
inline bool (*when_all_wait)() = nullptr;
inline void (*at_thread_end)() = nullptr;
inline void (*watch_meeting)(bool whole_block, size_t round, bool leaving) = nullptr; // a thread comes to its round-th __syncthreads or __syncwarp, leaves it
// Set by races.cc: a block begins; a copy beside its threads into shared memory begins, or has been waited for.
inline void (*watch_block)() = nullptr;
inline void (*watch_copy)(void *to, size_t bytes, bool done) = nullptr;

inline bool reversed() {
  static const char *order = std::getenv("CTX_SHIM_ORDER");
  return order && !std::strcmp(order, "reverse");
}

// These go on only when no other can.
inline bool slow(size_t thread) {
  struct Warps {
    size_t first = SIZE_MAX, last = 0;
  };
  static const Warps warps = [] {
    Warps w;
    if (const char *set = std::getenv("CTX_SHIM_SLOW")) std::sscanf(set, "%zu-%zu", &w.first, &w.last);
    return w;
  }();
  return warps.first <= thread / 32 && thread / 32 <= warps.last;
}

// CTX_SHIM_WITHOUT=<file>:<line>: the barrier that stands there is left out, to see that a test fails.
inline bool left_out(const std::source_location &at) {
  static const char *const place = std::getenv("CTX_SHIM_WITHOUT");
  if (!place) return false;
  const char *const line = std::strrchr(place, ':'), *const name = std::strrchr(at.file_name(), '/');
  return line && unsigned(std::atoi(line + 1)) == at.line() && name && !std::strncmp(name + 1, place, size_t(line - place)) && !name[1 + (line - place)];
}

[[noreturn]] inline void broken(const char *what) {
  const Machine &m = machine;
  std::fprintf(stderr, "CUDA on the host: thread %zu of block (%u, %u): %s\n", m.current, m.block.x, m.block.y, what);
  std::abort();
}

// The other threads get their turn.
inline void pause() {
  Machine &m = machine;
  const size_t self = m.current;
  ctx_shim_switch(&m.fibers[self].stack_pointer, m.scheduler);
}

// The others go on until ready(); ready may have effects when it says yes.
template <class F> void wait_until(const F &ready) {
  while (!ready()) pause();
  machine.progress++;
}

// Waits until as many threads as `expected` says have come; that may fall while they wait, as threads end.
template <class F> void meet(Meeting &where, const F &expected) {
  const size_t before = where.held;
  where.arrived++;
  machine.progress++;
  wait_until([&] {
    if (where.held == before && where.arrived >= expected()) where.held++, where.arrived = 0;
    return where.held != before;
  });
}
inline void meet_warp() {
  Machine &m = machine;
  const size_t warp = m.current / 32;
  meet(m.warps[warp], [&m, warp] { return m.warp_alive[warp]; });
}
inline void meet_block() {
  Machine &m = machine;
  meet(m.all, [&m] { return m.alive; });
}

// Where a fiber begins. It never returns: its frames are left as they are.
__attribute__((no_sanitize("address"), noinline)) inline void begin() {
  Machine &m = machine;
  (*m.kernel)();
  if (at_thread_end) at_thread_end();
  m.fibers[m.current].ended = true;
  m.alive--;
  m.warp_alive[m.current / 32]--;
  m.progress++;
  pause();
  std::abort();
}

inline void begin_block() {
  Machine &m = machine;
  const size_t n = m.count();
  std::memset(m.shared.data(), 0xff, m.shared.size()); // NaN as floats
  for (size_t i = 0; i < n; i++) {
    void **top = reinterpret_cast<void **>(m.stacks[i] + Machine::STACK - 64);
    *--top = nullptr; // the return address of begin: keeps the stack aligned as after a call
    *--top = reinterpret_cast<void *>(begin);
    for (int r = 0; r < 6; r++) *--top = nullptr;
    m.fibers[i] = {top, false};
  }
  m.alive = n;
  m.earlier = m.epoch() + 1;
  m.all = {};
  m.synced.assign(n, 0);
  m.warps.assign((n + 31) / 32, {});
  m.warp_alive.assign((n + 31) / 32, 32);
  if (n % 32) m.warp_alive.back() = n % 32;
  if (at_block_start) at_block_start();
  if (watch_block) watch_block();
}

// Each thread once, slow ones if no other could go on. False if none could.
inline bool pass_through_block() {
  Machine &m = machine;
  const size_t n = m.count();
  const uint64_t before = m.progress;
  for (const bool slow_ones : {false, true}) {
    if (slow_ones && m.progress != before) break;
    for (size_t k = 0; k < n; k++) {
      const size_t i = reversed() ? n - 1 - k : k;
      if (m.fibers[i].ended || slow(i) != slow_ones) continue;
      m.current = i;
      m.thread = m.place(i);
      ctx_shim_switch(&m.scheduler, m.fibers[i].stack_pointer);
    }
  }
  return m.progress != before || m.alive == 0 || (when_all_wait && when_all_wait());
}

// The blocks that run beside each other: `machine` is the one whose turn it is, and the others are kept here.
struct Resident {
  std::vector<Machine> kept;
  uint32_t random = 1;
};
inline thread_local Resident resident;

// f() as one of them.
template <class F> auto as_block(size_t i, const F &f) {
  std::swap(machine, resident.kept[i]);
  if (change_places) change_places(i);
  const auto result = f();
  if (change_places) change_places(i);
  std::swap(machine, resident.kept[i]);
  return result;
}

// Runs kernel() for every thread of every block.
inline void run(dim3 blocks, dim3 threads, size_t shared, std::function<void()> kernel) {
  static const char *const beside = std::getenv("CTX_SHIM_BLOCKS");
  const size_t all = size_t(blocks.x) * blocks.y * blocks.z, places = std::min<size_t>(all, beside ? size_t(std::atoi(beside)) : 1);
  size_t begun = 0;
  const auto begin_next = [&] {
    Machine &m = machine;
    m.blocks = blocks;
    m.threads = threads;
    m.kernel = &kernel;
    m.shared_size = shared;
    m.shared.resize(shared + 1024);
    m.fibers.resize(m.count());
    m.exchanged.assign(m.count(), 0);
    while (m.stacks.size() < m.count()) m.stacks.push_back(static_cast<char *>(std::aligned_alloc(64, Machine::STACK)));
    const size_t i = reversed() ? all - 1 - begun : begun;
    m.block = {unsigned(i % blocks.x), unsigned(i / blocks.x % blocks.y), unsigned(i / blocks.x / blocks.y)};
    begun++;
    begin_block();
    return true;
  };
  if (places <= 1) {
    while (begun < all) {
      begin_next();
      while (machine.alive > 0)
        if (!pass_through_block()) broken("all threads of the block wait for each other");
    }
    return;
  }
  if (resident.kept.size() < places) resident.kept.resize(places);
  std::vector<bool> running(places, false);
  for (size_t left = all; left > 0;) {
    bool any = false, every = true;
    for (size_t i = 0; i < places; i++) {
      if (!running[i]) {
        if (begun == all) continue;
        running[i] = as_block(i, begin_next);
      }
      resident.random = resident.random * 1664525 + 1013904223;
      if (resident.random >> 31) { // not this time
        every = false;
        continue;
      }
      any = as_block(i, pass_through_block) || any;
      if (resident.kept[i].alive == 0) running[i] = false, left--;
    }
    if (any || !every) continue;
    for (size_t i = 0; i < places; i++) any = (running[i] && as_block(i, pass_through_block)) || any;
    for (size_t i = 0; i < places; i++)
      if (running[i] && resident.kept[i].alive == 0) running[i] = false, left--;
    if (!any) broken("all blocks wait for each other");
  }
}

// Dynamic shared memory.
inline char *shared_bytes() { return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(machine.shared.data()) + 1023) & ~uintptr_t(1023)); }

// The value of the thread `source`, of this one's warp.
template <class T> T shuffle(T value, size_t source) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  Machine &m = machine;
  const size_t self = m.current;
  std::memcpy(&m.exchanged[self], &value, sizeof value);
  meet_warp();
  T other;
  std::memcpy(&other, &m.exchanged[source < m.count() ? source : self], sizeof other);
  meet_warp();
  return other;
}

} // namespace ctx_shim

#define threadIdx (ctx_shim::machine.thread)
#define blockIdx (ctx_shim::machine.block)
#define blockDim (ctx_shim::machine.threads)
#define gridDim (ctx_shim::machine.blocks)

// A thread that went on knows its place again: `thread` is set whenever a fiber gets its turn.
inline void __syncthreads(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  const size_t round = ctx_shim::machine.all.held;
  if (ctx_shim::watch_meeting) ctx_shim::watch_meeting(true, round, false);
  ctx_shim::meet_block();
  if (ctx_shim::watch_meeting) ctx_shim::watch_meeting(true, round, true);
}
inline void __syncwarp(unsigned = 0xffffffff, std::source_location at = std::source_location::current()) { // orders memory, which a shuffle does not
  if (ctx_shim::left_out(at)) return;
  const size_t round = ctx_shim::machine.synced[ctx_shim::machine.current]++;
  if (ctx_shim::watch_meeting) ctx_shim::watch_meeting(false, round, false);
  ctx_shim::meet_warp();
  if (ctx_shim::watch_meeting) ctx_shim::watch_meeting(false, round, true);
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) { return ctx_shim::shuffle(value, ctx_shim::machine.current ^ size_t(mask)); }
template <class T> T __shfl_sync(unsigned, T value, int lane) { return ctx_shim::shuffle(value, ctx_shim::machine.current / 32 * 32 + size_t(lane)); }
inline unsigned __ballot_sync(unsigned, bool predicate) {
  ctx_shim::Machine &m = ctx_shim::machine;
  const size_t self = m.current, first = self / 32 * 32;
  m.exchanged[self] = predicate;
  ctx_shim::meet_warp();
  unsigned bits = 0;
  for (size_t lane = 0; lane < 32 && first + lane < m.count(); lane++) bits |= unsigned(m.exchanged[first + lane]) << lane;
  ctx_shim::meet_warp();
  return bits;
}
#define __expf(x) expf(x) // glibc declares one of its own, and keeps it to itself
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int atomicMin(int *at, int value) { // one thread at a time runs
  const int old = *at;
  if (value < old) *at = value;
  return old;
}
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }

#include "runtime.h"
