// file_store.cc: layer inputs in a file without a name, read and written by a thread of its own. Plain reads and writes
// rather than a mapping: an error of the disk is then a status, not a signal, and the process's memory does not grow.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "checkpoint_store.h"

namespace ctx {
namespace {

constexpr int64_t piece = int64_t(4) << 20; // bytes of one read or write
constexpr int64_t window = 8 * piece;       // bytes written and not yet on the disk

std::string gibibytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", (double)bytes / (1 << 30));
  return text;
}

// The blocks of [0, bytes) exist; 0 or an errno.
int allocate(int descriptor, int64_t bytes) {
#ifdef __linux__
  return ::posix_fallocate(descriptor, 0, bytes);
#else
  const std::vector<char> zeros((size_t)piece);
  for (int64_t at = 0; at < bytes;) {
    const ssize_t written = ::pwrite(descriptor, zeros.data(), (size_t)std::min(piece, bytes - at), at);
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) at += written;
  }
  return 0;
#endif
}

// Begins to write the pages out, or waits until they are and drops them from the page cache. 0 or the disk's errno: pages that could not be
// written count as clean from then on, and once dropped would read as whatever the disk held before.
int write_out([[maybe_unused]] int descriptor, [[maybe_unused]] int64_t at, [[maybe_unused]] int64_t bytes, [[maybe_unused]] bool drop) {
#ifdef __linux__
  const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  const int result = ::sync_file_range(descriptor, at, bytes, drop ? wait : (unsigned)SYNC_FILE_RANGE_WRITE);
  // A file system that knows no such advice still keeps the data.
  if (result != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT)) return errno;
  if (drop) ::posix_fadvise(descriptor, at, bytes, POSIX_FADV_DONTNEED);
#endif
  return 0;
}

class FileStore : public CheckpointStore {
 public:
  FileStore(const std::string &folder, int64_t slots, int64_t slot_bytes) : folder_(folder), slot_bytes_((slot_bytes + 4095) / 4096 * 4096) {
    if (__builtin_mul_overflow(slots, slot_bytes_, &bytes_)) fail(CTX_ERR_IO, "offload: %lld slots of %s do not fit in a file", (long long)slots, gibibytes(slot_bytes).c_str());
    try {
      open();
      worker_ = std::thread([this] { serve(); });
    } catch (const std::system_error &error) {
      if (descriptor_ >= 0) ::close(descriptor_);
      fail(CTX_ERR_MEMORY, "offload: cannot start the thread that reads and writes: %s", error.what());
    } catch (...) {
      if (descriptor_ >= 0) ::close(descriptor_);
      throw;
    }
  }

  ~FileStore() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      queue_.clear();
    }
    changed_.notify_all();
    worker_.join();
    ::close(descriptor_);
  }

  void begin() override {
    std::unique_lock lock(mutex_);
    queue_.clear(); // nobody waits for them any more
    changed_.wait(lock, [&] { return !busy_; });
    done_ = asked_;
    error_.clear();
  }

  int64_t put(int64_t slot, const void *from, size_t bytes) override { return ask({true, slot, const_cast<void *>(from), (int64_t)bytes}); }
  int64_t get(int64_t slot, void *to, size_t bytes) override { return ask({false, slot, to, (int64_t)bytes}); }

  void wait(int64_t ticket) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= ticket; });
    if (!error_.empty()) throw Failure(CTX_ERR_IO, error_);
  }

 private:
  struct Transfer {
    bool write;
    int64_t slot;
    void *memory;
    int64_t bytes;
  };

  const std::string folder_;
  const int64_t slot_bytes_;
  int64_t bytes_ = 0;
  int descriptor_ = -1;
  std::thread worker_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Transfer> queue_;
  int64_t asked_ = 0, done_ = 0; // tickets
  bool busy_ = false, stopping_ = false;
  std::string error_;

  void open() {
#ifdef O_TMPFILE
    descriptor_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
    if (descriptor_ < 0) { // the file system cannot make a file without a name: the name goes at once
      std::string name = folder_ + "/.ctx-offload-XXXXXX";
      descriptor_ = ::mkstemp(name.data());
      if (descriptor_ < 0) fail(CTX_ERR_IO, "offload: cannot create a file in %s: %s", folder_.c_str(), std::strerror(errno));
      ::unlink(name.c_str());
      ::fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
    }
#ifdef __linux__
    struct statfs system {};
    if (::fstatfs(descriptor_, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC))
      fail(CTX_ERR_IO, "offload: %s lies in memory (tmpfs), where layer inputs would take what they should free; name a folder on a disk", folder_.c_str());
#endif
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)bytes_)
      fail(CTX_ERR_IO, "offload: layer inputs need a file of %s, and the process may write files of at most %s (ulimit -f)", gibibytes(bytes_).c_str(),
           gibibytes((int64_t)limit.rlim_cur).c_str());
    if (const int error = allocate(descriptor_, bytes_))
      fail(CTX_ERR_IO, "offload: layer inputs need a file of %s in %s: %s", gibibytes(bytes_).c_str(), folder_.c_str(), std::strerror(error));
  }

  int64_t ask(const Transfer &transfer) {
    int64_t ticket = 0;
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(transfer);
      ticket = ++asked_;
    }
    changed_.notify_all();
    return ticket;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      const Transfer transfer = queue_.front();
      queue_.pop_front();
      busy_ = true;
      lock.unlock();
      const int error = carry_out(transfer);
      lock.lock();
      busy_ = false;
      done_++;
      if (error && error_.empty())
        error_ = std::string("offload: ") + (transfer.write ? "writing to" : "reading from") + " the file in " + folder_ + ": " + std::strerror(error);
      changed_.notify_all();
    }
  }

  // 0 or an errno.
  int carry_out(const Transfer &t) const {
    const int64_t base = t.slot * slot_bytes_;
    char *memory = static_cast<char *>(t.memory);
    int64_t on_disk = 0;
    for (int64_t at = 0; at < t.bytes;) {
      const size_t bytes = (size_t)std::min(piece, t.bytes - at);
      const ssize_t moved = t.write ? ::pwrite(descriptor_, memory + at, bytes, base + at) : ::pread(descriptor_, memory + at, bytes, base + at);
      if (moved < 0 && errno == EINTR) continue;
      if (moved < 0) return errno;
      if (moved == 0) return EIO; // the file was made longer than this
      if (t.write)
        if (const int error = write_out(descriptor_, base + at, moved, false)) return error;
      at += moved;
      if (t.write && at - on_disk > window) {
        if (const int error = write_out(descriptor_, base + on_disk, at - on_disk - window, true)) return error;
        on_disk = at - window;
      }
    }
    return write_out(descriptor_, base + on_disk, t.bytes - on_disk, true);
  }
};

} // namespace

std::unique_ptr<CheckpointStore> file_store(const std::string &folder, int64_t slots, int64_t slot_bytes) {
  return std::make_unique<FileStore>(folder, slots, slot_bytes);
}

} // namespace ctx
