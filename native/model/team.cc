// team.cc: see team.h.
#include "team.h"

#include <algorithm>
#include <exception>

namespace ctx {

Team::Team(const EngineOptions &options) : options_(options), ranks_((int)options.devices.size()) {
  try {
    for (int rank = 1; rank < (int)options.devices.size(); rank++) threads_.emplace_back(&Team::follow, this, rank);
  } catch (...) {
    const int missing = (int)threads_.size() + 1;
    ranks_.fail("cannot start a thread for rank " + std::to_string(missing));
    ranks_.absent(0);
    for (int rank = missing; rank < (int)options.devices.size(); rank++) ranks_.absent(rank);
    for (std::thread &thread : threads_) thread.join();
    throw;
  }
}

Team::~Team() {
  ranks_.fail("the engine was closed"); // heard by those that were left in the middle of an operation alone
  ranks_.end(0).leave(false);           // where rank 0 could not make its engine
  for (std::thread &thread : threads_) thread.join();
}

EngineOptions Team::of_rank(int rank) const {
  EngineOptions own = options_;
  own.device = options_.devices[(size_t)rank];
  own.devices.clear();
  own.processes = &ranks_.end(rank);
  own.threads = std::max(1, options_.threads / (int)options_.devices.size());
  return own;
}

void Team::ready() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || made_ == threads_.size(); });
  if (failure_) throw Failure(*failure_);
}

void Team::follow(int rank) noexcept {
  std::unique_ptr<Engine> engine;
  const auto failed = [&](ctx_status status, const std::string &what) {
    const std::string message = "rank " + std::to_string(rank) + " on device " + std::to_string(options_.devices[(size_t)rank]) + ": " + what;
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::make_unique<Failure>(status, message);
    }
    changed_.notify_all();
    ranks_.fail(message);
  };
  try {
    engine = std::make_unique<Engine>(of_rank(rank));
    engine->initialize_adapters();
    {
      const std::lock_guard lock(mutex_);
      made_++;
    }
    changed_.notify_all();
    engine->follow();
  } catch (const Failure &failure) {
    failed(failure.status, failure.what());
  } catch (const std::exception &error) {
    failed(CTX_ERR_MEMORY, error.what());
  }
  engine.reset(); // after the others have been told: it waits for them
  ranks_.end(rank).leave(false);
}

} // namespace ctx
