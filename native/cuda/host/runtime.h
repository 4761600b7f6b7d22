// runtime.h (host shim): the CUDA runtime's memory, streams and events on a CPU.
//
// As it is, device memory is plain memory and everything is done at once. With CTX_SHIM_APART=1 in the environment it is as far away as a
// GPU's, so that a program that forgets which side it is on fails here already:
//
//   memory    cudaMalloc's pages are closed but for kernels and copies while they run; whoever else touches them is told so and dies. A block
//             ends where its last page ends. Copies whose pointers are not of the kind they name, and kernel arguments that point into the
//             host's memory, are errors.
//   streams   work runs as late as it may: when somebody waits for it. What was not ordered by an event then reads the future or the past.
//             CTX_SHIM_EARLY=<digits> besides, one for each stream of a GPU in the order in which they are made, again and again: where there is a 1
//             it runs as early as it may instead. 011: a device's transfers do, its operations do not. Copies of two streams that touch the same
//             bytes, one of them writing, with no event between, are errors however they run (order.h).
//   GPUs      a kernel or a copy has the memory of its own GPU before it alone; cudaMemcpyPeerAsync has that of two. What is asked of a
//             stream, or recorded into an event, of another GPU than the thread's current one is an error.
//
// CTX_SHIM_GPUS=<n>: how many there are, 1 unless set. CTX_SHIM_PEERS=0: none reads another's memory directly. CTX_SHIM_MEMORY=<bytes>:
// what each GPU has. CTX_SHIM_FAIL_MALLOC=<n>: the n-th cudaMalloc finds none; CTX_SHIM_FULL=<i>:
// none does on GPU i. CTX_SHIM_BROKEN=<i>: GPU i refuses kernels. CTX_SHIM_FAIL_KERNEL=<n>: the n-th kernel from when that is set is refused. CTX_SHIM_DRIVER=<version>: the
// driver's, as 1000 major + 10 minor; 0: there is none. CTX_SHIM_SM: its compute capability times ten; 90 unless set.
//
// One file, as all of it stands under one lock.
//
// defines: the runtime's functions that native/cuda uses; ctx_shim::enqueue, ctx_shim::check_arguments
#pragma once
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <type_traits>
#include <utility>

#include "order.h"

using cudaError_t = int;
enum : cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorPeerAccessAlreadyEnabled = 704,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76 };
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2, cudaHostAllocPortable = 1;
constexpr int CUDART_VERSION = 12000;

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int major, minor;
};

namespace ctx_shim {

struct Stream {
  std::deque<std::function<void()>> waiting;
  uint64_t enqueued = 0, done = 0;
  bool early = false;
  int gpu = 0;
  uint64_t number = 0; // no two streams of a process have the same
  Clock clock;
};

struct Event {
  Stream *stream = nullptr; // null: never recorded
  uint64_t after = 0;       // it has come when so much of the stream is done
  int gpu = 0;
  Clock clock; // of the stream by then
};

inline uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

inline bool apart() {
  static const bool set = setting("CTX_SHIM_APART", 0) != 0;
  return set;
}

inline int gpus() { return int(setting("CTX_SHIM_GPUS", 1)); }

// All of the GPUs. One piece of work runs at a time, whatever thread waits for it.
struct Gpu {
  static constexpr int MOST = 16;
  struct Block {
    size_t bytes; // asked for
    char *mapped; // begin of its pages
    size_t pages; // their bytes
    int gpu;      // whose memory it is
  };
  std::recursive_mutex mutex;
  std::map<char *, Block> blocks; // by the address that was given out
  std::set<Stream *> streams;
  size_t used[MOST] = {}, total = setting("CTX_SHIM_MEMORY", uint64_t(1) << 34);
  uint64_t made[MOST] = {}, numbers = 0; // streams
  Order order;
  uint64_t mallocs = 0, fail_at = setting("CTX_SHIM_FAIL_MALLOC", 0);
  uint64_t kernels = 0, fail_kernel = 0; // since CTX_SHIM_FAIL_KERNEL was last found set to this
  int open[MOST] = {};
  std::set<std::pair<int, int>> peers; // the first reads the second's memory
  int working = -1;                    // the GPU whose work runs

