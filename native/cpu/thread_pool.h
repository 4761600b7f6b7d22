// thread_pool.h: a pool of threads for short parallel regions.
//
// threads - 1 workers stay alive; the caller is thread 0. A region is a generation number that workers watch: they spin a few
// microseconds, then sleep in the kernel (futex), so an idle pool costs nothing and a busy one starts in about a microsecond.
// Workers don't spin when the pools of this process have more threads than there are CPUs (several ring ranks on one host):
// spinning would then steal time from the thread that is waited for.
//
// Items are taken from an atomic counter in ascending order. Which thread gets which item is not deterministic; give items
// disjoint outputs and results are. One region at a time: no parallel_for inside a parallel_for, one calling thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace ctx_cpu {

class ThreadPool {
public:
  // Throws std::system_error or std::bad_alloc if threads can't be started.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return int(workers_.size()) + 1; }

  // Calls fn(item, thread) for every item in [0, n), thread in [0, threads()). Returns when all are done. fn must not throw.
  template <class Fn> void parallel_for(int64_t n, const Fn &fn) {
    if (n <= 1 || workers_.empty()) {
      for (int64_t i = 0; i < n; i++) fn(i, 0);
      return;
    }
    run({n, &fn, [](const void *f, int64_t item, int thread) { (*static_cast<const Fn *>(f))(item, thread); }});
  }

private:
  struct Region {
    int64_t items;
    const void *fn;
    void (*call)(const void *fn, int64_t item, int thread);
  };

  void run(const Region &region);
  void take_items(int thread);
  void worker(int thread);
  void stop();

  Region region_{};
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<uint32_t> running_{0}; // workers still inside the region
  alignas(64) std::atomic<int64_t> next_{0};
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

} // namespace ctx_cpu
