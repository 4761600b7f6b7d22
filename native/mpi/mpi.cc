// mpi.cc: ranks over MPI (include/ctx_ranks.h). Built where `mpicc` is found, with that MPI's own header: handles differ between MPIs.
//
// One thread makes all calls of MPI. So the least thread support an MPI can have is enough, and transfers make progress while the
// engine computes: MPIs move large messages only inside their own calls. MPI's own waiting would keep a core busy, so the thread looks at
// what is in flight, less and less often while nothing arrives: often enough for a message that is under way to keep moving, and where
// nothing comes for long so seldom that it adds a hundredth to the wait. Large messages go in pieces, by which it sees them move.
//
// defines: ctx_ranks_v1
#include "../include/ctx_ranks.h"

#include <dlfcn.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct ctx_group {
  MPI_Comm communicator = MPI_COMM_NULL;
  int rank = 0, size = 1;
};

namespace {

using std::chrono::microseconds;

constexpr int CHANNELS = 4, POINT_TO_POINT = 16; // message tags: a channel's number, or this
constexpr size_t PIECE = size_t(8) << 20;        // bytes of one message; MPI counts in int
constexpr microseconds BUSY{200}, FIRST_PAUSE{10}, MOVING_PAUSE{50}, MOST_PAUSE{5000};
constexpr microseconds PIECE_TIME{30000}; // that a piece under way takes on a network of 0.3 GB a second

// Something for the MPI thread: `begin` posts requests (or does all there is to do), then they are looked at until all are done.
struct Task {
  std::function<int(std::vector<MPI_Request> &)> begin;
  std::vector<MPI_Request> requests;
  int error = MPI_SUCCESS;
  bool done = false;

  // Looks at what is under way. True: some of it has come to its end.
  bool look(std::vector<int> &ended) {
    if (error != MPI_SUCCESS || requests.empty()) return true;
    int count = 0;
    ended.resize(requests.size());
    error = MPI_Testsome((int)requests.size(), requests.data(), &count, ended.data(), MPI_STATUSES_IGNORE);
    if (error != MPI_SUCCESS) return true;
    if (count <= 0) return false; // never MPI_UNDEFINED: finished requests leave the list
    requests.erase(std::remove(requests.begin(), requests.end(), MPI_REQUEST_NULL), requests.end());
    return true;
  }
  bool over() const { return error != MPI_SUCCESS || requests.empty(); }
};

std::string last_error_text;

std::string error_text(int error) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  return MPI_Error_string(error, text, &length) == MPI_SUCCESS ? std::string(text, (size_t)length) : "MPI error " + std::to_string(error);
}

class MpiThread {
 public:
  MpiThread() : thread_([this] { loop(); }) {}
  ~MpiThread() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Hands a task over; it must live until `wait`.
  void start(Task &task) {
    {
      std::lock_guard lock(mutex_);
      fresh_.push_back(&task);
    }
    changed_.notify_all();
  }

