#include "tensor_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "../model/failure.h"

namespace ctx {
namespace {

constexpr int64_t piece = 1 << 20; // numbers converted at a time

std::string folder_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Of what is no finite number.
const char *spelling(float number) { return number != number ? "NaN" : number > 0 ? "infinity" : "minus infinity"; }

} // namespace

TensorReader::~TensorReader() { close(); }

void TensorReader::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  path_.clear();
}

void TensorReader::open(const TensorSource &source) {
  if (descriptor_ >= 0 && path_ == source.file) return;
  close();
  descriptor_ = ::open(source.file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
    fail(CTX_ERR_IO, "load: cannot open %s: %s", source.file.c_str(), std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(CTX_ERR_IO, "load: %s is not a regular file", source.file.c_str());
  path_ = source.file;
  size_ = status.st_size;
}

void TensorReader::read(const TensorSource &source, int64_t count, const std::function<void(int64_t, const float *, int64_t)> &take) {
  open(source);
  const int64_t width = dtype_bytes(source.dtype);
  if (count < 0 || source.offset < 0 || source.offset > size_ || count > (size_ - source.offset) / width)
    fail(CTX_ERR_IO, "load: %s: tensor %s needs %lld numbers of %d bytes at offset %lld, but the file has %lld bytes (truncated?)", source.file.c_str(),
         source.name.c_str(), (long long)count, (int)width, (long long)source.offset, (long long)size_);
  bytes_.resize((size_t)(std::min(count, piece) * width));
  numbers_.resize((size_t)std::min(count, piece));
  for (int64_t from = 0; from < count; from += piece) {
    const int64_t numbers = std::min(piece, count - from);
    size_t done = 0;
    const size_t wanted = (size_t)(numbers * width);
    while (done < wanted) {
      const ssize_t got = ::pread(descriptor_, bytes_.data() + done, wanted - done, source.offset + from * width + (int64_t)done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(CTX_ERR_IO, "load: %s: reading tensor %s: %s", source.file.c_str(), source.name.c_str(), std::strerror(errno));
      if (got == 0) fail(CTX_ERR_IO, "load: %s: the file ended inside tensor %s", source.file.c_str(), source.name.c_str());
      done += (size_t)got;
    }
    to_f32(numbers_.data(), bytes_.data(), numbers, source.dtype);
    if (const int64_t bad = first_beyond(numbers_.data(), numbers, FileDtype::f32); bad >= 0)
      fail(CTX_ERR_IO, "load: %s: tensor %s holds %s (number %lld of %lld)", source.file.c_str(), source.name.c_str(), spelling(numbers_[(size_t)bad]),
           (long long)(from + bad + 1), (long long)count);
    take(from, numbers_.data(), numbers);
  }
}

AtomicFile::AtomicFile(const std::string &path) : path_(path), temporary_(path + ".tmp-" + std::to_string(::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(CTX_ERR_IO, "save: cannot create %s: %s", temporary_.c_str(), std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::give_up(const char *action, int error) const {
  fail(CTX_ERR_IO, "save: cannot %s %s: %s", action, path_.c_str(), std::strerror(error));
}

void AtomicFile::write(const void *data, size_t bytes) {
  const uint8_t *from = static_cast<const uint8_t *>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, from, std::min(bytes, size_t(1) << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) give_up("write", errno);
    from += written;
    bytes -= (size_t)written;
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) give_up("flush", errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) give_up("close", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("rename the finished file to", errno);
  temporary_.clear();
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) give_up("open the folder of", errno);
  const int flushed = ::fsync(folder);
  const int error = errno;
  ::close(folder);
  if (flushed != 0 && error != EINVAL) give_up("flush the folder of", error); // EINVAL: this file system cannot flush folders
}

} // namespace ctx
