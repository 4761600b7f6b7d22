// job.h: ranks that work together, as one of them sees them: words between any two of them, in host memory, and rings, whose transfers are of
// device memory. They are processes (processes.h) or threads of this one (threads.h).
//
// What is called is called by all ranks that it concerns, in the same order. Calls throw a Failure.
//
// defines: Job
#pragma once
#include <memory>
#include <string>

#include "transport.h"

namespace ctx {

class Job {
 public:
  virtual ~Job() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string host() const = 0; // name of this rank's machine

  virtual void broadcast(void *data, size_t bytes, int from = 0) const = 0;
  virtual void send(const void *data, size_t bytes, int to) const = 0; // only the two ranks call
  virtual void receive(void *data, size_t bytes, int from) const = 0;

  // The ring of the ranks that name the same colour; all ranks make theirs at the same time.
  virtual std::unique_ptr<Transport> ring(int colour) const = 0;

  // Once, before this rank gives up the memory that others may read: true when none does any more. False: it must stay until the process ends.
  // `broken`: this rank leaves an operation in its middle, where others may wait for it.
  virtual bool leave(bool broken) const = 0;

  // Rank r's `bytes` at data + r * bytes come to all ranks.
  void all_gather(void *data, size_t bytes) const {
    const auto part = [&](int r) { return static_cast<char *>(data) + bytes * (size_t)r; };
    if (rank() != 0) send(part(rank()), bytes, 0);
    for (int r = 1; rank() == 0 && r < size(); r++) receive(part(r), bytes, r);
    broadcast(data, bytes * (size_t)size());
  }
};

} // namespace ctx