  ctx_status wait(Task &task) {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return task.done; });
    if (task.error == MPI_SUCCESS) return CTX_OK;
    last_error_text = error_text(task.error);
    return CTX_ERR_DEVICE;
  }

  ctx_status run(std::function<int(std::vector<MPI_Request> &)> begin) {
    Task task{std::move(begin), {}, MPI_SUCCESS, false};
    start(task);
    return wait(task);
  }
  ctx_status call(const std::function<int()> &what) {
    return run([&](std::vector<MPI_Request> &) { return what(); });
  }

 private:
  void loop() {
    std::vector<Task *> flying;
    std::vector<int> scratch;
    auto active = std::chrono::steady_clock::now();
    microseconds pause = FIRST_PAUSE;
    std::unique_lock lock(mutex_);
    for (;;) {
      if (fresh_.empty() && flying.empty()) {
        if (ending_) return;
        changed_.wait(lock, [&] { return ending_ || !fresh_.empty(); });
      }
      std::deque<Task *> begun;
      begun.swap(fresh_);
      lock.unlock();
      bool moved = !begun.empty();
      for (Task *task : begun) {
        task->error = task->begin(task->requests);
        flying.push_back(task);
      }
      std::vector<Task *> ended;
      for (Task *task : flying) {
        if (task->look(scratch)) moved = true;
        if (task->over()) ended.push_back(task);
      }
      lock.lock();
      for (Task *task : ended) {
        flying.erase(std::find(flying.begin(), flying.end(), task));
        task->done = true;
      }
      if (!ended.empty()) finished_.notify_all();
      if (moved) {
        active = std::chrono::steady_clock::now();
        pause = FIRST_PAUSE;
      } else if (!flying.empty()) {
        const auto silence = std::chrono::steady_clock::now() - active;
        if (silence < BUSY) {
          lock.unlock();
          std::this_thread::yield();
          lock.lock();
        } else {
          changed_.wait_for(lock, pause, [&] { return !fresh_.empty(); });
          const microseconds patience = std::chrono::duration_cast<microseconds>(silence / 100);
          const microseconds most = silence < PIECE_TIME ? MOVING_PAUSE : std::clamp(patience, MOVING_PAUSE, MOST_PAUSE);
          pause = std::min(pause * 3 / 2, most);
        }
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_, finished_;
  std::deque<Task *> fresh_;
  bool ending_ = false;
  std::thread thread_;
};

std::unique_ptr<MpiThread> mpi;
std::string host_name, library_name = "MPI";

// A group's transfers. Kept beside the handle so that the C structure stays plain.
struct Group : ctx_group {
  Task transfers[CHANNELS];
  bool in_flight[CHANNELS] = {}; // started and not waited for; the caller's thread alone looks at it
};

Group &of(ctx_group *group) { return *static_cast<Group *>(group); }

// Posts the pieces of a message.
template <class Post> int in_pieces(size_t bytes, std::vector<MPI_Request> &requests, const Post &post) {
  for (size_t from = 0; from < bytes; from += PIECE) {
    requests.push_back(MPI_REQUEST_NULL);
    const int error = post(from, (int)std::min(PIECE, bytes - from), &requests.back());
    if (error != MPI_SUCCESS) return error;
  }
  return MPI_SUCCESS;
}

int adopt(MPI_Comm communicator, ctx_group **out) {
  auto group = std::make_unique<Group>();
  group->communicator = communicator;
  int error = MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
  if (error == MPI_SUCCESS) error = MPI_Comm_rank(communicator, &group->rank);
  if (error == MPI_SUCCESS) error = MPI_Comm_size(communicator, &group->size);
  if (error == MPI_SUCCESS) *out = group.release();
  return error;
}

// Node opens addons with local scope; the parts that an older Open MPI loads later look for libmpi's symbols in the global one.
void make_symbols_global() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&MPI_Init_thread), &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

ctx_status join(ctx_group **world) {
  make_symbols_global();
  mpi = std::make_unique<MpiThread>();
  return mpi->call([&] {
    int provided = 0;
    int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    if (error != MPI_SUCCESS) return error;
    char text[std::max(MPI_MAX_LIBRARY_VERSION_STRING, MPI_MAX_PROCESSOR_NAME)];
    int length = 0;
    if (MPI_Get_processor_name(text, &length) == MPI_SUCCESS) host_name.assign(text, (size_t)length);
    MPI_Comm own = MPI_COMM_NULL;
    error = MPI_Comm_dup(MPI_COMM_WORLD, &own);
    return error == MPI_SUCCESS ? adopt(own, world) : error;
  });
}

void leave() {
  if (!mpi) return;
  mpi->call([] { return MPI_Finalize(); });
  mpi.reset();
}

void abort_job(int32_t status) {
  if (mpi) mpi->call([=] { return MPI_Abort(MPI_COMM_WORLD, status); });
  std::_Exit(status);
}

const char *last_error() { return last_error_text.c_str(); }
const char *host() { return host_name.c_str(); }
int32_t rank_of(const ctx_group *group) { return group->rank; }
int32_t size_of(const ctx_group *group) { return group->size; }

ctx_status split(ctx_group *group, int32_t colour, ctx_group **part) {
  return mpi->call([&] {
    MPI_Comm own = MPI_COMM_NULL;
    const int error = MPI_Comm_split(group->communicator, colour, group->rank, &own);
    return error == MPI_SUCCESS ? adopt(own, part) : error;
  });
}

void release(ctx_group *group) {
  if (!group) return;
  const auto &flying = of(group).in_flight;
  if (std::find(std::begin(flying), std::end(flying), true) != std::end(flying)) return; // MPI and its thread hold on to it
  if (mpi) mpi->call([=] { return MPI_Comm_free(&group->communicator); });
  delete static_cast<Group *>(group);
}

ctx_status start(ctx_group *group, int32_t channel, const void *send, void *receive, size_t bytes) {
  Task &task = of(group).transfers[channel];
  const int next = (group->rank + 1) % group->size, before = (group->rank + group->size - 1) % group->size;
  task.requests.clear();
  task.error = MPI_SUCCESS;
  task.done = false;
  task.begin = [=](std::vector<MPI_Request> &requests) {
    const MPI_Comm comm = group->communicator;
    const int error = in_pieces(bytes, requests, [&](size_t from, int count, MPI_Request *request) {
      return MPI_Irecv((char *)receive + from, count, MPI_BYTE, before, channel, comm, request);
    });
    if (error != MPI_SUCCESS) return error;
    return in_pieces(bytes, requests, [&](size_t from, int count, MPI_Request *request) {
      return MPI_Isend((const char *)send + from, count, MPI_BYTE, next, channel, comm, request);
    });
  };
  of(group).in_flight[channel] = true;
  mpi->start(task);
  return CTX_OK;
}

ctx_status wait(ctx_group *group, int32_t channel) {
  const ctx_status status = mpi->wait(of(group).transfers[channel]);
  if (status == CTX_OK) of(group).in_flight[channel] = false; // of several pieces others may still be under way after one has failed
  return status;
}

ctx_status broadcast(ctx_group *group, void *data, size_t bytes, int32_t from) {
  return mpi->run([=](std::vector<MPI_Request> &requests) {
    return in_pieces(bytes, requests, [&](size_t at, int count, MPI_Request *request) {
      return MPI_Ibcast((char *)data + at, count, MPI_BYTE, from, group->communicator, request);
    });
  });
}

ctx_status send(ctx_group *group, const void *data, size_t bytes, int32_t to) {
  return mpi->run([=](std::vector<MPI_Request> &requests) {
    return in_pieces(bytes, requests, [&](size_t at, int count, MPI_Request *request) {
      return MPI_Isend((const char *)data + at, count, MPI_BYTE, to, POINT_TO_POINT, group->communicator, request);
    });
  });
}

ctx_status receive(ctx_group *group, void *data, size_t bytes, int32_t from) {
  return mpi->run([=](std::vector<MPI_Request> &requests) {
    return in_pieces(bytes, requests, [&](size_t at, int count, MPI_Request *request) {
      return MPI_Irecv((char *)data + at, count, MPI_BYTE, from, POINT_TO_POINT, group->communicator, request);
    });
  });
}

// "Open MPI v4.1.4, package: …" → "Open MPI v4.1.4"; "MPICH Version:	4.0.2\n…" → "MPICH 4.0.2"
const char *name_of_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  if (MPI_Get_library_version(text, &length) == MPI_SUCCESS) {
    library_name.assign(text, (size_t)length);
    library_name.resize(std::min(library_name.size(), library_name.find_first_of(",\n")));
    if (const size_t at = library_name.find(" Version:"); at != std::string::npos) {
      const size_t number = library_name.find_first_not_of(" \t", at + 9);
      library_name.replace(at, std::min(number, library_name.size()) - at, " ");
    }
  }
  return library_name.c_str();
}

} // namespace

extern "C" __attribute__((visibility("default"))) const ctx_ranks *ctx_ranks_v1(void) {
  static const ctx_ranks table = {CTX_RANKS_VERSION, name_of_library(), join, leave, abort_job, last_error, host, rank_of, size_of, split, release,
                                  start, wait, broadcast, send, receive};
  return &table;
}