  // The block that [p, p + bytes) lies in, or none; its end is in it for no bytes.
  const Block *find(const void *p, size_t bytes = 1) {
    char *const at = const_cast<char *>(static_cast<const char *>(p));
    auto next = blocks.upper_bound(at);
    if (next == blocks.begin()) return nullptr;
    const auto &[first, block] = *--next;
    return at + bytes <= first + block.bytes + (bytes == 0) ? &block : nullptr;
  }
  bool overlaps(const void *p, size_t bytes) {
    char *const at = const_cast<char *>(static_cast<const char *>(p));
    const auto next = blocks.lower_bound(at + bytes);
    return next != blocks.begin() && std::prev(next)->first + std::prev(next)->second.bytes > at;
  }
  void protect(int index, int access) {
    for (const auto &[_, block] : blocks)
      if (block.gpu == index) mprotect(block.mapped, block.pages, access);
  }
};

inline thread_local cudaError_t last_error = cudaSuccess;
inline thread_local int current = 0; // GPU of the calling thread

inline Gpu &gpu() {
  static Gpu &one = *new Gpu; // threads may outlive main
  return one;
}

inline struct sigaction previous_action;

// Device memory is closed to the host: says so, and lets the signal take its course.
inline void told(int signal, siginfo_t *info, void *) {
  char *const at = static_cast<char *>(info->si_addr);
  for (const auto &[first, block] : gpu().blocks)
    if (at >= block.mapped - 4096 && at < block.mapped + block.pages + 4096) {
      char text[160], whose[32] = "";
      const int working = gpu().working;
      if (working >= 0 && working != block.gpu) std::snprintf(whose, sizeof whose, " of GPU %d, on GPU %d", block.gpu, working);
      const int length = std::snprintf(text, sizeof text, "CUDA shim: %s touches address %p, at byte %td of %zu of device memory%s\n",
                                       working >= 0 ? "a kernel" : "the host", static_cast<void *>(at), at - first, block.bytes, whose);
      if (write(2, text, size_t(length)) < 0) break;
      break;
    }
  sigaction(signal, &previous_action, nullptr);
}

inline void watch() {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = told;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &previous_action);
    return true;
  }();
  (void)once;
}

// A GPU's memory is open as long as one of these is there.
struct Opened {
  const int index, before;
  explicit Opened(int index) : index(index), before(gpu().working) {
    gpu().working = index;
    if (apart() && gpu().open[index]++ == 0) gpu().protect(index, PROT_READ | PROT_WRITE);
  }
  ~Opened() {
    gpu().working = before;
    if (apart() && --gpu().open[index] == 0) gpu().protect(index, PROT_NONE);
  }
};

// Everything up to the given piece of work, and what it waits for.
inline void advance(Stream &stream, uint64_t until) {
  while (stream.done < until && !stream.waiting.empty()) {
    const std::function<void()> work = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    work();
    stream.done++;
  }
}

// All that a stream has by now, and what that waited for.
inline Clock clock_of(const Stream &stream) {
  Clock clock = stream.clock;
  clock[stream.number] = stream.enqueued;
  return clock;
}

// Why nothing that touches memory is enqueued on a stream now.
inline cudaError_t refusal(const Stream *stream) {
  if (stream->gpu != current) return cudaErrorInvalidResourceHandle;
  return setting("CTX_SHIM_BROKEN", 99) == uint64_t(current) ? cudaErrorLaunchFailure : last_error;
}

// The work that is enqueued next is a copy between these, where there are two. What is refused touches nothing.
inline bool ordered(Stream *stream, const void *to, const void *from, size_t bytes) {
  if (!apart() || refusal(stream) != cudaSuccess) return true;
  join(stream->clock, gpu().order.host);
  const auto touch = [&](const void *p, bool writes) { return gpu().order.touch(stream->number, stream->enqueued + 1, stream->clock, p, bytes, writes); };
  return (!from || touch(from, false)) && touch(to, true);
}

