#include "job_thread.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "../model/failure.h"

namespace ctx {
namespace {

const char *code_of(ctx_status status) {
  switch (status) {
    case CTX_ERR_CANCELLED: return "CTX_CANCELLED";
    case CTX_ERR_MEMORY: return "CTX_MEMORY";
    case CTX_ERR_DEVICE: return "CTX_DEVICE";
    case CTX_ERR_IO: return "CTX_IO";
    default: return "CTX_ARGUMENT";
  }
}

struct Job {
  uint64_t number;
  JobThread::Work work;
  JobThread::Result result;
  Napi::Promise::Deferred promise;
  Napi::ObjectReference keep;
  ctx_status status = CTX_OK;
  std::string message;

  void execute() {
    try {
      work();
    } catch (const Failure &failure) {
      status = failure.status;
      message = failure.what();
    } catch (const std::bad_alloc &) {
      status = CTX_ERR_MEMORY;
      message = "out of memory";
    } catch (const std::exception &error) {
      status = CTX_ERR_DEVICE;
      message = error.what();
    }
    work = nullptr; // frees what it holds here, not on the event loop
  }

  void settle(Napi::Env env) {
    if (status != CTX_OK) {
      Napi::Error error = Napi::Error::New(env, message);
      error.Set("code", Napi::String::New(env, code_of(status)));
      promise.Reject(error.Value());
      return;
    }
    try {
      promise.Resolve(result ? result(env) : env.Undefined());
    } catch (const Napi::Error &error) {
      promise.Reject(error.Value());
    }
  }
};

} // namespace

struct JobThread::State {
  napi_env env;
  napi_threadsafe_function done = nullptr; // brings finished jobs to the event loop
  std::thread thread;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job *> waiting;
  uint64_t next = 0, cancelled_before = 0; // job numbers
  bool stopping = false;
  std::atomic<int32_t> cancel{0};
  int pending = 0; // jobs whose promise is open; event loop only

  void loop() {
    for (;;) {
      Job *job;
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return stopping || !waiting.empty(); });
        if (waiting.empty()) return;
        job = waiting.front();
        waiting.pop_front();
        cancel = stopping || job->number < cancelled_before;
      }
      if (cancel) {
        job->status = CTX_ERR_CANCELLED;
        job->message = "cancelled";
      } else {
        job->execute();
      }
      if (napi_call_threadsafe_function(done, job, napi_tsfn_nonblocking) != napi_ok) return; // the environment is ending
    }
  }

  // On the event loop; env is null when the environment is ending.
  static void arrive(napi_env env, napi_value, void *context, void *data) {
    std::unique_ptr<Job> job(static_cast<Job *>(data));
    if (!env) {
      job->keep.SuppressDestruct();
      return;
    }
    const std::shared_ptr<State> state = *static_cast<std::shared_ptr<State> *>(context); // settling may end the JobThread
    Napi::HandleScope scope(env);
    job->settle(env);
    if (--state->pending == 0 && state->done) napi_unref_threadsafe_function(env, state->done);
  }

  // Ends the thread; the running job sees the cancel flag. May be called twice.
  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
      cancel = 1;
    }
    changed.notify_all();
    if (thread.joinable()) thread.join();
    if (done) napi_release_threadsafe_function(done, napi_tsfn_abort);
    done = nullptr;
  }

  static void environment_ends(void *data) { static_cast<State *>(data)->stop(); }
};

JobThread::JobThread(Napi::Env env) : state_(std::make_shared<State>()) {
  State &state = *state_;
  state.env = env;
  // The function keeps the state until it is finalized, which may be after this object is gone.
  auto *held = new std::shared_ptr<State>(state_);
  const auto finalize = [](napi_env, void *data, void *) { delete static_cast<std::shared_ptr<State> *>(data); };
  const napi_status made = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "ctx jobs"), 0, 1, held, finalize, held,
                                                           State::arrive, &state.done);
  if (made != napi_ok) {
    delete held;
    throw Napi::Error::New(env, "cannot create a thread-safe function");
  }
  napi_unref_threadsafe_function(env, state.done);
  try {
    state.thread = std::thread([&state] { state.loop(); });
  } catch (...) {
    state.stop();
    throw;
  }
  napi_add_env_cleanup_hook(env, State::environment_ends, &state);
}

JobThread::~JobThread() {
  napi_remove_env_cleanup_hook(state_->env, State::environment_ends, state_.get());
  state_->stop();
}

Napi::Promise JobThread::run(Napi::Env env, Napi::Object keep, Work work, Result result) {
  State &state = *state_;
  auto *job = new Job{0, std::move(work), std::move(result), Napi::Promise::Deferred::New(env), Napi::Persistent(keep), CTX_OK, {}};
  const Napi::Promise promise = job->promise.Promise();
  if (state.pending++ == 0) napi_ref_threadsafe_function(env, state.done);
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    job->number = state.next++;
    state.waiting.push_back(job);
  }
  state.changed.notify_all();
  return promise;
}

void JobThread::cancel() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->cancelled_before = state_->next;
  state_->cancel = 1;
}

const std::atomic<int32_t> &JobThread::cancelled() const { return state_->cancel; }

} // namespace ctx
