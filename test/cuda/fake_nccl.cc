// fake_nccl.cc: NCCL's functions over Unix sockets, for tests of what native/cuda/peers.cu asks of the library: it really moves bytes from process
// to process, as work on a stream of the shim's (native/cuda/host), which stands still until they have come, as a GPU would.
//
// It believes nothing: what NCCL would refuse or what would hang or corrupt there gets ncclInvalidUsage with a line on stderr. A message comes
// with its number and size, which must be those that the receiver expects. Numbers are written out here as the documentation has them, not
// taken from ctx's header.
//
// CTX_FAKE_NCCL, read at each call: `old` (version 2.10.3), `no id`, `no join`, `refuses` (at the transfer), `rank 1 loses 3` (of its third
// transfer nothing comes, and the library notices).
#include <dlfcn.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum { SUCCESS = 0, SYSTEM_ERROR = 2, INVALID_USAGE = 5, REMOTE_ERROR = 6 };

struct Id {
  char bytes[128];
};

// Lives as long as its handle, or work on a stream.
struct Ring {
  int rank = 0, size = 0, to_next = -1, from_before = -1;
  uint64_t enqueued = 0; // transfers
  std::atomic<uint64_t> done{0};
  std::atomic<int> error{SUCCESS};
  std::atomic<bool> aborted{false};
  ~Ring() {
    if (to_next >= 0) close(to_next);
    if (from_before >= 0) close(from_before);
  }
};
struct Comm {
  std::shared_ptr<Ring> ring;
};
struct Call {
  bool sends;
  void *data;
  size_t bytes;
  int peer;
  Comm *comm;
  void *stream;
};
struct Header {
  uint64_t number, bytes;
};

thread_local int depth = 0;
thread_local std::vector<Call> calls;

std::string mode() {
  const char *set = std::getenv("CTX_FAKE_NCCL");
  return set ? set : "";
}

int refuse(const char *why) {
  std::fprintf(stderr, "fake NCCL: %s\n", why);
  return INVALID_USAGE;
}

sockaddr_un address(const Id &id, int rank) {
  sockaddr_un at = {};
  at.sun_family = AF_UNIX; // in the abstract namespace: nothing is left behind
  std::snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "%.64s-%d", id.bytes, rank);
  return at;
}

// Message by message, whatever sockets take at once.
struct Stream {
  Header header;
  char *data;
  size_t at = 0;
  bool over() const { return at == sizeof header + header.bytes; }
  // false: the other side is gone
  template <class Move> bool go_on(const Move &move) {
    while (!over()) {
      const bool in_header = at < sizeof header;
      char *const from = in_header ? reinterpret_cast<char *>(&header) + at : data + (at - sizeof header);
      const ssize_t count = move(from, in_header ? sizeof header - at : sizeof header + header.bytes - at);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (count <= 0) return false;
      at += size_t(count);
    }
    return true;
  }
};

struct Work {
  std::shared_ptr<Ring> ring;
  uint64_t number;
  const void *send;
  void *receive;
  size_t bytes;

  void run() {
    int loser = -1;
    uint64_t lost = 0;
    if (std::sscanf(mode().c_str(), "rank %d loses %lu", &loser, &lost) == 2 && loser == ring->rank && lost == number) fail_and_stand(REMOTE_ERROR);
    Stream out{{number, bytes}, static_cast<char *>(const_cast<void *>(send))}, in{{0, bytes}, static_cast<char *>(receive)};
    while (!ring->aborted && (!out.over() || !in.over())) {
      pollfd ready[] = {{out.over() ? -1 : ring->to_next, POLLOUT, 0}, {in.over() ? -1 : ring->from_before, POLLIN, 0}};
      poll(ready, 2, 10);
      const bool sent = out.go_on([&](void *p, size_t n) { return ::send(ring->to_next, p, n, MSG_DONTWAIT | MSG_NOSIGNAL); });
      const bool got = in.go_on([&](void *p, size_t n) { return recv(ring->from_before, p, n, MSG_DONTWAIT); });
      if (in.at >= sizeof in.header && (in.header.number != number || in.header.bytes != bytes)) {
        refuse("what arrives is not what was to come");
        fail_and_stand(INVALID_USAGE);
      }
      if (!sent || !got) fail_and_stand(REMOTE_ERROR);
    }
    ring->done++;
  }

