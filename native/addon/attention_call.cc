// attention_call.cc: see attention_call.h.
#include "attention_call.h"

#include <system_error>

#include "../model/failure.h"
#include "../ring/ranks.h"
#include "backend_library.h"
#include "job_thread.h"
#include "values.h"

namespace ctx {
namespace {

using Floats = std::vector<float>;

// A call's inputs, outputs and shapes; lives until its promise has settled.
struct Call {
  Sequence shape{};
  std::string isa;
  int ring = 1, threads = 1;
  std::vector<int32_t> starts;
  Floats q, k, v, o, lse, d_o, dq, dk, dv;

  // Points the shape at the buffers.
  Sequence sequence() {
    Sequence s = shape;
    s.start = starts.empty() ? nullptr : starts.data();
    s.q = q.data(), s.k = k.data(), s.v = v.data(), s.o = o.data(), s.lse = lse.data();
    return s;
  }
  Ranks ranks(const JobThread &jobs) const {
    return {choose_cpu_backend(isa), ring, threads, reinterpret_cast<const volatile int32_t *>(&jobs.cancelled())};
  }
};

void expect_length(Napi::Env env, const std::string &name, const Floats &x, int64_t rows, int64_t cols) {
  if ((int64_t)x.size() != rows * cols)
    type_error(env, name + " must hold " + std::to_string(rows) + " x " + std::to_string(cols) + " numbers, got " + std::to_string(x.size()));
}

// Options, q, k, v; `at` is where q stands among the arguments and options after them.
std::shared_ptr<Call> parse(const Napi::CallbackInfo &info, const std::string &name, size_t q_at, size_t options_at) {
  const Napi::Env env = info.Env();
  const Options options(info[options_at], name + ": options");
  auto call = std::make_shared<Call>();
  Sequence &s = call->shape;
  s.heads = options.small("heads"), s.kv_heads = options.small("kvHeads"), s.head_dim = options.small("headDim");
  s.scale = (float)options.number("scale");
  s.causal = options.boolean("causal");
  call->ring = options.small("ring"), call->threads = options.small("threads");
  if (options.has("isa")) call->isa = options.string("isa");
  if (s.heads < 1 || s.kv_heads < 1 || s.head_dim < 1 || s.heads % s.kv_heads != 0)
    type_error(env, name + ": heads (" + std::to_string(s.heads) + ") must be a positive multiple of kvHeads (" + std::to_string(s.kv_heads) + "), and headDim positive");
  if (call->ring < 1 || call->ring > 256) type_error(env, name + ": ring must lie in 1 … 256");
  if (call->threads < 1 || call->threads > 1024) type_error(env, name + ": threads must lie in 1 … 1024");

  call->q = typed_array<float>(info[q_at], name + ": q");
  call->k = typed_array<float>(info[q_at + 1], name + ": k");
  call->v = typed_array<float>(info[q_at + 2], name + ": v");
  const int64_t width = (int64_t)s.heads * s.head_dim, kv_width = (int64_t)s.kv_heads * s.head_dim;
  s.tokens = (int64_t)call->q.size() / width;
  expect_length(env, name + ": q", call->q, s.tokens, width);
  expect_length(env, name + ": k", call->k, s.tokens, kv_width);
  expect_length(env, name + ": v", call->v, s.tokens, kv_width);

  call->starts = optional_typed_array<int32_t>(options.get("starts"), name + ": starts");
  if (options.has("starts") && (int64_t)call->starts.size() != s.tokens)
    type_error(env, name + ": starts must hold one number for each of " + std::to_string(s.tokens) + " tokens, got " + std::to_string(call->starts.size()));
  for (int64_t t = 0; t < (int64_t)call->starts.size(); t++)
    if (call->starts[t] < 0 || call->starts[t] > t || (t > 0 && call->starts[t] < call->starts[t - 1]))
      type_error(env, name + ": starts[" + std::to_string(t) + "] is " + std::to_string(call->starts[t]) + "; starts must never decrease and never pass their own token");
  return call;
}

// The environment's thread for plain calls, started by the first of them.
using Jobs = std::shared_ptr<std::unique_ptr<JobThread>>;

JobThread &thread_of(const Jobs &jobs, Napi::Env env) {
  try {
    if (!*jobs) *jobs = std::make_unique<JobThread>(env);
  } catch (const std::system_error &error) {
    throw Napi::Error::New(env, std::string("attention: cannot start a thread: ") + error.what());
  }
  return **jobs;
}

Napi::Value forward(const Jobs &jobs, const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto call = parse(info, "attentionForward", 0, 3);
  JobThread &thread = thread_of(jobs, env);
  return thread.run(env, Napi::Object::New(env), [call, &thread] {
    call->o.resize(call->q.size());
    call->lse.resize(call->shape.heads * call->shape.tokens);
    attend(call->ranks(thread), call->sequence());
  }, [call](Napi::Env env) -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("o", to_typed_array(env, std::move(call->o)));
    result.Set("lse", to_typed_array(env, std::move(call->lse)));
    return result;
  });
}

Napi::Value backward(const Jobs &jobs, const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const std::string name = "attentionBackward";
  const auto call = parse(info, name, 1, 6);
  const Sequence &s = call->shape;
  call->d_o = typed_array<float>(info[0], name + ": dO");
  call->o = typed_array<float>(info[4], name + ": o");
  call->lse = typed_array<float>(info[5], name + ": lse");
  expect_length(env, name + ": dO", call->d_o, s.tokens, (int64_t)s.heads * s.head_dim);
  expect_length(env, name + ": o", call->o, s.tokens, (int64_t)s.heads * s.head_dim);
  expect_length(env, name + ": lse", call->lse, s.heads, s.tokens);
  JobThread &thread = thread_of(jobs, env);
  return thread.run(env, Napi::Object::New(env), [call, &thread] {
    call->dq.resize(call->q.size()), call->dk.resize(call->k.size()), call->dv.resize(call->v.size());
    attend_backward(call->ranks(thread), call->sequence(), {call->d_o.data(), call->dq.data(), call->dk.data(), call->dv.data()});
  }, [call](Napi::Env env) -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("dq", to_typed_array(env, std::move(call->dq)));
    result.Set("dk", to_typed_array(env, std::move(call->dk)));
    result.Set("dv", to_typed_array(env, std::move(call->dv)));
    return result;
  });
}

} // namespace

void register_attention(Napi::Env env, Napi::Object exports) {
  const auto jobs = std::make_shared<std::unique_ptr<JobThread>>();
  exports.Set("attentionForward", Napi::Function::New(env, [jobs](const Napi::CallbackInfo &info) { return forward(jobs, info); }, "attentionForward"));
  exports.Set("attentionBackward", Napi::Function::New(env, [jobs](const Napi::CallbackInfo &info) { return backward(jobs, info); }, "attentionBackward"));
}

} // namespace ctx
