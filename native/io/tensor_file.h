// tensor_file.h: tensors out of files and into files. Where a tensor lies is decided in TypeScript (the safetensors header);
// here its bytes are checked against the file, read, converted, and written so that a crash never leaves half a file.
// defines: TensorSource, TensorReader, AtomicFile
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "float_formats.h"

namespace ctx {

// Where one tensor's bytes lie.
struct TensorSource {
  std::string name, file;
  int64_t offset = 0; // bytes from the start of the file
  FileDtype dtype = FileDtype::f32;
  std::vector<int64_t> shape;
};

// Reads tensors, keeping the last file open. It reads rather than maps: a mapped file that another process truncates, or a
// disk that fails, kills the process with SIGBUS; a read returns an error that can be told. Failures name file and tensor.
class TensorReader {
 public:
  TensorReader() = default;
  ~TensorReader();
  TensorReader(const TensorReader &) = delete;
  TensorReader &operator=(const TensorReader &) = delete;

  // Calls take(first element, fp32 numbers, count) for consecutive pieces of the tensor's `count` numbers. NaN and infinity are refused.
  void read(const TensorSource &source, int64_t count, const std::function<void(int64_t, const float *, int64_t)> &take);

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
  std::vector<uint8_t> bytes_;
  std::vector<float> numbers_;

  void open(const TensorSource &source);
  void close();
};

// A file that appears under its name complete or not at all: written to `path`.tmp-<pid>, flushed to disk, renamed, and the
// folder flushed. Destroyed before `commit`, it removes what it wrote.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string &path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  void write(const void *data, size_t bytes);
  void commit();

 private:
  std::string path_, temporary_;
  int descriptor_ = -1;

  [[noreturn]] void give_up(const char *action, int error) const;
};

} // namespace ctx
