// device.cu: create, destroy, memory and errors of a GPU. See device.h.
#include "device.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <set>
#include <utility>

#include "gemm_lt.h"
#include "operations.h"

namespace ctx_cuda {
namespace {

thread_local char create_error[512] = ""; // for last_error(NULL), after create has failed

ctx_status check(ctx_device *device, const char *name, const ctx_mat &x) {
  if (x.rows < 0 || x.cols < 0 || x.ld < x.cols || (!x.data && x.rows * x.cols > 0))
    return fail(device, CTX_ERR_ARGUMENT, "%s: not a matrix: %lld x %lld, ld %lld, data %p", name, (long long)x.rows, (long long)x.cols, (long long)x.ld, x.data);
  return CTX_OK;
}

// CTX_ERR_MEMORY, with what there is: another program may have taken it.
ctx_status no_memory(ctx_device *device, size_t bytes, const char *what) {
  int64_t free = 0, total = 0;
  int index = 0;
  if (cudaGetDevice(&index) != cudaSuccess || free_memory(index, &free, &total) != CTX_OK) return fail(device, CTX_ERR_MEMORY, "no memory for %zu bytes%s on the GPU", bytes, what);
  return fail(device, CTX_ERR_MEMORY, "no memory for %zu bytes%s on the GPU: %lld of its %lld bytes are free", bytes, what, (long long)free, (long long)total);
}

// Lets the current GPU `here` read the memory of GPU `there` directly, where the machine can, from the first copy on. Otherwise, and should the
// driver refuse, it copies through the host.
void open_way(int here, int there) {
  static std::mutex mutex;
  static std::set<std::pair<int, int>> asked;
  const std::lock_guard lock(mutex);
  if (!asked.insert({here, there}).second) return;
  int can = 0;
  if (cudaDeviceCanAccessPeer(&can, here, there) == cudaSuccess && can) cudaDeviceEnablePeerAccess(there, 0);
  cudaGetLastError(); // it may have been opened by another library
}

} // namespace

ctx_status fail(ctx_device *device, ctx_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (device) std::vsnprintf(device->error, sizeof device->error, format, args);
  else std::vsnprintf(create_error, sizeof create_error, format, args);
  va_end(args);
  return status;
}

ctx_status cuda_failed(ctx_device *device, const char *what, cudaError_t error) {
  return fail(device, error == cudaErrorMemoryAllocation ? CTX_ERR_MEMORY : CTX_ERR_DEVICE, "%s: %s", what, cudaGetErrorString(error));
}

ctx_status finish(ctx_device *device, const char *operation) {
  CTX_CUDA(device, operation, cudaGetLastError());
  if (device->cancelled()) return fail(device, CTX_ERR_CANCELLED, "%s: cancelled", operation);
  return CTX_OK;
}

ctx_status check_activation(ctx_device *device, const char *name, const ctx_mat &x) {
  if (x.dtype != CTX_F32 && x.dtype != CTX_BF16)
    return fail(device, CTX_ERR_ARGUMENT, "%s: must be fp32 or bf16, got dtype %d; copy converts", name, x.dtype);
  return check(device, name, x);
}

ctx_status check_activation(ctx_device *device, const char *name, const ctx_mat &x, int64_t rows, int64_t cols) {
  CTX_TRY(check_activation(device, name, x));
  if (x.rows != rows || x.cols != cols)
    return fail(device, CTX_ERR_ARGUMENT, "%s: expected %lld x %lld, got %lld x %lld", name, (long long)rows, (long long)cols, (long long)x.rows, (long long)x.cols);
  return CTX_OK;
}

ctx_status check_f32(ctx_device *device, const char *name, const ctx_mat &x) {
  if (x.dtype != CTX_F32) return fail(device, CTX_ERR_ARGUMENT, "%s: must be fp32, got dtype %d; copy converts", name, x.dtype);
  return check(device, name, x);
}

ctx_status use_own_gpu(ctx_device *device) {
  CTX_CUDA(device, "device", cudaSetDevice(device->index));
  return CTX_OK;
}

ctx_status create(int32_t index, int32_t threads, ctx_device **out) {
  *out = nullptr;
  int gpus = 0;
  CTX_CUDA(nullptr, "create", cudaGetDeviceCount(&gpus));
  if (index < 0 || index >= gpus) return fail(nullptr, CTX_ERR_ARGUMENT, "create: there are %d GPUs, and none with index %d", gpus, index);
  if (threads < 1 || threads > 1024) return fail(nullptr, CTX_ERR_ARGUMENT, "create: threads must be between 1 and 1024, got %d", threads);
  ctx_device *device = new (std::nothrow) ctx_device;
  if (!device) return fail(nullptr, CTX_ERR_MEMORY, "create: out of memory");
  device->index = index;
  cudaError_t error = cudaSetDevice(index);
  int least = 0, greatest = 0; // of priorities: the greatest is the smallest number
  if (error == cudaSuccess) error = cudaDeviceGetStreamPriorityRange(&least, &greatest);
  // What has come is added up among transfers (add_on): its few blocks go before the many of an operation, or what is to come next would wait for these.
  for (cudaStream_t *const stream : {&device->stream, &device->incoming, &device->outgoing})
    if (error == cudaSuccess) error = cudaStreamCreateWithPriority(stream, cudaStreamNonBlocking, stream == &device->incoming ? greatest : least);
  if (error == cudaSuccess) error = cudaMalloc(reinterpret_cast<void **>(&device->wrong), sizeof(int32_t));
  int major = 0, minor = 0;
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index);
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index);
  device->sm = 10 * major + minor;
  if (error != cudaSuccess) {
    destroy(device);
    return error == cudaErrorMemoryAllocation ? no_memory(nullptr, sizeof(int32_t), "") : cuda_failed(nullptr, "create", error);
  }
  *out = device;
  return CTX_OK;
}

