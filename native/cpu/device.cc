// device.cc: create, destroy, memory and errors of a CPU device. See device.h.
#include "device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "operations.h"

namespace ctx_cpu {
namespace {

thread_local char create_error[512] = ""; // for last_error(NULL), after create has failed

// From this size on, memory comes as whole pages with huge pages asked for: fewer TLB misses in every kernel.
constexpr size_t MAPPED = size_t(4) << 20;

} // namespace

Scratch::~Scratch() { std::free(data_); }

bool Scratch::reserve(size_t floats) {
  const size_t bytes = (floats * sizeof(float) + 4095) / 4096 * 4096;
  if ((int64_t)bytes <= bytes_) return true;
  std::free(data_);
  bytes_ = 0;
  data_ = static_cast<float *>(std::aligned_alloc(4096, bytes));
  if (!data_) return false;
  bytes_ = (int64_t)bytes;
  return true;
}

ctx_status fail(ctx_device *device, ctx_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (device) std::vsnprintf(device->error, sizeof device->error, format, args);
  else std::vsnprintf(create_error, sizeof create_error, format, args);
  va_end(args);
  return status;
}

ctx_status finish(ctx_device *device, const char *operation) {
  if (!device->cancelled()) return CTX_OK;
  return fail(device, CTX_ERR_CANCELLED, "%s: cancelled", operation);
}

ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x) {
  if (x.dtype != CTX_F32) return fail(device, CTX_ERR_ARGUMENT, "%s: only fp32 is computed on the CPU, got dtype %d; copy converts", name, x.dtype);
  if (x.rows < 0 || x.cols < 0 || x.ld < x.cols || (!x.data && x.rows * x.cols > 0))
    return fail(device, CTX_ERR_ARGUMENT, "%s: not a matrix: %lld x %lld, ld %lld, data %p", name, (long long)x.rows, (long long)x.cols, (long long)x.ld, x.data);
  return CTX_OK;
}

ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x, int64_t rows, int64_t cols) {
  CTX_TRY(check_f32(device, name, x));
  if (x.rows != rows || x.cols != cols)
    return fail(device, CTX_ERR_ARGUMENT, "%s: expected %lld x %lld, got %lld x %lld", name, (long long)rows, (long long)cols, (long long)x.rows, (long long)x.cols);
  return CTX_OK;
}

ctx_status create(int32_t index, int32_t threads, ctx_device **out) {
  if (index != 0) return fail(nullptr, CTX_ERR_ARGUMENT, "create: a CPU is device 0, and there is no %d", index);
  if (threads < 1 || threads > 1024) return fail(nullptr, CTX_ERR_ARGUMENT, "create: threads must be between 1 and 1024, got %d", threads);
  try {
    *out = new ctx_device(threads);
    return CTX_OK;
  } catch (const std::bad_alloc &) {
    return fail(nullptr, CTX_ERR_MEMORY, "create: out of memory");
  } catch (const std::exception &e) {
    return fail(nullptr, CTX_ERR_DEVICE, "create: cannot start %d threads: %s", threads, e.what());
  }
}

void destroy(ctx_device *device) { delete device; }

const char *last_error(ctx_device *device) { return device ? device->error : create_error; }

void set_cancel(ctx_device *device, const volatile int32_t *flag) { device->cancel = flag; }

ctx_status alloc(ctx_device *device, size_t bytes, void **out) {
  *out = nullptr;
  if (bytes >= MAPPED) { // fresh pages are zero
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return fail(device, CTX_ERR_MEMORY, "no memory for %zu bytes", bytes);
#if defined(MADV_HUGEPAGE)
    madvise(p, bytes, MADV_HUGEPAGE); // a wish; without it everything still works
#endif
    *out = p;
    return CTX_OK;
  }
  const size_t rounded = std::max<size_t>(64, (bytes + 63) / 64 * 64);
  *out = std::aligned_alloc(64, rounded);
  if (!*out) return fail(device, CTX_ERR_MEMORY, "no memory for %zu bytes", bytes);
  std::memset(*out, 0, rounded);
  return CTX_OK;
}

void release(ctx_device *, void *p, size_t bytes) {
  if (p && bytes >= MAPPED) munmap(p, bytes);
  else std::free(p);
}

ctx_status upload(ctx_device *, void *to, const void *from, size_t bytes) {
  if (bytes) std::memcpy(to, from, bytes);
  return CTX_OK;
}

ctx_status download(ctx_device *device, void *to, const void *from, size_t bytes) { return upload(device, to, from, bytes); }

ctx_status synchronize(ctx_device *) { return CTX_OK; } // every operation has finished when it returns

int64_t scratch(ctx_device *device) {
  int64_t bytes = device->shared.bytes();
  for (const Scratch &own : device->scratch) bytes += own.bytes();
  return bytes;
}

// Transfers are done at once, as operations are: every event has come before it is recorded.
ctx_status alloc_host(ctx_device *device, size_t bytes, void **out) { return alloc(device, bytes, out); }

void release_host(ctx_device *device, void *p, size_t bytes) { release(device, p, bytes); }

ctx_status transfer(ctx_device *device, void *to, const void *from, size_t bytes, ctx_direction) { return upload(device, to, from, bytes); }

ctx_status transfer_from(ctx_device *device, void *to, ctx_device *, const void *from, size_t bytes) { return upload(device, to, from, bytes); }

ctx_status create_event(ctx_device *, ctx_event **out) {
  *out = nullptr;
  return CTX_OK;
}

void destroy_event(ctx_event *) {}

ctx_status record(ctx_device *, ctx_queue, ctx_event *) { return CTX_OK; }

ctx_status wait(ctx_device *, ctx_queue, ctx_event *) { return CTX_OK; }

ctx_status await_event(ctx_event *, char *, size_t) { return CTX_OK; }

} // namespace ctx_cpu

ctx_status ctx_device::reserve(size_t shared_floats, size_t floats_per_thread) {
  bool ok = shared.reserve(shared_floats);
  for (auto &s : scratch) ok = ok && s.reserve(floats_per_thread);
  if (ok) return CTX_OK;
  return ctx_cpu::fail(this, CTX_ERR_MEMORY, "no memory for %zu bytes of scratch", (shared_floats + floats_per_thread * scratch.size()) * sizeof(float));
}
