// transport.h: how the ranks of a ring pass buffers on. One transfer = send to rank + 1 while receiving from rank - 1.
//
// defines: Queue, Transport, LocalRing
#pragma once
#include "../include/ctx_backend.h"

#include <cstddef>
#include <memory>
#include <string>

namespace ctx {

// A rank's device, whose memory the buffers are, and which of its queues leaves them for a transfer, or goes on with them after it.
struct Queue {
  const ctx_backend &backend;
  ctx_device *device;
  ctx_queue order = CTX_OPERATIONS;
};

// One rank's end of the ring. Only that rank's thread calls it, always with the same device.
//
// Transfers on one channel finish in the order in which they started; at most one per channel is in flight. After any failure, on
// whichever rank, every call on every rank returns CTX_ERR_DEVICE, `error()` tells the cause and nothing hangs.
class Transport {
public:
  static constexpr int channels = 2;

  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int world() const = 0;

  // Once, by all ranks at the same time, before the first transfer: makes ready for the memory of this device, which has that number. Throws a
  // Failure.
  virtual void open(const Queue &, int /* index */) {}
  // Waits until all that was started has come. Throws a Failure where it did not come whole.
  virtual void settle() {}
  // How transfers go, in words; empty where there is nothing to tell.
  virtual std::string way() const { return ""; }
  // Once, by all ranks, when nothing is under way any more. An end that is destroyed without has failed, or left an operation in its middle:
  // what its device does waits for no other rank then.
  virtual void close() {}

  // Begins to send `bytes` at `send` to rank + 1 and to fill `receive` with the same number from rank - 1, as what was enqueued before on
  // the queue leaves them. Both buffers belong to the transport until `wait` has returned.
  virtual ctx_status start(const Queue &on, int channel, const void *send, void *receive, size_t bytes) = 0;

  // Ends the transfer that was started on the channel: what is enqueued on the queue from now on finds it done.
  virtual ctx_status wait(const Queue &on, int channel) = 0;

  // Tells all ranks that this one has failed and will not take part any more. The first message stays.
  virtual void abort(const std::string &message) = 0;

  // Why the ring failed: "rank 2: …". Empty while all is well.
  virtual std::string error() const = 0;
};

// Ranks as threads of this process. A transfer is a rendezvous in a mailbox: the receiver copies straight out of the sender's buffer,
// once, on its device's queue of what comes in; events order the copy after what both ranks had enqueued. Make one LocalRing, hand `end(r)` to
// rank r's thread; it must outlive its ends' use.
class LocalRing {
public:
  explicit LocalRing(int world);
  ~LocalRing();
  Transport &end(int rank);

  // All ranks fail, with this message.
  void fail(const std::string &message);

  // Forgets a failure, for the next step. No rank may be inside a ring call, and their queues must be empty.
  void reset();

private:
  struct Shared;
  class End;
  std::unique_ptr<Shared> shared;
  std::unique_ptr<std::unique_ptr<End>[]> ends;
};

} // namespace ctx