inline void enqueue(Stream *stream, std::function<void()> work) {
  const std::lock_guard lock(gpu().mutex);
  stream->enqueued++;
  stream->waiting.push_back(std::move(work));
  if (!apart() || stream->early) advance(*stream, stream->enqueued);
}

inline void enqueue_touching(Stream *stream, std::function<void()> work) {
  last_error = refusal(stream);
  if (last_error != cudaSuccess) return;
  enqueue(stream, [stream, work = std::move(work)] {
    const Opened opened(stream->gpu);
    work();
  });
}

// As the host does.
inline void wait_for(Stream &stream) {
  advance(stream, stream.enqueued);
  gpu().order.waited(clock_of(stream));
}

// A word that is the address of mapped memory of the host.
inline bool points_to_host(uint64_t word) {
  if (word < uint64_t(1) << 32 || word >= uint64_t(1) << 47 || gpu().find(reinterpret_cast<void *>(word), 0)) return false;
  unsigned char resident;
  return mincore(reinterpret_cast<void *>(word & ~uint64_t(4095)), 1, &resident) == 0;
}

// Arguments of a kernel are numbers and pointers into device memory, or structures of these.
template <class T> void check_argument([[maybe_unused]] T argument) {
  static_assert(std::is_trivially_copyable_v<T>);
#if __has_builtin(__builtin_clear_padding) // or what lies between the members would count
  __builtin_clear_padding(&argument);
  for (size_t at = 0; at + 8 <= sizeof argument; at += 8) {
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char *>(&argument) + at, 8);
    if (points_to_host(word)) last_error = cudaErrorInvalidValue;
  }
#endif
}
template <class... T> bool check_arguments(const T &...arguments) {
  if (!apart()) return true;
  const std::lock_guard lock(gpu().mutex);
  (check_argument(arguments), ...);
  if (const uint64_t n = setting("CTX_SHIM_FAIL_KERNEL", 0); n != gpu().fail_kernel) gpu().fail_kernel = n, gpu().kernels = 0;
  if (++gpu().kernels == gpu().fail_kernel) last_error = cudaErrorLaunchFailure;
  return last_error == cudaSuccess;
}

// May a copy of this kind go from here to there?
inline bool allowed(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
  if (!apart() || bytes == 0) return true;
  const auto right = [&](const void *p, bool device) {
    const Gpu::Block *const block = device ? gpu().find(p, bytes) : nullptr;
    return device ? block && block->gpu == current : !gpu().overlaps(p, bytes);
  };
  return right(to, kind != cudaMemcpyDeviceToHost) && right(from, kind != cudaMemcpyHostToDevice);
}

} // namespace ctx_shim

using cudaStream_t = ctx_shim::Stream *;
using cudaEvent_t = ctx_shim::Event *;

inline const char *cudaGetErrorString(cudaError_t e) {
  return e == cudaSuccess ? "no error" : e == cudaErrorMemoryAllocation ? "out of memory" : e == cudaErrorInvalidValue ? "invalid argument" : e == cudaErrorLaunchFailure ? "unspecified launch failure" : "failed";
}
inline cudaError_t cudaGetLastError() { return std::exchange(ctx_shim::last_error, cudaSuccess); }

// ---- the device ----

inline cudaError_t cudaDriverGetVersion(int *version) { return *version = int(ctx_shim::setting("CTX_SHIM_DRIVER", CUDART_VERSION)), cudaSuccess; }
inline cudaError_t cudaRuntimeGetVersion(int *version) { return *version = CUDART_VERSION, cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int *n) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  *n = driver >= CUDART_VERSION ? ctx_shim::gpus() : 0;
  return *n ? cudaSuccess : cudaErrorInsufficientDriver;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int index) {
  if (index < 0 || index >= ctx_shim::gpus()) return cudaErrorInvalidDevice;
  const int sm = int(ctx_shim::setting("CTX_SHIM_SM", 90));
  *p = {"CUDA kernels on the host", ctx_shim::gpu().total, sm / 10, sm % 10};
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int *device) { return *device = ctx_shim::current, cudaSuccess; }
inline cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= std::min(ctx_shim::gpus(), ctx_shim::Gpu::MOST)) return ctx_shim::last_error = cudaErrorInvalidDevice;
  return ctx_shim::current = device, cudaSuccess;
}
inline cudaError_t cudaDeviceGetPCIBusId(char *to, int bytes, int device) { return std::snprintf(to, size_t(bytes), "0000:%02x:00.0", device), cudaSuccess; }
inline cudaError_t cudaDeviceCanAccessPeer(int *can, int, int) { return *can = int(ctx_shim::setting("CTX_SHIM_PEERS", 1)), cudaSuccess; }
inline cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (!ctx_shim::gpu().peers.insert({ctx_shim::current, peer}).second) return ctx_shim::last_error = cudaErrorPeerAccessAlreadyEnabled;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int) {
  const int sm = int(ctx_shim::setting("CTX_SHIM_SM", 90));
  *value = which == cudaDevAttrComputeCapabilityMajor ? sm / 10 : sm % 10;
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  *total = ctx_shim::gpu().total;
  return *free = *total - ctx_shim::gpu().used[ctx_shim::current], cudaSuccess;
}

