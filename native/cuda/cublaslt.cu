// cublaslt.cu: finds and opens cuBLASLt. See cublaslt.h.
#include "cublaslt.h"

#include <dlfcn.h>
#include <glob.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace ctx_cuda {
namespace {

constexpr int OLDEST = 12, NEWEST = 13; // major versions whose numbers stand in cublaslt.h

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

void add_matches(std::vector<std::string> &to, const std::string &pattern) {
  glob_t found = {};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) to.push_back(found.gl_pathv[i]);
  globfree(&found);
}

// Files to try in turn, those without a folder by the loader's own rules.
std::vector<std::string> candidates() {
  const std::vector<std::string> names = {"libcublasLt.so.13", "libcublasLt.so.12"};
#if !defined(__CUDACC__)
  return {}; // the shim has no GPU for it: only a library that is named will do
#endif
  std::vector<std::string> files = names, python;
  for (const std::string &toolkit : {environment("CUDA_HOME"), environment("CUDA_PATH"), std::string("/usr/local/cuda")})
    if (!toolkit.empty())
      for (const std::string &name : names) add_matches(files, toolkit + "/lib64/" + name);
  const std::string paths = environment("PYTHONPATH");
  for (size_t begin = 0; begin < paths.size();) { // entries between colons
    const size_t end = std::min(paths.find(':', begin), paths.size());
    if (end > begin) python.push_back(paths.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const std::string &root : {environment("VIRTUAL_ENV"), environment("CONDA_PREFIX"), environment("HOME").empty() ? "" : environment("HOME") + "/.local", std::string("/usr/local"), std::string("/usr")})
    if (!root.empty()) python.push_back(root + "/lib/python3*/[sd]i[ts][et]-packages"); // site-packages, and dist-packages of Debian
  for (const std::string &packages : python)
    for (const char *folder : {"/nvidia/cu13/lib/", "/nvidia/cublas/lib/", "/torch/lib/"})
      for (const std::string &name : names) add_matches(files, packages + folder + name);
  return files;
}

template <class F> bool find(void *library, const char *symbol, F &to, std::string &problem) {
  to = reinterpret_cast<F>(dlsym(library, symbol));
  if (!to) problem = std::string("it lacks ") + symbol;
  return to != nullptr;
}

// Opens `file` into `lt`; false with the reason otherwise.
bool open(const std::string &file, LtLibrary &lt, std::string &problem) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    problem = why ? why : "it cannot be opened";
    return false;
  }
  const bool whole = find(library, "cublasLtGetVersion", lt.version, problem) && find(library, "cublasLtGetStatusName", lt.status_name, problem) &&
                     find(library, "cublasLtCreate", lt.create, problem) && find(library, "cublasLtDestroy", lt.destroy, problem) &&
                     find(library, "cublasLtMatmulDescCreate", lt.desc_create, problem) && find(library, "cublasLtMatmulDescDestroy", lt.desc_destroy, problem) &&
                     find(library, "cublasLtMatmulDescSetAttribute", lt.desc_set, problem) && find(library, "cublasLtMatrixLayoutCreate", lt.layout_create, problem) &&
                     find(library, "cublasLtMatrixLayoutDestroy", lt.layout_destroy, problem) && find(library, "cublasLtMatmulPreferenceCreate", lt.preference_create, problem) &&
                     find(library, "cublasLtMatmulPreferenceDestroy", lt.preference_destroy, problem) &&
                     find(library, "cublasLtMatmulPreferenceSetAttribute", lt.preference_set, problem) && find(library, "cublasLtMatmulAlgoGetHeuristic", lt.heuristic, problem) &&
                     find(library, "cublasLtMatmul", lt.matmul, problem);
  if (whole) {
    const size_t version = lt.version(); // 130101 is 13.1.1
    const int major = int(version / 10000);
    const std::string words = std::to_string(major) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
    Dl_info where = {};
    dladdr(reinterpret_cast<void *>(lt.matmul), &where);
    if (major >= OLDEST && major <= NEWEST) {
      lt.description = "cuBLASLt " + words + " (" + (where.dli_fname ? where.dli_fname : file.c_str()) + ")";
      return lt.usable = true;
    }
    problem = "it is version " + words + ", and ctx knows " + std::to_string(OLDEST) + " and " + std::to_string(NEWEST);
  }
  dlclose(library);
  return false;
}

LtLibrary load() {
  LtLibrary lt;
  const std::string named = environment("CTX_CUBLASLT");
  if (named == "none") {
    lt.description = "ctx's own plain kernel (CTX_CUBLASLT is none)";
    return lt;
  }
  std::string problem, refused; // refused: of a file that is there, which tells more than one that is not
  for (const std::string &file : named.empty() ? candidates() : std::vector<std::string>{named}) {
    if (open(file, lt, problem)) return lt;
    if (file.find('/') != std::string::npos && refused.empty()) refused = problem.rfind(file, 0) == 0 ? problem : file + ": " + problem;
  }
  lt.description = "ctx's own plain kernel, many times slower: " + (refused.empty() ? "cuBLASLt was not found (libcublasLt.so.13 or .12; CTX_CUBLASLT may name it)" : refused);
  return lt;
}

} // namespace

const LtLibrary &lt_library() {
  static const LtLibrary library = load();
  return library;
}

} // namespace ctx_cuda

// What computes matrix products, in words. Beside the table: the CPU has nothing to tell here.
extern "C" __attribute__((visibility("default"))) const char *ctx_cuda_products(void) { return ctx_cuda::lt_library().description.c_str(); }
