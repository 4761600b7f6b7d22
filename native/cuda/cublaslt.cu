// cublaslt.cu: finds and opens cuBLASLt. See cublaslt.h.
#include "cublaslt.h"

#include "library_files.h"

namespace ctx_cuda {
namespace {

constexpr int OLDEST = 12, NEWEST = 13; // major versions whose numbers stand in cublaslt.h

// Opens `file` into `lt`; false with the reason otherwise.
bool open(const std::string &file, LtLibrary &lt, std::string &problem) {
  void *const library = open_file(file, problem);
  if (!library) return false;
  const bool whole = find_symbol(library, "cublasLtGetVersion", lt.version, problem) && find_symbol(library, "cublasLtGetStatusName", lt.status_name, problem) &&
                     find_symbol(library, "cublasLtCreate", lt.create, problem) && find_symbol(library, "cublasLtDestroy", lt.destroy, problem) &&
                     find_symbol(library, "cublasLtMatmulDescCreate", lt.desc_create, problem) && find_symbol(library, "cublasLtMatmulDescDestroy", lt.desc_destroy, problem) &&
                     find_symbol(library, "cublasLtMatmulDescSetAttribute", lt.desc_set, problem) && find_symbol(library, "cublasLtMatrixLayoutCreate", lt.layout_create, problem) &&
                     find_symbol(library, "cublasLtMatrixLayoutDestroy", lt.layout_destroy, problem) && find_symbol(library, "cublasLtMatmulPreferenceCreate", lt.preference_create, problem) &&
                     find_symbol(library, "cublasLtMatmulPreferenceDestroy", lt.preference_destroy, problem) &&
                     find_symbol(library, "cublasLtMatmulPreferenceSetAttribute", lt.preference_set, problem) && find_symbol(library, "cublasLtMatmulAlgoGetHeuristic", lt.heuristic, problem) &&
                     find_symbol(library, "cublasLtMatmul", lt.matmul, problem);
  if (whole) {
    const size_t version = lt.version(); // 130101 is 13.1.1
    const int major = int(version / 10000);
    const std::string words = std::to_string(major) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
    if (major >= OLDEST && major <= NEWEST) {
      lt.description = "cuBLASLt " + words + " (" + file_of(lt.matmul, file) + ")";
      return lt.usable = true;
    }
    problem = "it is version " + words + ", and ctx knows " + std::to_string(OLDEST) + " and " + std::to_string(NEWEST);
  }
  dlclose(library);
  return false;
}

LtLibrary load() {
  LtLibrary lt;
  const LibraryFiles files = {"CTX_CUBLASLT", {"libcublasLt.so.13", "libcublasLt.so.12"}, {"/nvidia/cu13/lib/", "/nvidia/cublas/lib/", "/torch/lib/"}};
  const std::string why = open_library(files, "cuBLASLt was not found (libcublasLt.so.13 or .12; CTX_CUBLASLT may name it)", [&](const std::string &file, std::string &problem) { return open(file, lt, problem); });
  if (environment("CTX_CUBLASLT") == "none") lt.description = "ctx's own plain kernel (CTX_CUBLASLT is none)";
  else if (!lt.usable) lt.description = "ctx's own plain kernel, many times slower: " + why;
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
