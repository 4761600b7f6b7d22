// library_files.h: where NVIDIA's libraries lie that are opened when they are first needed, so that building and loading ctx needs none of them.
//
// defines: environment, LibraryFiles, open_library, open_file, find_symbol, file_of
#pragma once
#include <dlfcn.h>

#include <functional>
#include <string>
#include <vector>

namespace ctx_cuda {

// Empty where the variable is not set.
std::string environment(const char *name);

// A library, and where it may lie.
struct LibraryFiles {
  const char *setting;                       // environment variable: a file to take and no other, or `none`
  std::vector<std::string> names;            // the newest first; by the loader's rules, and in CUDA's folders
  std::vector<std::string> python_folders;   // below Python's packages: "/nvidia/nccl/lib/"
};

// Hands file after file to `open`, which returns whether it took it and otherwise says why not. Empty: it took one, whose path is told by
// `open` itself. Otherwise why none was: of one that is there and was not taken, else `none_found`.
std::string open_library(const LibraryFiles &files, const std::string &none_found, const std::function<bool(const std::string &file, std::string &problem)> &open);

// Opens a file with symbols of its own; null with the reason.
void *open_file(const std::string &file, std::string &problem);

template <class F> bool find_symbol(void *library, const char *symbol, F &to, std::string &problem) {
  to = reinterpret_cast<F>(dlsym(library, symbol));
  if (!to) problem = std::string("it lacks ") + symbol;
  return to != nullptr;
}

// The file that a function came from, or `otherwise`.
template <class F> std::string file_of(F *function, const std::string &otherwise) {
  Dl_info where = {};
  return dladdr(reinterpret_cast<void *>(function), &where) && where.dli_fname ? where.dli_fname : otherwise;
}

} // namespace ctx_cuda
