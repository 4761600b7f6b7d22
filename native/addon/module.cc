// module.cc: what ctx.node exports; NativeAddon of runtime/engine/addon.ts.
#include "attention_call.h"
#include "describe.h"
#include "engine_object.h"
#include "job_ranks.h"

static Napi::Object start(Napi::Env env, Napi::Object exports) {
  ctx::EngineObject::define(env);
  ctx::register_attention(env, exports);
  ctx::register_ranks(env, exports);
  exports.Set("describe", Napi::Function::New(env, ctx::describe, "describe"));
  exports.Set("cpuPeak", Napi::Function::New(env, ctx::cpu_peak, "cpuPeak"));
  exports.Set("cudaFreeMemory", Napi::Function::New(env, ctx::cuda_free_memory, "cudaFreeMemory"));
  exports.Set("cudaWays", Napi::Function::New(env, ctx::cuda_ways, "cudaWays"));
  exports.Set("cudaPeers", Napi::Function::New(env, ctx::cuda_peers, "cudaPeers"));
  exports.Set("cudaProducts", Napi::Function::New(env, ctx::cuda_products, "cudaProducts"));
  exports.Set("cudaAttention", Napi::Function::New(env, ctx::cuda_attention, "cudaAttention"));
  exports.Set("startableThreads", Napi::Function::New(env, ctx::startable_threads, "startableThreads"));
  exports.Set("createEngine", Napi::Function::New(env, ctx::EngineObject::create, "createEngine"));
  return exports;
}

NODE_API_MODULE(ctx, start)