void destroy(ctx_device *device) {
  if (!device) return;
  cudaSetDevice(device->index);
  for (const cudaStream_t stream : {device->stream, device->incoming, device->outgoing})
    if (stream) cudaStreamSynchronize(stream);
  release_products(device->products);
  cudaFree(device->wrong);
  cudaFree(device->scratch);
  for (const cudaStream_t stream : {device->stream, device->incoming, device->outgoing})
    if (stream) cudaStreamDestroy(stream);
  delete device;
}

const char *last_error(ctx_device *device) { return device ? device->error : create_error; }

void set_cancel(ctx_device *device, const volatile int32_t *flag) { device->cancel = flag; }

ctx_status alloc(ctx_device *device, size_t bytes, void **out) {
  *out = nullptr;
  const size_t size = std::max<size_t>(bytes, 1);
  if (cudaMalloc(out, size) != cudaSuccess) {
    cudaGetLastError(); // an allocation that failed leaves the context as it was
    return no_memory(device, bytes, "");
  }
  CTX_CUDA(device, "alloc", cudaMemsetAsync(*out, 0, size, device->stream));
  CTX_CUDA(device, "alloc", cudaStreamSynchronize(device->stream));
  return CTX_OK;
}

void release(ctx_device *device, void *p, size_t) {
  if (!p) return;
  cudaSetDevice(device->index);
  synchronize(device); // work in flight may still read it
  cudaFree(p);
}

// The caller may reuse its buffer at once.
ctx_status upload(ctx_device *device, void *to, const void *from, size_t bytes) {
  if (bytes) CTX_CUDA(device, "upload", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, device->stream));
  CTX_CUDA(device, "upload", cudaStreamSynchronize(device->stream));
  return CTX_OK;
}

ctx_status download(ctx_device *device, void *to, const void *from, size_t bytes) {
  if (bytes) CTX_CUDA(device, "download", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, device->stream));
  CTX_CUDA(device, "download", cudaStreamSynchronize(device->stream));
  return CTX_OK;
}

ctx_status synchronize(ctx_device *device) {
  for (const cudaStream_t stream : {device->stream, device->incoming, device->outgoing}) CTX_CUDA(device, "synchronize", cudaStreamSynchronize(stream));
  return CTX_OK;
}

int64_t scratch(ctx_device *device) { return int64_t(device->scratch_bytes); }

ctx_status alloc_host(ctx_device *device, size_t bytes, void **out) {
  *out = nullptr;
  if (cudaHostAlloc(out, std::max<size_t>(bytes, 1), cudaHostAllocPortable) == cudaSuccess) return CTX_OK;
  cudaGetLastError();
  return fail(device, CTX_ERR_MEMORY, "no page-locked memory for %zu bytes on the host", bytes);
}

void release_host(ctx_device *device, void *p, size_t) {
  if (!p) return;
  synchronize(device);
  cudaFreeHost(p);
}

ctx_status transfer(ctx_device *device, void *to, const void *from, size_t bytes, ctx_direction direction) {
  constexpr cudaMemcpyKind kinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice};
  if (bytes) CTX_CUDA(device, "transfer", cudaMemcpyAsync(to, from, bytes, kinds[direction], direction == CTX_TO_HOST ? device->outgoing : device->incoming));
  return CTX_OK;
}

ctx_status transfer_from(ctx_device *device, void *to, ctx_device *owner, const void *from, size_t bytes) {
  if (device->index == owner->index) return transfer(device, to, from, bytes, CTX_ON_DEVICE);
  open_way(device->index, owner->index);
  if (bytes) CTX_CUDA(device, "transfer_from", cudaMemcpyPeerAsync(to, device->index, from, owner->index, bytes, device->incoming));
  return CTX_OK;
}

ctx_status create_event(ctx_device *device, ctx_event **out) {
  *out = nullptr;
  cudaEvent_t event = nullptr;
  CTX_CUDA(device, "create_event", cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
  *out = reinterpret_cast<ctx_event *>(event);
  return CTX_OK;
}

void destroy_event(ctx_event *event) {
  if (event) cudaEventDestroy(reinterpret_cast<cudaEvent_t>(event));
}

ctx_status record(ctx_device *device, ctx_queue queue, ctx_event *event) {
  CTX_CUDA(device, "record", cudaEventRecord(reinterpret_cast<cudaEvent_t>(event), device->queue(queue)));
  return CTX_OK;
}

ctx_status wait(ctx_device *device, ctx_queue queue, ctx_event *event) {
  CTX_CUDA(device, "wait", cudaStreamWaitEvent(device->queue(queue), reinterpret_cast<cudaEvent_t>(event), 0));
  return CTX_OK;
}

ctx_status await_event(ctx_event *event, char *why, size_t room) {
  const cudaError_t error = cudaEventSynchronize(reinterpret_cast<cudaEvent_t>(event));
  if (error == cudaSuccess) return CTX_OK;
  std::snprintf(why, room, "%s", cudaGetErrorString(error));
  return CTX_ERR_DEVICE;
}

} // namespace ctx_cuda

ctx_status ctx_device::reserve(size_t bytes) {
  if (bytes <= scratch_bytes) return CTX_OK;
  CTX_TRY(ctx_cuda::synchronize(this));
  cudaFree(scratch);
  scratch = nullptr;
  scratch_bytes = 0;
  if (cudaMalloc(&scratch, bytes) != cudaSuccess) {
    cudaGetLastError();
    return ctx_cuda::no_memory(this, bytes, " of scratch");
  }
  scratch_bytes = bytes;
  return CTX_OK;
}
