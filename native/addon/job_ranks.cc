// job_ranks.cc: see job_ranks.h. A process joins one job in its life, so what is kept here is the process's own.
#include "job_ranks.h"

#include <dlfcn.h>

#include <memory>

#include "../model/crew.h"
#include "../model/failure.h"
#include "backend_library.h"
#include "values.h"

namespace ctx {
namespace {

std::unique_ptr<Processes> job;

const ctx_ranks *open_ranks() {
  const std::string file = own_folder() + "/libctx_mpi.so";
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(CTX_ERR_DEVICE, "%s", dlerror());
  const auto get = reinterpret_cast<ctx_ranks_v1_fn>(dlsym(library, "ctx_ranks_v1"));
  if (!get) fail(CTX_ERR_DEVICE, "%s exports no ctx_ranks_v1", file.c_str());
  const ctx_ranks *table = get();
  if (table->version != CTX_RANKS_VERSION)
    fail(CTX_ERR_DEVICE, "%s has version %d, this addon needs %d (rebuild: npm run build)", file.c_str(), table->version, CTX_RANKS_VERSION);
  return table;
}

// Runs C++ that may throw a Failure inside a JavaScript call.
template <class Body> auto guarded(Napi::Env env, const char *operation, const Body &body) {
  try {
    return body();
  } catch (const Failure &failure) {
    throw Napi::Error::New(env, std::string(operation) + ": " + failure.what());
  }
}

const Processes &joined(Napi::Env env, const char *operation) {
  if (!job) throw Napi::Error::New(env, std::string(operation) + ": joinRanks comes first");
  return *job;
}

// tell(text): the leader's words to all others.
void tell(const Napi::CallbackInfo &info) {
  const Processes &processes = joined(info.Env(), "tell");
  if (!info[0].IsString()) type_error(info.Env(), "tell: text must be a string");
  std::string text = info[0].As<Napi::String>().Utf8Value();
  guarded(info.Env(), "tell", [&] {
    uint64_t length = text.size();
    processes.broadcast(&length, sizeof length);
    if (length > 0) processes.broadcast(text.data(), text.size());
  });
}

// hear(): waits for the leader's next words.
Napi::Value hear(const Napi::CallbackInfo &info) {
  const Processes &processes = joined(info.Env(), "hear");
  return guarded(info.Env(), "hear", [&] {
    uint64_t length = 0;
    processes.broadcast(&length, sizeof length);
    std::string text((size_t)length, '\0');
    if (length > 0) processes.broadcast(text.data(), text.size());
    return Napi::String::New(info.Env(), text);
  });
}

Napi::Value all_done(const Napi::CallbackInfo &info) { return Napi::Boolean::New(info.Env(), Crew::all_done()); }

void leave(const Napi::CallbackInfo &) {
  if (!job) return;
  job->table->release(job->world);
  job->table->leave();
  job.reset();
}

void abort(const Napi::CallbackInfo &info) {
  if (job) job->table->abort(info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 1);
}

// joinRanks(): joins the job; the same object's data if that was done before.
Napi::Value join(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  guarded(env, "joinRanks", [] {
    if (job) return;
    const ctx_ranks *table = open_ranks();
    ctx_group *world = nullptr;
    const ctx_status status = table->join(&world);
    if (status != CTX_OK) fail(status, "%s", table->last_error());
    job = std::make_unique<Processes>(table, world);
  });
  Napi::Object ranks = Napi::Object::New(env);
  ranks.Set("rank", Napi::Number::New(env, job->rank()));
  ranks.Set("size", Napi::Number::New(env, job->size()));
  ranks.Set("host", Napi::String::New(env, job->table->host()));
  ranks.Set("library", Napi::String::New(env, job->table->name));
  ranks.Set("tell", Napi::Function::New(env, tell, "tell"));
  ranks.Set("hear", Napi::Function::New(env, hear, "hear"));
  ranks.Set("allDone", Napi::Function::New(env, all_done, "allDone"));
  ranks.Set("leave", Napi::Function::New(env, leave, "leave"));
  ranks.Set("abort", Napi::Function::New(env, abort, "abort"));
  return ranks;
}

} // namespace

const Processes *joined_processes() { return job.get(); }

void register_ranks(Napi::Env env, Napi::Object exports) { exports.Set("joinRanks", Napi::Function::New(env, join, "joinRanks")); }

} // namespace ctx
