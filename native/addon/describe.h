// describe.h: what this machine offers (NativeDescription of runtime/engine/addon.ts).
// defines: describe, cpu_peak, cuda_free_memory, cuda_products, cuda_attention, cuda_ways, cuda_peers, startable_threads
#pragma once
#include <napi.h>

namespace ctx {

Napi::Value describe(const Napi::CallbackInfo &info);

// (dtype, threads): FLOP/s that so many threads reach at most with the backend that is used here; takes about 50 ms.
Napi::Value cpu_peak(const Napi::CallbackInfo &info);

// (): bytes of the first GPU that nobody has taken. Starts CUDA on it, which takes some memory and half a second.
Napi::Value cuda_free_memory(const Napi::CallbackInfo &info);

// What computes matrix products on the GPU, in words; empty without a CUDA backend. Opens cuBLASLt.
Napi::Value cuda_products(const Napi::CallbackInfo &info);
// Which kernels have computed attention on the GPU so far, and how often, in words; empty without a CUDA backend.
Napi::Value cuda_attention(const Napi::CallbackInfo &info);
Napi::Value cuda_ways(const Napi::CallbackInfo &info);
// What carries transfers between GPUs of several processes, or why nothing does; empty without a CUDA backend. Opens NCCL.
Napi::Value cuda_peers(const Napi::CallbackInfo &info);

// (count): how many threads, up to `count`, this process can start at once: a limit on processes (ulimit -u, a container's) shows no
// other way. They end before it returns.
Napi::Value startable_threads(const Napi::CallbackInfo &info);

} // namespace ctx
