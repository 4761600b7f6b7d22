#include "backend_library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "../model/failure.h"

namespace ctx {

std::string own_folder() {
  static const char here = 0;
  Dl_info info;
  if (!dladdr(&here, &info) || !info.dli_fname) return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

namespace {

bool starts_with(const std::string &text, const std::string &start) { return text.compare(0, start.size(), start) == 0; }

Backend open_backend(const std::string &file) {
  Backend b;
  b.file = file;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    b.problem = why ? why : "cannot be opened";
    return b;
  }
  const auto get = reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1"));
  if (!get) {
    b.problem = file.substr(file.rfind('/') + 1) + " is no backend: it exports no ctx_backend_v1";
    return b;
  }
  const ctx_backend *table = get();
  if (table->version != CTX_BACKEND_VERSION) {
    const std::string name = file.substr(file.rfind('/') + 1);
    const char *const again = starts_with(name, "libctx_cpu_") ? "build" : "build:cuda";
    b.problem = name + " is of version " + std::to_string(table->version);
    b.problem += ", and the engine needs version " + std::to_string(CTX_BACKEND_VERSION);
    b.problem.append(" (build it again: npm run ").append(again).append(")");
    return b;
  }
  b.score = table->score();
  if (b.score > 0) b.table = table;
  else b.problem = table->problem();
  return b;
}

std::vector<Backend> open_cpu_backends() {
  std::vector<Backend> found;
  const std::string folder = own_folder();
  if (DIR *entries = opendir(folder.c_str())) {
    while (const dirent *entry = readdir(entries)) {
      const std::string name = entry->d_name;
      if (starts_with(name, "libctx_cpu_") && name.size() > 3 && name.substr(name.size() - 3) == ".so") found.push_back(open_backend(folder + "/" + name));
    }
    closedir(entries);
  }
  std::sort(found.begin(), found.end(), [](const Backend &a, const Backend &b) { return a.score != b.score ? a.score > b.score : a.file < b.file; });
  return found;
}

} // namespace

const std::vector<Backend> &cpu_backends() {
  static const std::vector<Backend> backends = open_cpu_backends();
  return backends;
}

const ctx_backend *choose_cpu_backend(const std::string &isa) {
  const char *forced = std::getenv("CTX_CPU_ISA");
  const std::string wanted = !isa.empty() ? isa : forced ? forced : "";
  std::string list;
  for (const Backend &b : cpu_backends()) {
    const std::string name = b.table ? b.table->name : b.file;
    if (b.table && (wanted.empty() || name == "cpu-" + wanted)) return b.table;
    list += "\n  " + name + ": " + (b.problem.empty() ? "runs" : b.problem);
  }
  if (list.empty()) list = " none in " + own_folder() + " (run: npm run build)";
  if (wanted.empty()) fail(CTX_ERR_DEVICE, "no CPU backend runs on this machine:%s", list.c_str());
  fail(CTX_ERR_DEVICE, "no CPU backend \"%s\" runs on this machine%s:%s", wanted.c_str(), isa.empty() ? " (CTX_CPU_ISA)" : "", list.c_str());
}

const Backend &cuda_backend() {
  static const Backend backend = [] {
    const char *named = std::getenv("CTX_CUDA_LIBRARY");
    const std::string file = named && *named ? named : own_folder() + "/libctx_cuda.so";
    if (access(file.c_str(), F_OK) != 0) {
      Backend none;
      none.file = file;
      none.problem = named && *named ? file + " (CTX_CUDA_LIBRARY) is not there" : "this build has no CUDA backend (build it where the CUDA toolkit is: npm run build:cuda)";
      return none;
    }
    return open_backend(file);
  }();
  return backend;
}

} // namespace ctx
