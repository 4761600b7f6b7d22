// job_thread.h: one native thread that runs jobs in order and settles their promises on the event loop.
//
// The event loop stays alive while a job is pending and not otherwise. When the environment ends (process.exit, a Worker that
// stops) the cancel flag goes up, the running job ends at its next tile and the thread is joined.
//
// defines: JobThread
#pragma once
#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>

namespace ctx {

class JobThread {
 public:
  using Work = std::function<void()>;                  // on the job thread; throws on failure
  using Result = std::function<Napi::Value(Napi::Env)>; // afterwards on the event loop: the promise's value

  explicit JobThread(Napi::Env env); // throws std::system_error where no thread can be started
  ~JobThread(); // waits for the running job, which is cancelled
  JobThread(const JobThread &) = delete;
  JobThread &operator=(const JobThread &) = delete;

  // `keep` is held until the promise has settled. A ctx::Failure becomes an Error with `code` CTX_CANCELLED, CTX_ARGUMENT,
  // CTX_MEMORY, CTX_DEVICE or CTX_IO.
  Napi::Promise run(Napi::Env env, Napi::Object keep, Work work, Result result = {});

  // All jobs known by now end with CTX_CANCELLED; later ones are not touched.
  void cancel();

  // Up while the running job is to end; what kernels poll.
  const std::atomic<int32_t> &cancelled() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

} // namespace ctx
