// main.cc: ctx_bench_ring [--library FILE] [--ranks P] [--devices G] [--tokens T] [--heads H] [--kv-heads K] [--head-dim D] [--dtype f32|bf16]
//                         [--threads N] [--json]
//
// A timeline of ring attention, forward and backward: when each rank computed, when keys, values and gradients came to it, and how much of
// their way was hidden behind a block. Ranks are threads of this process on the backend's devices (default: all it has), neighbours together.
// Each rank's times count from its own zero; all ranks take theirs after they have met, some microseconds apart. One rank passes nothing on: it is
// what a ring is held against. Of a CPU also the processor's time of all threads, which other programs change less than the clock's.
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "include/dtype.h"
#include "ring/ring.h"
#include "trace.h"

namespace {

struct Options {
  std::string library;
  int ranks = 0, devices = 0, threads = 1;
  int64_t tokens = 0;
  int32_t heads = 0, kv_heads = 0, head_dim = 0;
  ctx_dtype dtype = CTX_F32;
  bool json = false;
};

[[noreturn]] void stop(const std::string &problem) {
  std::fprintf(stderr, "ctx_bench_ring: %s\n", problem.c_str());
  std::exit(2);
}

const ctx_backend *open_backend(const std::string &file) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto entry = library ? reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1")) : nullptr;
  const ctx_backend *backend = entry ? entry() : nullptr;
  return backend && backend->version == CTX_BACKEND_VERSION && backend->score() > 0 ? backend : nullptr;
}

const ctx_backend *backend_of(const Options &o) {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, n > 0 ? size_t(n) : 0), folder = self.substr(0, self.rfind('/') + 1);
  const ctx_backend *backend = o.library.empty() ? nullptr : open_backend(o.library);
  for (const char *isa : {"avx512bf16", "avx512", "avx2", "portable"})
    if (!backend && o.library.empty()) backend = open_backend(folder + "libctx_cpu_" + isa + ".so");
  if (!backend) stop("no backend of this version that runs here: " + (o.library.empty() ? folder : o.library));
  return backend;
}

int devices_of(const ctx_backend &backend) {
  ctx_device_info info;
  int count = 0;
  while (backend.device_info && backend.device_info(count, &info) == CTX_OK) count++;
  return std::max(1, count);
}

// One pass on all ranks.
struct Pass {
  double seconds = 0; // until the last rank was done
  double processor_seconds = 0; // of this process
  std::vector<std::vector<Span>> ranks;
  double copied = 0, hidden = 0; // seconds of copies, and of those how many a block was computed meanwhile
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

void measure(Pass &pass) {
  for (const auto &spans : pass.ranks)
    for (const Span &copy : spans) {
      pass.seconds = std::max(pass.seconds, copy.end);
      if (copy.what == What::compute) continue;
      pass.copied += copy.end - copy.begin;
      for (const Span &block : spans) // blocks of a rank follow each other
        if (block.what == What::compute) pass.hidden += std::max(0.0, std::min(copy.end, block.end) - std::max(copy.begin, block.begin));
    }
}

// A rank's matrices on its device, and its part in a pass.
class Rank {
 public:
  Rank(const Options &o, Traced &traced, ctx::LocalRing &ring, int rank) : o(o), traced(traced), backend(traced.table) {
    if (backend.create(rank * o.devices / o.ranks, o.threads, &device) != CTX_OK) stop(backend.last_error(nullptr));
    trace = &traced.add(device);
    end = std::make_unique<TracedEnd>(ring.end(rank), *trace);
    context = {rank, o.ranks, end.get(), ""};
    const int64_t rows = ctx::zigzag_local(o.tokens, o.ranks, rank), width = int64_t(o.heads) * o.head_dim, kv_width = int64_t(o.kv_heads) * o.head_dim;
    call.tokens = o.tokens;
    call.q = matrix(rows, width), call.k = matrix(rows, kv_width), call.v = matrix(rows, kv_width), call.o = matrix(rows, width);
    call.lse = static_cast<float *>(matrix(o.heads, rows, CTX_F32).data);
    call.heads = o.heads, call.kv_heads = o.kv_heads, call.head_dim = o.head_dim;
    call.scale = 1 / std::sqrt(float(o.head_dim)), call.causal = 1;
    grad.fwd = call;
    grad.d_o = matrix(rows, width);
    grad.dq = matrix(rows, width, CTX_F32), grad.dk = matrix(rows, kv_width, CTX_F32), grad.dv = matrix(rows, kv_width, CTX_F32);
    const size_t bytes = std::max(ctx::ring_forward_workspace(o.tokens, o.ranks, o.heads, o.kv_heads, o.head_dim, o.dtype),
                                  ctx::ring_backward_workspace(o.tokens, o.ranks, o.heads, o.kv_heads, o.head_dim, o.dtype));
    workspace = memory(bytes);
  }
  void run(bool forward) {
    trace->begin();
    const ctx_status status = forward ? ctx::ring_attention_forward(backend, device, context, call, workspace)
                                      : ctx::ring_attention_backward(backend, device, context, grad, workspace);
    if (status != CTX_OK) stop(context.error);
    if (backend.synchronize(device) != CTX_OK) stop(backend.last_error(device));
  }
  void close() {
    for (const auto &[p, bytes] : blocks) backend.release(device, p, bytes);
    backend.destroy(device);
  }
  Trace *trace = nullptr;

