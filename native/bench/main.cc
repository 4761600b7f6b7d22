// main.cc: ctx_bench [--library FILE] [--threads N] [--filter TEXT] [--seconds S] [--json] [--ladder]
//
// Times every operation of one CPU backend (default: the best that runs here, from the folder of this program) and prints
// GFLOP/s beside the peak of multiply-adds of the same dtype, or GB/s beside a plain copy. `--json` prints one document for scripts.
// `--ladder` runs the kernels as a ladder from the plain loop to what ships instead (ladder.cc).
#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench.h"

namespace {

int usage(const char *problem) {
  std::fprintf(stderr, "ctx_bench: %s\nusage: ctx_bench [--library FILE] [--threads N] [--filter TEXT] [--seconds S] [--json] [--ladder]\n", problem);
  return 2;
}

const ctx_backend *open_backend(const std::string &file) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto *entry = library ? reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1")) : nullptr;
  const ctx_backend *backend = entry ? entry() : nullptr;
  return backend && backend->version == CTX_BACKEND_VERSION && backend->score() > 0 ? backend : nullptr;
}

// The folder of this program, with a slash at the end.
std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, n > 0 ? size_t(n) : 0);
  return self.substr(0, self.rfind('/') + 1);
}

struct Roofs {
  double f32, bf16, copy; // GFLOP/s, GFLOP/s, GB/s
  double of(const Case &c) const { return c.dtype == CTX_BF16 ? bf16 : f32; }
};

void print_table(const Bench &b, const Roofs &roofs) {
  std::printf("%s, %d thread%s: peak of multiply-adds in registers %.0f GFLOP/s, of bf16 %.0f; plain copy %.1f GB/s a thread\n", b.backend->name, b.threads,
              b.threads > 1 ? "s" : "", roofs.f32, roofs.bf16, roofs.copy);
  std::printf("times are medians of %s, peaks the best of several runs by the same clock\n", clock_name(b.threads));
  std::printf("%-50s %10s %10s %9s %8s\n", "operation", "us", "GFLOP/s", "of peak", "GB/s");
  for (const auto &c : b.cases) {
    std::printf("%-50s %10.1f ", c.name.c_str(), c.seconds * 1e6);
    if (c.flops > 0) std::printf("%10.1f %8.0f%% ", c.flops / c.seconds * 1e-9, 100 * c.flops / c.seconds * 1e-9 / roofs.of(c));
    else std::printf("%10s %9s ", "", "");
    std::printf("%8.1f\n", c.bytes / c.seconds * 1e-9);
  }
}

void print_json(const Bench &b, const Roofs &roofs) {
  std::printf("{\"backend\":\"%s\",\"threads\":%d,\"clock\":\"%s\",\"peak_gflops\":%.2f,\"peak_bf16_gflops\":%.2f,\"copy_gbps\":%.2f,\"cases\":[", b.backend->name,
              b.threads, clock_name(b.threads), roofs.f32, roofs.bf16, roofs.copy);
  for (size_t i = 0; i < b.cases.size(); i++) {
    const auto &c = b.cases[i];
    std::printf("%s{\"name\":\"%s\",\"dtype\":\"%s\",\"flops\":%.0f,\"bytes\":%.0f,\"seconds\":%.9g,\"best\":%.9g}", i ? "," : "", c.name.c_str(),
                c.dtype == CTX_BF16 ? "bf16" : "f32", c.flops, c.bytes, c.seconds, c.best);
  }
  std::printf("]}\n");
}

} // namespace

int main(int argc, char **argv) {
  std::string library, filter;
  int threads = 1;
  double seconds = 0.3;
  bool json = false, ladder = false;
  for (int i = 1; i < argc; i++) {
    const std::string option = argv[i];
    if (option == "--json") json = true;
    else if (option == "--ladder") ladder = true;
    else if (i + 1 == argc) return usage(("no such option, or it needs a value: " + option).c_str());
    else if (option == "--library") library = argv[++i];
    else if (option == "--filter") filter = argv[++i];
    else if (option == "--threads") threads = std::atoi(argv[++i]);
    else if (option == "--seconds") seconds = std::atof(argv[++i]);
    else return usage(("no such option: " + option).c_str());
  }
  if (threads < 1 || seconds <= 0) return usage("--threads and --seconds must be positive");

  const ctx_backend *backend = nullptr;
  if (!library.empty()) {
    backend = open_backend(library);
  } else {
    for (const char *isa : {"avx512bf16", "avx512", "avx2", "portable"})
      if (!backend) backend = open_backend(own_folder() + "libctx_cpu_" + isa + ".so");
  }
  if (!backend) return usage(("no backend that runs here: " + (library.empty() ? own_folder() : library)).c_str());

  Bench bench(backend, threads, filter, seconds);
  const Roofs roofs = {multiply_add_peak(backend->name, CTX_F32, threads), multiply_add_peak(backend->name, CTX_BF16, threads), copy_bandwidth()};
  if (ladder) {
    bench_ladder(bench);
  } else {
    bench_gemm(bench);
    bench_elementwise(bench);
    bench_attention(bench);
  }
  json ? print_json(bench, roofs) : print_table(bench, roofs);
  return 0;
}
