// team.h: an engine on several devices of this process. Each rank has a thread, a device and an engine of its own; rank 0's is the one that is
// called, the others follow it (crew.h), as processes of a job would.
//
// defines: Team
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "../ring/threads.h"
#include "engine.h"

namespace ctx {

class Team {
 public:
  // Starts ranks 1 … of options.devices. Throws std::system_error where the system refuses a thread.
  explicit Team(const EngineOptions &options);
  ~Team(); // rank 0's engine is gone

  // What rank 0 makes its engine of.
  EngineOptions leaders() const { return of_rank(0); }
  // Waits until every rank has its engine. Throws what kept one from it.
  void ready();

 private:
  EngineOptions of_rank(int rank) const;
  void follow(int rank) noexcept;

  const EngineOptions options_;
  ThreadRanks ranks_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t made_ = 0;
  std::unique_ptr<Failure> failure_; // of the first rank that could not make its engine
};

} // namespace ctx