 private:
  void *memory(size_t bytes) {
    void *p = nullptr;
    if (backend.alloc(device, bytes, &p) != CTX_OK) stop(backend.last_error(device));
    blocks.push_back({p, bytes});
    return p;
  }
  // Small numbers of both signs; bf16 takes the upper half of each.
  ctx_mat matrix(int64_t rows, int64_t cols) { return matrix(rows, cols, o.dtype); }
  ctx_mat matrix(int64_t rows, int64_t cols, ctx_dtype dtype) {
    std::vector<uint32_t> words(size_t(rows * cols) / (dtype == CTX_BF16 ? 2 : 1) + 1);
    for (size_t i = 0; i < words.size(); i++) words[i] = uint32_t(i * 2654435761u) & 0x803fffffu; // ± up to 2^-1
    for (uint32_t &word : words) word |= dtype == CTX_BF16 ? 0x3e003e00u : 0x3e000000u;
    const size_t bytes = size_t(rows * cols * ctx::size_of(dtype));
    void *const p = memory(bytes);
    if (backend.upload(device, p, words.data(), bytes) != CTX_OK) stop(backend.last_error(device));
    return {p, rows, cols, cols, dtype};
  }

  const Options &o;
  Traced &traced;
  const ctx_backend &backend;
  ctx_device *device = nullptr;
  std::unique_ptr<TracedEnd> end;
  ctx::RingContext context;
  ctx::RingAttention call{};
  ctx::RingAttentionGrad grad{};
  void *workspace = nullptr;
  std::vector<std::pair<void *, size_t>> blocks;
};

constexpr int REPEATS = 5; // after one to warm up; the one of median length is told

// Forward, then backward.
std::vector<Pass> run(const Options &o, const ctx_backend &backend) {
  Traced traced(backend);
  ctx::LocalRing ring(o.ranks);
  std::barrier<> meeting(o.ranks);
  std::vector<Pass> passes[2];
  for (auto &list : passes) list.resize(REPEATS, Pass{0, 0, std::vector<std::vector<Span>>(size_t(o.ranks)), 0, 0});
  std::vector<std::thread> threads;
  for (int r = 0; r < o.ranks; r++)
    threads.emplace_back([&, r] {
      Rank rank(o, traced, ring, r);
      for (const bool forward : {true, false})
        for (int i = -1; i < REPEATS; i++) {
          meeting.arrive_and_wait();
          const double begin = processor_seconds();
          rank.run(forward);
          meeting.arrive_and_wait();
          if (i < 0) continue;
          Pass &pass = passes[!forward][size_t(i)];
          if (r == 0) pass.processor_seconds = processor_seconds() - begin;
          pass.ranks[size_t(r)] = rank.trace->spans();
        }
      rank.close(); // nobody reads another's memory any more
    });
  for (std::thread &thread : threads) thread.join();
  traced.clear();
  std::vector<Pass> medians;
  for (auto &list : passes) {
    for (Pass &pass : list) measure(pass);
    std::sort(list.begin(), list.end(), [](const Pass &a, const Pass &b) { return a.seconds < b.seconds; });
    medians.push_back(std::move(list[REPEATS / 2]));
  }
  return medians;
}

double share(const Pass &pass) { return pass.copied > 0 ? pass.hidden / pass.copied : 1; }

// A line for the blocks of a rank, by their step, and one for what came to it: k keys and values, g gradients.
void print_pass(const char *name, const Pass &pass) {
  constexpr int COLUMNS = 96;
  std::printf("%s: %.3f ms; transfers %.3f ms in all, %.0f%% of it hidden behind blocks\n", name, pass.seconds * 1e3, pass.copied * 1e3, 100 * share(pass));
  for (size_t r = 0; r < pass.ranks.size(); r++) {
    std::string blocks(COLUMNS, ' '), copies(COLUMNS, ' ');
    for (const Span &span : pass.ranks[r]) {
      const auto column = [&](double t) { return std::clamp(int(t / std::max(pass.seconds, 1e-12) * COLUMNS), 0, COLUMNS - 1); };
      const char mark = span.what == What::compute ? char('0' + span.step % 10) : span.what == What::keys_values ? 'k' : 'g';
      for (int c = column(span.begin); c <= column(span.end); c++) (span.what == What::compute ? blocks : copies)[size_t(c)] = mark;
    }
    std::printf("  rank %zu  computes |%s|\n          receives |%s|\n", r, blocks.c_str(), copies.c_str());
  }
}

void print_json(const Options &o, const ctx_backend &backend, const std::vector<Pass> &passes) {
  std::printf("{\"backend\":\"%s\",\"ranks\":%d,\"devices\":%d,\"tokens\":%lld,\"heads\":%d,\"kv_heads\":%d,\"head_dim\":%d,\"dtype\":\"%s\",\"threads\":%d", backend.name, o.ranks,
              o.devices, (long long)o.tokens, o.heads, o.kv_heads, o.head_dim, o.dtype == CTX_BF16 ? "bf16" : "f32", o.threads);
  for (size_t p = 0; p < passes.size(); p++) {
    const Pass &pass = passes[p];
    std::printf(",\"%s\":{\"seconds\":%.9g,\"processor_seconds\":%.9g,\"transfer_seconds\":%.9g,\"hidden_seconds\":%.9g,\"hidden\":%.4f,\"ranks\":[", p == 0 ? "forward" : "backward", pass.seconds,
                pass.processor_seconds, pass.copied, pass.hidden, share(pass));
    for (size_t r = 0; r < pass.ranks.size(); r++) {
      std::printf("%s[", r ? "," : "");
      for (size_t i = 0; i < pass.ranks[r].size(); i++) {
        const Span &s = pass.ranks[r][i];
        const char *const what = s.what == What::compute ? "compute" : s.what == What::keys_values ? "keys_values" : "gradients";
        std::printf("%s{\"what\":\"%s\",\"step\":%d,\"begin\":%.9g,\"end\":%.9g}", i ? "," : "", what, s.step, s.begin, s.end);
      }
      std::printf("]");
    }
    std::printf("]}");
  }
  std::printf("}\n");
}

} // namespace

