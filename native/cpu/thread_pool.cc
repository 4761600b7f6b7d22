// thread_pool.cc: see thread_pool.h.
#include "thread_pool.h"

namespace ctx_cpu {
namespace {

constexpr int SPINS = 4000; // pauses before a thread goes to sleep: longer than the serial stretch between two regions

std::atomic<int> live_threads{0}; // of all pools in this process

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns when `word` no longer holds `old`.
void wait_while(const std::atomic<uint32_t> &word, uint32_t old) {
  static const int cpus = int(std::thread::hardware_concurrency());
  if (live_threads.load(std::memory_order_relaxed) <= cpus)
    for (int i = 0; i < SPINS; i++) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause();
    }
  word.wait(old, std::memory_order_acquire);
}

} // namespace

ThreadPool::ThreadPool(int threads) {
  live_threads += threads;
  try {
    workers_.reserve(threads - 1);
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { worker(i); });
  } catch (...) {
    stop();
    live_threads -= threads;
    throw;
  }
}

ThreadPool::~ThreadPool() {
  const int n = threads();
  stop();
  live_threads -= n;
}

void ThreadPool::stop() {
  stopping_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto &w : workers_) w.join();
  workers_.clear();
}

void ThreadPool::run(const Region &region) {
  region_ = region;
  next_.store(0, std::memory_order_relaxed);
  running_.store(uint32_t(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release); // publishes the three lines above
  generation_.notify_all();
  take_items(0);
  for (uint32_t left; (left = running_.load(std::memory_order_acquire)) != 0;) wait_while(running_, left);
}

void ThreadPool::take_items(int thread) {
  for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < region_.items;) region_.call(region_.fn, i, thread);
}

void ThreadPool::worker(int thread) {
  for (uint32_t seen = 0;; seen++) {
    wait_while(generation_, seen); // one region at a time: the number moves by one between two looks
    if (stopping_) return;
    take_items(thread);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

} // namespace ctx_cpu
