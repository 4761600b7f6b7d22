// backend.h: opens the backend library whose path is given to a test; status 77 if it cannot run on this machine.
#pragma once
#include "../../native/include/ctx_backend.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

inline const ctx_backend *open_backend(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::printf("%s\n", dlerror());
    std::exit(2);
  }
  const auto get = reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1"));
  const ctx_backend *backend = get ? get() : nullptr;
  if (!backend || backend->version != CTX_BACKEND_VERSION || backend->score() == 0) {
    std::printf("skipped: %s does not run on this machine\n", path);
    std::exit(77);
  }
  return backend;
}