int main(int argc, char **argv) {
  Options o;
  std::string dtype;
  for (int i = 1; i < argc; i++) {
    const std::string option = argv[i];
    if (option == "--json") {
      o.json = true;
      continue;
    }
    if (i + 1 == argc) stop("no such option, or it needs a value: " + option);
    const char *const value = argv[++i];
    if (option == "--library") o.library = value;
    else if (option == "--dtype") dtype = value;
    else if (option == "--ranks") o.ranks = std::atoi(value);
    else if (option == "--devices") o.devices = std::atoi(value);
    else if (option == "--tokens") o.tokens = std::atoll(value);
    else if (option == "--heads") o.heads = std::atoi(value);
    else if (option == "--kv-heads") o.kv_heads = std::atoi(value);
    else if (option == "--head-dim") o.head_dim = std::atoi(value);
    else if (option == "--threads") o.threads = std::atoi(value);
    else stop("no such option: " + option);
  }
  const ctx_backend &backend = *backend_of(o);
  const bool gpu = backend.device_info != nullptr;
  const int there = devices_of(backend);
  if (o.devices == 0) o.devices = there;
  if (o.devices < 1 || o.devices > there) stop("--devices must lie in 1 … " + std::to_string(there));
  if (o.ranks == 0) o.ranks = std::max(2, o.devices);
  if (o.ranks < 1) stop("--ranks must be 1 or more");
  o.devices = std::min(o.devices, o.ranks);
  if (o.tokens == 0) o.tokens = (gpu ? 8192 : 512) * o.ranks;
  if (o.heads == 0) o.heads = gpu ? 32 : 8; // of a GPU: Llama 3 8B's
  if (o.kv_heads == 0) o.kv_heads = o.heads / 4 > 0 ? o.heads / 4 : 1;
  if (o.head_dim == 0) o.head_dim = gpu ? 128 : 64;
  if (dtype.empty()) dtype = gpu ? "bf16" : "f32";
  if (dtype != "f32" && dtype != "bf16") stop("--dtype is f32 or bf16");
  o.dtype = dtype == "bf16" ? CTX_BF16 : CTX_F32;
  if (o.tokens < 2 * o.ranks || o.heads < 1 || o.kv_heads < 1 || o.heads % o.kv_heads != 0 || o.head_dim < 1 || o.threads < 1) stop("sizes that do not go together");

  const std::vector<Pass> passes = run(o, backend);
  if (o.json) return print_json(o, backend, passes), 0;
  std::printf("%s: ring attention over %lld tokens, %d %s on %d %s; %d heads of %d, %d of keys and values, %s, causal\n", backend.name, (long long)o.tokens, o.ranks, o.ranks == 1 ? "rank" : "ranks", o.devices,
              o.devices == 1 ? "device" : "devices", o.heads, o.head_dim, o.kv_heads, dtype.c_str());
  print_pass("forward", passes[0]);
  print_pass("backward", passes[1]);
  return 0;
}
