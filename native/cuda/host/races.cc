// races.cc: notices threads of a block that touch the same bytes of shared memory, one of them writing, with no barrier between, in whatever
// order the shim happens to run them: compute-sanitizer's racecheck for the host build.
//
// The kernels are compiled with -fsanitize=thread, whose calls at every load and store end here and not in the compiler's own library, which
// knows nothing of fibers. __syncthreads orders all of a block's threads, __syncwarp those of a warp; shuffles and products of a warp order
// nothing. A copy by cp.async writes from where it is issued to where it is waited for. Hopper's barriers are not known here: its kernels are not
// in this build.
//
// defines: what calls of -fsanitize=thread need
#include <cuda_runtime.h>

namespace {

constexpr size_t GRAIN = 2; // bytes of a cell: a bf16

// What was last done to a cell. Epochs are those of ctx_shim::Machine, none is 0.
struct Cell {
  uint64_t written = 0, read = 0, copied = 0; // when
  uint32_t write_sync = 0, read_sync = 0;     // __syncwarps of the thread by then
  uint16_t writer = 0, reader = 0, copier = 0;
  bool by_warp = false, by_block = false; // `reader` was not the only one of its warp since that __syncwarp, of the block in that epoch
};

thread_local std::vector<Cell> cells;
constinit thread_local uintptr_t shared_begin = 0, shared_end = 0;
constinit thread_local bool looking = false; // the linker may give us a function of the shim that is instrumented itself

[[noreturn]] void race(const char *what, size_t byte, size_t other) {
  char text[160];
  std::snprintf(text, sizeof text, "a race: %s at byte %zu of shared memory, thread %zu the other, and no barrier between", what, byte, other);
  ctx_shim::broken(text);
}

// An access in this epoch by another thread, which had met its warp `sync` times, is not known to be over.
bool unordered(size_t other, uint32_t sync) {
  const ctx_shim::Machine &m = ctx_shim::machine;
  return other != m.current && !(other / 32 == m.current / 32 && sync < m.synced[m.current]);
}

// A copy that may be under way: of this block, and not waited for.
bool copying(const Cell &c) { return c.copied != 0 && c.copied >= ctx_shim::machine.earlier; }

template <class F> void each_cell(const void *p, size_t bytes, const F &f) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(p);
  if (at < shared_begin || at >= shared_end || looking) return;
  looking = true;
  if (at + bytes > shared_end) ctx_shim::broken("beyond the end of shared memory");
  const size_t first = at - shared_begin;
  for (size_t i = first / GRAIN; i <= (first + bytes - 1) / GRAIN; i++) f(cells[i], i * GRAIN);
  looking = false;
}

void begin_block() {
  const size_t size = ctx_shim::machine.shared_size;
  shared_begin = reinterpret_cast<uintptr_t>(ctx_shim::shared_bytes());
  shared_end = shared_begin + size;
  if (cells.size() * GRAIN < size) cells.resize((size + GRAIN - 1) / GRAIN);
}

void read(const void *p, size_t bytes) {
  each_cell(p, bytes, [](Cell &c, size_t byte) {
    const ctx_shim::Machine &m = ctx_shim::machine;
    const uint64_t now = m.epoch();
    const size_t self = m.current;
    if (copying(c)) race("read while it is copied", byte, c.copier);
    if (c.written == now && unordered(c.writer, c.write_sync)) race("read after a write", byte, c.writer);
    if (c.read != now) {
      c.by_warp = c.by_block = false;
    } else if (c.reader != self) {
      c.by_block = c.by_block || c.reader / 32 != self / 32;
      c.by_warp = c.read_sync >= m.synced[self];
    } else {
      c.by_warp = c.by_warp && c.read_sync == m.synced[self];
    }
    c.read = now, c.reader = uint16_t(self), c.read_sync = m.synced[self];
  });
}

void check_write(const Cell &c, size_t byte) {
  const ctx_shim::Machine &m = ctx_shim::machine;
  const uint64_t now = m.epoch();
  if (c.written == now && unordered(c.writer, c.write_sync)) race("written after a write", byte, c.writer);
  if (c.read == now && (c.by_block || unordered(c.reader, c.read_sync) || (c.by_warp && c.read_sync == m.synced[m.current]))) race("written after a read", byte, c.reader);
}

void write(const void *p, size_t bytes) {
  each_cell(p, bytes, [](Cell &c, size_t byte) {
    const ctx_shim::Machine &m = ctx_shim::machine;
    if (copying(c)) race("written while it is copied", byte, c.copier);
    check_write(c, byte);
    c.written = m.epoch(), c.writer = uint16_t(m.current), c.write_sync = m.synced[m.current];
  });
}

void copy(void *to, size_t bytes, bool done) {
  each_cell(to, bytes, [&](Cell &c, size_t byte) {
    const ctx_shim::Machine &m = ctx_shim::machine;
    if (!done) {
      if (copying(c)) race("copied twice", byte, c.copier);
      check_write(c, byte);
      c.copied = m.epoch(), c.copier = uint16_t(m.current);
      return;
    }
    c.copied = 0;
    c.written = m.epoch(), c.writer = uint16_t(m.current), c.write_sync = m.synced[m.current];
  });
}

[[maybe_unused]] const bool installed = [] {
  ctx_shim::watch_block = begin_block;
  ctx_shim::watch_copy = copy;
  return true;
}();

} // namespace

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_vptr_read(void **) {}
void __tsan_read_range(const void *p, size_t bytes) { read(p, bytes); }
void __tsan_write_range(const void *p, size_t bytes) { write(p, bytes); }

#define OF_SIZE(bytes)                                                  \
  void __tsan_read##bytes(const void *p) { read(p, bytes); }            \
  void __tsan_write##bytes(const void *p) { write(p, bytes); }          \
  void __tsan_unaligned_read##bytes(const void *p) { read(p, bytes); }  \
  void __tsan_unaligned_write##bytes(const void *p) { write(p, bytes); }
OF_SIZE(1)
OF_SIZE(2)
OF_SIZE(4)
OF_SIZE(8)
OF_SIZE(16)

// What the backend and the shim share between threads of the host, and the guards of their statics.
#define LOAD(bits) uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
LOAD(8)
LOAD(64)
void __tsan_atomic64_store(volatile uint64_t *p, uint64_t value, int) { __atomic_store_n(p, value, __ATOMIC_SEQ_CST); }

} // extern "C"