// ---- memory ----

inline cudaError_t cudaMalloc(void **p, size_t bytes) {
  ctx_shim::Gpu &gpu = ctx_shim::gpu();
  const std::lock_guard lock(gpu.mutex);
  *p = nullptr;
  if (++gpu.mallocs == gpu.fail_at || ctx_shim::setting("CTX_SHIM_FULL", 99) == uint64_t(ctx_shim::current) || bytes > gpu.total - gpu.used[ctx_shim::current]) return ctx_shim::last_error = cudaErrorMemoryAllocation;
  const size_t size = (bytes + 255) / 256 * 256;
  ctx_shim::Gpu::Block block{bytes, nullptr, 0, ctx_shim::current};
  if (ctx_shim::apart()) {
    ctx_shim::watch();
    block.pages = (size + 4095) / 4096 * 4096; // with closed pages around them
    void *const map = mmap(nullptr, block.pages + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return ctx_shim::last_error = cudaErrorMemoryAllocation;
    block.mapped = static_cast<char *>(map) + 4096;
    *p = block.mapped + block.pages - size;
    if (gpu.open[block.gpu]) mprotect(block.mapped, block.pages, PROT_READ | PROT_WRITE);
  } else {
    *p = std::aligned_alloc(256, size);
    if (!*p) return ctx_shim::last_error = cudaErrorMemoryAllocation;
  }
  gpu.used[block.gpu] += bytes;
  gpu.blocks[static_cast<char *>(*p)] = block;
  return cudaSuccess;
}

// Waits for all streams, as CUDA's does.
inline cudaError_t cudaFree(void *p) {
  ctx_shim::Gpu &gpu = ctx_shim::gpu();
  const std::lock_guard lock(gpu.mutex);
  if (!p) return cudaSuccess;
  for (ctx_shim::Stream *stream : gpu.streams) ctx_shim::wait_for(*stream);
  const auto found = gpu.blocks.find(static_cast<char *>(p));
  if (found == gpu.blocks.end()) return cudaErrorInvalidValue;
  gpu.used[found->second.gpu] -= found->second.bytes;
  if (ctx_shim::apart()) munmap(found->second.mapped - 4096, found->second.pages + 8192);
  else std::free(p);
  gpu.blocks.erase(found);
  return cudaSuccess;
}

inline cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned) {
  *p = bytes > size_t(1) << 46 ? nullptr : std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFreeHost(void *p) { return std::free(p), cudaSuccess; }

// ---- streams and events ----

inline cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) { return *least = 0, *greatest = -5, cudaSuccess; }
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t *s, unsigned, int) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  *s = new ctx_shim::Stream;
  (*s)->gpu = ctx_shim::current;
  (*s)->number = ctx_shim::gpu().numbers++;
  const char *const early = std::getenv("CTX_SHIM_EARLY");
  const uint64_t number = ctx_shim::gpu().made[ctx_shim::current]++;
  (*s)->early = early && *early && early[number % std::strlen(early)] == '1';
  return ctx_shim::gpu().streams.insert(*s), cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  return ctx_shim::wait_for(*s), cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  ctx_shim::wait_for(*s);
  return ctx_shim::gpu().streams.erase(s), delete s, cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned) { return *e = new ctx_shim::Event{nullptr, 0, ctx_shim::current, {}}, cudaSuccess; }
