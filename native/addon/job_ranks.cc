// job_ranks.cc: see job_ranks.h. A process joins one job in its life, so what is kept here is the process's own.
#include "job_ranks.h"

#include <dlfcn.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../model/crew.h"
#include "../model/failure.h"
#include "backend_library.h"
#include "values.h"

namespace ctx {
namespace {

std::unique_ptr<Processes> job;
int ranks_here = 1, rank_here = 0, processors = 1; // see divide_machine

// A set of processors as bits; all of it in one message.
struct ProcessorSet {
  uint64_t bits[16] = {}; // as many as cpu_set_t has
  bool has(int i) const { return bits[i / 64] >> i % 64 & 1; }
};

// Those that this process may run on. Where the system does not tell: the first of them, as many as it has.
ProcessorSet allowed_processors() {
  ProcessorSet allowed;
  const auto add = [&](int i) { allowed.bits[i / 64] |= uint64_t(1) << i % 64; };
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int i = 0; i < std::min(1024, CPU_SETSIZE); i++)
      if (CPU_ISSET(i, &set)) add(i);
    return allowed;
  }
#endif
  for (int i = 0; i < std::clamp((int)std::thread::hardware_concurrency(), 1, 1024); i++) add(i);
  return allowed;
}

// What ranks tell each other of where they run.
struct Place {
  uint64_t machine = 0;
  ProcessorSet processors;
};

// How many ranks run on this machine, the how manieth this is, and how many processors are this one's: of each that several may run on, its part. So ranks that
// their launcher bound apart have all of their own, and ranks that are bound to nothing have equal shares.
void divide_machine(const ctx_ranks &table, ctx_group *world) {
  const Place own{machine_number(table.host()), allowed_processors()};
  std::vector<int> users(1024, 0);
  ranks_here = rank_here = 0;
  for (int rank = 0; rank < table.size(world); rank++) {
    Place theirs = own;
    if (const ctx_status status = table.broadcast(world, &theirs, sizeof theirs, rank)) fail(status, "%s", table.last_error());
    if (theirs.machine != own.machine) continue;
    ranks_here++;
    rank_here += rank < table.rank(world);
    for (int i = 0; i < 1024; i++) users[(size_t)i] += theirs.processors.has(i);
  }
  double share = 0;
  for (int i = 0; i < 1024; i++)
    if (own.processors.has(i)) share += 1.0 / users[(size_t)i];
  processors = std::max(1, (int)(share + 1e-6)); // 1/3 + 1/3 + 1/3 is 1
}

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
    divide_machine(*table, world);
    job = std::make_unique<Processes>(table, world);
  });
  Napi::Object ranks = Napi::Object::New(env);
  ranks.Set("rank", Napi::Number::New(env, job->rank()));
  ranks.Set("size", Napi::Number::New(env, job->size()));
  ranks.Set("here", Napi::Number::New(env, ranks_here));
  ranks.Set("processors", Napi::Number::New(env, processors));
  ranks.Set("host", Napi::String::New(env, job->table->host()));
  ranks.Set("library", Napi::String::New(env, job->table->name));
  ranks.Set("tell", Napi::Function::New(env, tell, "tell"));
  ranks.Set("hear", Napi::Function::New(env, hear, "hear"));
  ranks.Set("allDone", Napi::Function::New(env, all_done, "allDone"));
  ranks.Set("leave", Napi::Function::New(env, leave, "leave"));
  ranks.Set("abort", Napi::Function::New(env, abort, "abort"));
  return ranks;
}

// ranksLibrary(): the MPI that the ranks library was built with, with its version; joins nothing.
Napi::Value ranks_library(const Napi::CallbackInfo &info) {
  return guarded(info.Env(), "ranksLibrary", [&] { return Napi::String::New(info.Env(), open_ranks()->name); });
}

} // namespace

const Processes *joined_processes() { return job.get(); }

int joined_rank_here() { return rank_here; }

void register_ranks(Napi::Env env, Napi::Object exports) {
  exports.Set("joinRanks", Napi::Function::New(env, join, "joinRanks"));
  exports.Set("ranksLibrary", Napi::Function::New(env, ranks_library, "ranksLibrary"));
}

} // namespace ctx
