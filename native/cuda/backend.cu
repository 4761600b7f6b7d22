// backend.cu: the one symbol of this library, whether this machine can run it, and what GPUs there are.
//
// CUDA's runtime is linked in, so that the library loads where there is no driver; its first call then fails, and problem() says why.
#include "device.h"

#include <cstdio>
#include <cstring>
#include <string>

#include "operations.h"
#include "peers.h"

namespace ctx_cuda {

namespace {

#if defined(__CUDACC__)
constexpr const char *NAME = "cuda";
#else
constexpr const char *NAME = "cuda-on-host"; // the shim (host/cuda_runtime.h)
#endif

// The kernels hold bf16, asynchronous copies and the like for granted.
constexpr int LEAST_CAPABILITY = 8;

// Why no GPU can be used; empty if one can.
struct Found {
  char problem[512] = "";

  Found() {
    int driver = 0, runtime = 0, devices = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (driver == 0) say("there is no NVIDIA driver on this machine");
    else if (error == cudaErrorInsufficientDriver)
      say("the NVIDIA driver is for CUDA %d.%d at most, and this build needs %d.%d: install a newer driver, or build ctx with that CUDA (npm run build:cuda)", driver / 1000, driver % 1000 / 10,
          runtime / 1000, runtime % 1000 / 10);
    else if (error == cudaErrorNoDevice || (error == cudaSuccess && devices == 0))
      say("there is no GPU that CUDA may use (CUDA_VISIBLE_DEVICES, or the container's --gpus, may hide it)");
    else if (error != cudaSuccess) say("CUDA cannot start: %s", cudaGetErrorString(error));
    else look();
    cudaGetLastError(); // it is told here, and by no operation
  }

  void look() {
    cudaDeviceProp device;
    const cudaError_t error = cudaGetDeviceProperties(&device, 0);
    if (error != cudaSuccess) say("CUDA cannot tell what its GPU is: %s", cudaGetErrorString(error));
    else if (device.major < LEAST_CAPABILITY)
      say("%s has compute capability %d.%d, and the kernels need %d.0 (A100) or newer", device.name, device.major, device.minor, LEAST_CAPABILITY);
  }

  template <class... A> void say(const char *format, A... arguments) { std::snprintf(problem, sizeof problem, format, arguments...); }
};

const Found &found() {
  static const Found once;
  return once;
}

int32_t score() { return found().problem[0] ? 0 : 100; }

const char *problem() { return found().problem; }

ctx_status device_info(int32_t index, ctx_device_info *out) {
  int devices = 0;
  CTX_CUDA(nullptr, "device_info", cudaGetDeviceCount(&devices));
  if (index < 0 || index >= devices) return fail(nullptr, CTX_ERR_ARGUMENT, "device_info: there are %d GPUs, and none with index %d", devices, index);
  cudaDeviceProp device;
  CTX_CUDA(nullptr, "device_info", cudaGetDeviceProperties(&device, index));
  *out = {};
  std::snprintf(out->name, sizeof out->name, "%s", device.name);
  out->memory = int64_t(device.totalGlobalMem);
  CTX_CUDA(nullptr, "device_info", cudaDeviceGetPCIBusId(out->bus, sizeof out->bus, index));
  out->major = device.major;
  out->minor = device.minor;
  CTX_CUDA(nullptr, "device_info", cudaDriverGetVersion(&out->driver));
  return CTX_OK;
}

} // namespace

ctx_status free_memory(int32_t index, int64_t *free, int64_t *total) {
  size_t left = 0, all = 0;
  CTX_CUDA(nullptr, "free_memory", cudaSetDevice(index));
  CTX_CUDA(nullptr, "free_memory", cudaMemGetInfo(&left, &all));
  *free = int64_t(left);
  *total = int64_t(all);
  return CTX_OK;
}

namespace {

ctx_status create_timer(ctx_device *device, ctx_event **out) {
  *out = nullptr;
  cudaEvent_t event = nullptr;
  CTX_CUDA(device, "create_timer", cudaEventCreateWithFlags(&event, cudaEventDefault));
  *out = reinterpret_cast<ctx_event *>(event);
  return CTX_OK;
}

ctx_status elapsed(ctx_event *from, ctx_event *to, double *seconds) {
  float milliseconds = 0;
  CTX_CUDA(nullptr, "elapsed", cudaEventElapsedTime(&milliseconds, reinterpret_cast<cudaEvent_t>(from), reinterpret_cast<cudaEvent_t>(to)));
  *seconds = double(milliseconds) / 1000;
  return CTX_OK;
}

const ctx_backend TABLE = table_of(NAME, score, problem,
                                   {device_info, free_memory, OnOwnGpu<create_timer>::call, elapsed, peers, peers_id, OnOwnGpu<join_peers>::call, OnOwnGpu<pass_on>::call, check_peers,
                                    give_up_peers, leave_peers});

} // namespace
} // namespace ctx_cuda

extern "C" __attribute__((visibility("default"))) const ctx_backend *ctx_backend_v1(void) { return &ctx_cuda::TABLE; }

// How the GPUs of this machine reach each other's memory, in words; nothing where there is one. Beside the table: the CPU has nothing to tell here.
extern "C" __attribute__((visibility("default"))) const char *ctx_cuda_ways(void) {
  static const std::string words = [] {
    int gpus = 0, can = 0, direct = 0;
    if (cudaGetDeviceCount(&gpus) != cudaSuccess || gpus < 2) return std::string();
    std::string others;
    for (int a = 0; a < gpus; a++)
      for (int b = 0; b < a; b++) {
        if (cudaDeviceCanAccessPeer(&can, a, b) == cudaSuccess && can) direct++;
        else others += (others.empty() ? "" : ", ") + std::to_string(b) + "-" + std::to_string(a);
      }
    cudaGetLastError();
    if (others.empty()) return "each of the " + std::to_string(gpus) + " GPUs reads the others' memory directly";
    if (direct == 0) return "the " + std::to_string(gpus) + " GPUs copy to each other through the host's memory, which is slower";
    return "these GPUs copy to each other through the host's memory, which is slower: " + others + "; the others read each other's directly";
  }();
  return words.c_str();
}