inline cudaError_t cudaEventDestroy(cudaEvent_t e) { return delete e, cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (s->gpu != e->gpu || s->gpu != ctx_shim::current) return cudaErrorInvalidResourceHandle;
  return *e = {s, s->enqueued, e->gpu, ctx_shim::clock_of(*s)}, cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (!e->stream) return cudaSuccess;
  if (ctx_shim::gpu().streams.count(e->stream)) ctx_shim::advance(*e->stream, e->after);
  ctx_shim::gpu().order.waited(e->clock);
  return cudaSuccess;
}
// Nothing here takes the time that it takes on a GPU.
inline cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
  if (from->gpu != to->gpu) return cudaErrorInvalidResourceHandle;
  return *milliseconds = 0, cudaSuccess;
}
// Of the event as it was last recorded, whatever becomes of it later.
inline cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned = 0) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (!e->stream) return cudaSuccess;
  ctx_shim::join(s->clock, e->clock);
  ctx_shim::enqueue(s, [stream = e->stream, after = e->after] {
    if (ctx_shim::gpu().streams.count(stream)) ctx_shim::advance(*stream, after);
  });
  return cudaSuccess;
}

// ---- copies ----

inline cudaError_t cudaMemset2DAsync(void *p, size_t pitch, int value, size_t width, size_t height, cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (height == 0) return cudaSuccess;
  if (!ctx_shim::allowed(p, p, (height - 1) * pitch + width, cudaMemcpyDeviceToDevice)) return cudaErrorInvalidValue;
  if (height == 1 && !ctx_shim::ordered(s, p, nullptr, width)) return cudaErrorLaunchFailure;
  ctx_shim::enqueue_touching(s, [=] {
    for (size_t i = 0; i < height; i++) std::memset(static_cast<char *>(p) + i * pitch, value, width);
  });
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s) { return cudaMemset2DAsync(p, bytes, value, bytes, 1, s); }
inline cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  if (height == 0) return cudaSuccess;
  const size_t to_bytes = (height - 1) * to_pitch + width, from_bytes = (height - 1) * from_pitch + width;
  if (!ctx_shim::allowed(to, from, std::min(to_bytes, from_bytes), kind)) return cudaErrorInvalidValue;
  if (height == 1 && !ctx_shim::ordered(s, to, from, width)) return cudaErrorLaunchFailure; // rows with gaps between them are not looked at
  ctx_shim::enqueue_touching(s, [=] {
    for (size_t i = 0; i < height; i++) std::memcpy(static_cast<char *>(to) + i * to_pitch, static_cast<const char *>(from) + i * from_pitch, width);
  });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyPeerAsync(void *to, int to_gpu, const void *from, int from_gpu, size_t bytes, cudaStream_t s) {
  const std::lock_guard lock(ctx_shim::gpu().mutex);
  const auto lies_on = [&](const void *p, int index) {
    const auto *const block = ctx_shim::gpu().find(p, bytes);
    return !ctx_shim::apart() || (block && block->gpu == index);
  };
  if (!lies_on(to, to_gpu) || !lies_on(from, from_gpu)) return cudaErrorInvalidValue;
  if (!ctx_shim::ordered(s, to, from, bytes)) return cudaErrorLaunchFailure;
  ctx_shim::enqueue_touching(s, [=] {
    const ctx_shim::Opened first(to_gpu), second(from_gpu);
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t s) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, s);
}
template <class F> cudaError_t cudaFuncSetAttribute(F *, cudaFuncAttribute, int) { return cudaSuccess; }
struct cudaFuncAttributes {
  int binaryVersion = 90, numRegs = 0;
};
// CTX_SHIM_REGISTERS: of every kernel; 4 is what one takes that was compiled for another GPU, and only fails.
template <class F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *out, F *) {
  const char *const registers = std::getenv("CTX_SHIM_REGISTERS");
  out->numRegs = registers ? std::atoi(registers) : 168;
  return cudaSuccess;
}