  // The stream stands until the communicator is aborted.
  void fail_and_stand(int error) {
    ring->error = error;
    while (!ring->aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

void run_work(void *work) {
  const std::unique_ptr<Work> own(static_cast<Work *>(work));
  own->run();
}

// The shim's, of the library that calls.
void enqueue(void *stream, Work *work) {
  using Enqueue = void (*)(void *, void (*)(void *), void *);
  static const auto call = [] {
    void *const library = dlopen(std::getenv("CTX_CUDA_LIBRARY"), RTLD_NOW | RTLD_NOLOAD);
    return reinterpret_cast<Enqueue>(dlsym(library, "ctx_shim_enqueue"));
  }();
  call(stream, run_work, work);
}

int later(bool sends, void *data, size_t count, int type, int peer, Comm *comm, void *stream) {
  if (!comm || !stream || !data) return refuse("no communicator, stream or buffer");
  if (depth == 0) return refuse("a send and a receive outside of a group would wait for each other");
  if (type != 0 && type != 1) return refuse("not bytes");
  calls.push_back({sends, data, count, peer, comm, stream});
  return SUCCESS;
}

} // namespace

EXPORT int ncclGetVersion(int *version) { return *version = mode() == "old" ? 21003 : 22705, SUCCESS; }
EXPORT const char *ncclGetErrorString(int result) {
  return result == REMOTE_ERROR ? "remote process exited or there was a network error" : result == INVALID_USAGE ? "invalid usage" : "unhandled system error";
}
EXPORT const char *ncclGetLastError(Comm *) { return mode() == "refuses" ? "as it was told to" : ""; }

EXPORT int ncclGetUniqueId(Id *out) {
  static std::atomic<int> made{0};
  if (mode() == "no id") return SYSTEM_ERROR;
  *out = {};
  std::snprintf(out->bytes, sizeof out->bytes, "fake-nccl-%d-%d", int(getpid()), made++);
  return SUCCESS;
}

EXPORT int ncclCommInitRank(Comm **out, int size, Id id, int rank) {
  if (size < 2 || rank < 0 || rank >= size) return refuse("no rank of such a ring");
  if (mode() == "no join") return SYSTEM_ERROR;
  auto ring = std::make_shared<Ring>();
  ring->rank = rank, ring->size = size;
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at = address(id, rank);
  if (bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at) != 0 || listen(listener, 1) != 0) return close(listener), refuse("two ranks of one number");
  at = address(id, (rank + 1) % size);
  ring->to_next = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  while (connect(ring->to_next, reinterpret_cast<sockaddr *>(&at), sizeof at) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ring->from_before = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  close(listener);
  return *out = new Comm{ring}, SUCCESS;
}

EXPORT int ncclCommDestroy(Comm *comm) {
  const bool idle = comm->ring->done == comm->ring->enqueued;
  delete comm;
  return idle ? SUCCESS : refuse("destroyed with transfers under way");
}
EXPORT int ncclCommAbort(Comm *comm) {
  comm->ring->aborted = true;
  return delete comm, SUCCESS;
}
EXPORT int ncclCommGetAsyncError(Comm *comm, int *error) { return *error = comm->ring->error, SUCCESS; }

EXPORT int ncclGroupStart() { return depth++, SUCCESS; }
EXPORT int ncclSend(const void *data, size_t count, int type, int peer, Comm *comm, void *stream) { return later(true, const_cast<void *>(data), count, type, peer, comm, stream); }
#if !defined(WITHOUT_RECV)
EXPORT int ncclRecv(void *data, size_t count, int type, int peer, Comm *comm, void *stream) { return later(false, data, count, type, peer, comm, stream); }
#endif
EXPORT int ncclGroupEnd() {
  if (depth == 0) return refuse("the end of a group that was not begun");
  if (--depth > 0) return SUCCESS;
  const std::vector<Call> group = std::move(calls);
  calls.clear();
  if (mode() == "refuses") return SYSTEM_ERROR;
  if (group.size() != 2 || !group[0].sends || group[1].sends) return refuse("a group that is not a send and a receive");
  const Call &send = group[0], &receive = group[1];
  if (send.comm != receive.comm || send.stream != receive.stream || send.bytes != receive.bytes) return refuse("a send and a receive that do not go together");
  Ring &ring = *send.comm->ring;
  if (send.peer != (ring.rank + 1) % ring.size || receive.peer != (ring.rank + ring.size - 1) % ring.size) return refuse("ranks that are no neighbours");
  enqueue(send.stream, new Work{send.comm->ring, ++ring.enqueued, send.data, receive.data, send.bytes});
  return SUCCESS;
}
