// nccl.cu: finds and opens NCCL. See nccl.h.
#include "nccl.h"

#include "library_files.h"

namespace ctx_cuda {
namespace {

constexpr int OLDEST = 21600; // the first for CUDA 12

// 22705 is 2.27.5; before 2.9, 2804 was 2.8.4.
std::string words_of(int version) {
  const int major = version < 10000 ? version / 1000 : version / 10000;
  const int minor = version < 10000 ? version / 100 % 10 : version / 100 % 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

// Opens `file` into `nccl`; false with the reason otherwise.
bool open(const std::string &file, NcclLibrary &nccl, std::string &problem) {
  void *const library = open_file(file, problem);
  if (!library) return false;
  std::string missing;
  find_symbol(library, "ncclGetLastError", nccl.last_error, missing);
  const bool whole = find_symbol(library, "ncclGetVersion", nccl.get_version, problem) && find_symbol(library, "ncclGetErrorString", nccl.error_string, problem) &&
                     find_symbol(library, "ncclGetUniqueId", nccl.unique_id, problem) && find_symbol(library, "ncclCommInitRank", nccl.join, problem) &&
                     find_symbol(library, "ncclCommDestroy", nccl.destroy, problem) && find_symbol(library, "ncclCommAbort", nccl.abort, problem) &&
                     find_symbol(library, "ncclCommGetAsyncError", nccl.async_error, problem) && find_symbol(library, "ncclGroupStart", nccl.group_start, problem) &&
                     find_symbol(library, "ncclGroupEnd", nccl.group_end, problem) && find_symbol(library, "ncclSend", nccl.send, problem) &&
                     find_symbol(library, "ncclRecv", nccl.receive, problem);
  int version = 0;
  if (whole && nccl.get_version(&version) != NCCL_SUCCESS) problem = "it does not tell its version";
  else if (whole && version < OLDEST) problem = "it is version " + words_of(version) + ", and ctx needs " + words_of(OLDEST) + " or newer";
  else if (whole) {
    nccl.version = version;
    nccl.description = "NCCL " + words_of(version) + " (" + file_of(nccl.join, file) + ")";
    return true;
  }
  dlclose(library);
  return false;
}

NcclLibrary load() {
  NcclLibrary nccl;
  const LibraryFiles files = {"CTX_NCCL", {"libnccl.so.2"}, {"/nvidia/nccl/lib/", "/nvidia/cu13/lib/"}};
  const std::string why = open_library(files, "NCCL was not found (libnccl.so.2, on the loader's path, in CUDA's folders or Python's packages; CTX_NCCL may name it)",
                                       [&](const std::string &file, std::string &problem) { return open(file, nccl, problem); });
  if (nccl.version == 0) nccl.description = why;
  return nccl;
}

} // namespace

const NcclLibrary &nccl_library() {
  static const NcclLibrary library = load();
  return library;
}

} // namespace ctx_cuda
