// backend_library.h: finds and opens the backends: shared libraries beside ctx.node that export ctx_backend_v1.
// defines: own_folder, Backend, cpu_backends, choose_cpu_backend, cuda_backend
#pragma once
#include <string>
#include <vector>

#include "../include/ctx_backend.h"

namespace ctx {

// Folder of ctx.node.
std::string own_folder();

struct Backend {
  std::string file, problem; // problem: why it cannot be used; empty when it can
  const ctx_backend *table = nullptr;
  int score = 0;
};

// All libctx_cpu_*.so beside ctx.node, best first, those that cannot be used last. Opened once for the process.
const std::vector<Backend> &cpu_backends();

// The best CPU backend that runs here, or the one for `isa` ("avx512bf16", "avx512", "avx2", "portable"); when that is empty the environment
// variable CTX_CPU_ISA counts. Throws a Failure that lists what there is.
const ctx_backend *choose_cpu_backend(const std::string &isa);

// libctx_cuda.so beside ctx.node, or the library that the environment variable CTX_CUDA_LIBRARY names; `problem` says why there is none.
const Backend &cuda_backend();

} // namespace ctx
