// library_files.cu: see library_files.h.
#include "library_files.h"

#include <cuda_runtime.h>
#include <glob.h>

#include <algorithm>
#include <cstdlib>

namespace ctx_cuda {
namespace {

void add_matches(std::vector<std::string> &to, const std::string &pattern) {
  glob_t found = {};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) to.push_back(found.gl_pathv[i]);
  globfree(&found);
}

// Files to try in turn, those without a folder by the loader's own rules.
std::vector<std::string> candidates(const LibraryFiles &wanted) {
#if !defined(__CUDACC__)
  return {}; // the shim has no GPU for it: only a library that is named will do
#endif
  std::vector<std::string> files = wanted.names, python;
  for (const std::string &toolkit : {environment("CUDA_HOME"), environment("CUDA_PATH"), std::string("/usr/local/cuda")})
    if (!toolkit.empty())
      for (const std::string &name : wanted.names) add_matches(files, toolkit + "/lib64/" + name);
  const std::string paths = environment("PYTHONPATH");
  for (size_t begin = 0; begin < paths.size();) { // entries between colons
    const size_t end = std::min(paths.find(':', begin), paths.size());
    if (end > begin) python.push_back(paths.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const std::string &root : {environment("VIRTUAL_ENV"), environment("CONDA_PREFIX"), environment("HOME").empty() ? "" : environment("HOME") + "/.local", std::string("/usr/local"), std::string("/usr")})
    if (!root.empty()) python.push_back(root + "/lib/python3*/[sd]i[ts][et]-packages"); // site-packages, and dist-packages of Debian
  for (const std::string &packages : python)
    for (const std::string &folder : wanted.python_folders)
      for (const std::string &name : wanted.names) add_matches(files, packages + folder + name);
  return files;
}

} // namespace

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

void *open_file(const std::string &file, std::string &problem) {
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library) return library;
  const char *why = dlerror();
  problem = why ? why : "it cannot be opened";
  return nullptr;
}

std::string open_library(const LibraryFiles &files, const std::string &none_found, const std::function<bool(const std::string &, std::string &)> &open) {
  const std::string named = environment(files.setting);
  if (named == "none") return std::string(files.setting) + " is none";
  std::string problem, refused; // refused: of a file that is there, which tells more than one that is not
  for (const std::string &file : named.empty() ? candidates(files) : std::vector<std::string>{named}) {
    if (open(file, problem)) return "";
    if (file.find('/') != std::string::npos && refused.empty()) refused = problem.rfind(file, 0) == 0 ? problem : file + ": " + problem;
  }
  return refused.empty() ? none_found : refused;
}

} // namespace ctx_cuda
