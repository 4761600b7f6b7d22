// main.cc: ctx_test_ops LIBRARY [FILTER]: tests every operation of a backend library whose case name contains FILTER.
// Prints failures and a last line with the counts; exit status 0 all passed, 1 some failed, 2 wrong usage or no library,
// 77 this machine can't run the library.
#include <dlfcn.h>

#include <cstdio>

#include "harness.h"

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: ctx_test_ops LIBRARY [FILTER]\n");
    return 2;
  }
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  auto *entry = library ? reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1")) : nullptr;
  if (!entry) {
    std::fprintf(stderr, "ctx_test_ops: %s\n", dlerror());
    return 2;
  }
  const ctx_backend *backend = entry();
  if (backend->score() <= 0) {
    std::printf("%s: this machine cannot run it\n", backend->name);
    return 77;
  }
  Harness harness(backend, argc == 3 ? argv[2] : "");
  test_gemm(harness);
  test_movement(harness);
  test_elementwise(harness);
  test_norm_and_rope(harness);
  test_embedding_and_loss(harness);
  test_bf16(harness);
  test_errors(harness);
  std::printf("%s: %d cases, %d failed\n", backend->name, harness.cases(), harness.failures());
  return harness.failures() ? 1 : 0;
}
