#include "describe.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#endif

#include "backend_library.h"
#include "probe/peak.h"

namespace ctx {
namespace {

// First line of /proc/cpuinfo that begins with `key`; empty where there is no such file.
std::string cpuinfo(const std::string &key) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && line.compare(0, key.size(), key) == 0) return line.substr(std::min(line.size(), colon + 2));
  }
  return "";
}

// Instruction sets that kernels may use; all others are of no interest here.
std::vector<std::string> cpu_features() {
  const std::set<std::string> wanted = {"sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "amx_bf16",
                                        "asimd", "bf16", "sve"};
  std::istringstream words(cpuinfo("flags") + cpuinfo("Features"));
  std::vector<std::string> found;
  for (std::string word; words >> word;)
    if (wanted.count(word)) found.push_back(word);
  return found;
}

// CPUs this process may run on.
int cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return std::max(1, (int)std::thread::hardware_concurrency());
}

double memory_bytes() { return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE); }

} // namespace

namespace {

Napi::Array cuda_devices(Napi::Env env) {
  Napi::Array devices = Napi::Array::New(env);
  const ctx_backend *table = cuda_backend().table;
  ctx_device_info found;
  for (int32_t index = 0; table && table->device_info && table->device_info(index, &found) == CTX_OK; index++) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", found.name);
    device.Set("memoryBytes", (double)found.memory);
    device.Set("capability", std::to_string(found.major) + "." + std::to_string(found.minor));
    device.Set("driver", std::to_string(found.driver / 1000) + "." + std::to_string(found.driver % 1000 / 10));
    devices.Set(devices.Length(), device);
  }
  return devices;
}

} // namespace

Napi::Value describe(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Napi::Object value = Napi::Object::New(env);
  value.Set("version", std::to_string(CTX_BACKEND_VERSION));

  Napi::Array backends = Napi::Array::New(env);
  for (const Backend &b : cpu_backends()) {
    if (!b.table) continue;
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", b.table->name);
    entry.Set("score", b.score);
    backends.Set(backends.Length(), entry);
  }
  value.Set("backends", backends);
  const std::string model = cpuinfo("model name");
  value.Set("cpuModel", model.empty() ? "unknown" : model);
  Napi::Array features = Napi::Array::New(env);
  for (const std::string &feature : cpu_features()) features.Set(features.Length(), feature);
  value.Set("cpuFeatures", features);
  value.Set("cores", cores());
  value.Set("memoryBytes", memory_bytes());

  Napi::Object cuda = Napi::Object::New(env);
  cuda.Set("available", cuda_backend().table != nullptr);
  cuda.Set("reason", cuda_backend().problem);
  cuda.Set("devices", cuda_devices(env));
  value.Set("cuda", cuda);
  return value;
}

Napi::Value cpu_peak(const Napi::CallbackInfo &info) {
  const std::string dtype = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  if (dtype != "f32" && dtype != "bf16") throw Napi::TypeError::New(info.Env(), "cpuPeak: dtype must be f32 or bf16");
  const double threads = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(threads >= 1 && threads <= 4096)) throw Napi::TypeError::New(info.Env(), "cpuPeak: threads must lie in 1 … 4096");
  try {
    const double gflops = multiply_add_peak(choose_cpu_backend("")->name, dtype == "bf16" ? CTX_BF16 : CTX_F32, (int)threads, Clock::own);
    return Napi::Number::New(info.Env(), gflops * 1e9);
  } catch (const std::exception &error) { // no backend, or no thread to be had
    throw Napi::Error::New(info.Env(), std::string("cpuPeak: ") + error.what());
  }
}

Napi::Value cuda_free_memory(const Napi::CallbackInfo &info) {
  const Backend &cuda = cuda_backend();
  if (!cuda.table || !cuda.table->free_memory) throw Napi::Error::New(info.Env(), "cudaFreeMemory: " + cuda.problem);
  int64_t free = 0, total = 0;
  const double index = info[0].IsUndefined() ? 0 : info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (cuda.table->free_memory(index >= 0 && index < 4096 ? (int32_t)index : -1, &free, &total) != CTX_OK) throw Napi::Error::New(info.Env(), std::string("cudaFreeMemory: ") + cuda.table->last_error(nullptr));
  return Napi::Number::New(info.Env(), (double)free);
}

namespace {

// What the CUDA library says by a function of its own beside the table; nothing where there is none.
Napi::Value cuda_words(Napi::Env env, const char *function) {
  const Backend &cuda = cuda_backend();
  void *const library = cuda.table ? dlopen(cuda.file.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr; // which is open already
  const auto words = library ? reinterpret_cast<const char *(*)()>(dlsym(library, function)) : nullptr;
  return Napi::String::New(env, words ? words() : "");
}

} // namespace

Napi::Value cuda_products(const Napi::CallbackInfo &info) { return cuda_words(info.Env(), "ctx_cuda_products"); }

Napi::Value cuda_attention(const Napi::CallbackInfo &info) { return cuda_words(info.Env(), "ctx_cuda_attention_calls"); }

Napi::Value cuda_ways(const Napi::CallbackInfo &info) { return cuda_words(info.Env(), "ctx_cuda_ways"); }

Napi::Value cuda_peers(const Napi::CallbackInfo &info) {
  const ctx_backend *const cuda = cuda_backend().table;
  int32_t version = 0;
  return Napi::String::New(info.Env(), cuda && cuda->peers ? cuda->peers(&version) : "");
}

Napi::Value startable_threads(const Napi::CallbackInfo &info) {
  const double count = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(count >= 0 && count <= 65536)) throw Napi::TypeError::New(info.Env(), "startableThreads: count must lie in 0 … 65536");
  std::atomic<bool> ending{false};
  std::vector<std::thread> threads;
  threads.reserve((size_t)count);
  try {
    while ((double)threads.size() < count) threads.emplace_back([&] { ending.wait(false); });
  } catch (const std::system_error &) {
  }
  ending = true;
  ending.notify_all();
  for (std::thread &thread : threads) thread.join();
  return Napi::Number::New(info.Env(), (double)threads.size());
}

} // namespace ctx
