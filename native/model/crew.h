// crew.h: an engine that several ranks make up, processes of a job or threads of this process (team.h). Rank 0 leads: it alone is called. What concerns the others it tells them, as an
// order with its arguments, and they carry the same thing out (Engine::follow).
//
// Rank w of the job is rank w mod ring of the ring with number w / ring; each ring is a data-parallel group of its own.
//
// defines: Order, Message, Crew
#pragma once
#include <atomic>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "../ring/job.h"

namespace ctx {

enum class Order : int32_t { end, set_rope, initialize, load, fetch, write, accumulate, step, zero_gradients, last = zero_gradients };

// Arguments of an order: plain values and vectors of them, in the order in which they are put and taken.
class Message {
 public:
  template <class T> Message &put(const T &value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return write(&value, sizeof(T));
  }
  template <class T> Message &put(const std::vector<T> &values) {
    put((uint64_t)values.size());
    return write(values.data(), values.size() * sizeof(T));
  }
  template <class T> T take() {
    T value;
    read(&value, sizeof(T));
    return value;
  }
  template <class T> std::vector<T> take_vector() {
    std::vector<T> values((size_t)take<uint64_t>());
    read(values.data(), values.size() * sizeof(T));
    return values;
  }

  std::vector<uint8_t> bytes;

 private:
  Message &write(const void *from, size_t count) {
    const size_t at = bytes.size();
    bytes.resize(at + count);
    if (count > 0) std::memcpy(bytes.data() + at, from, count);
    return *this;
  }
  void read(void *to, size_t count) {
    if (count > 0) std::memcpy(to, bytes.data() + at_, count);
    at_ += count;
  }
  size_t at_ = 0;
};

class Crew {
 public:
  // All ranks of the job at the same time. `ring` divides their number. `layout`: a number for how the engine is laid out, which
  // must be the same on all, as what ranks send each other is plain bytes.
  Crew(const Job &processes, int ring, uint64_t layout);
  ~Crew(); // of the leader: tells the others that this engine is done with

  // All ranks at the same time: makes their rings ready for the memory of this rank's device, which has that number.
  void open(const Queue &on, int index);

  bool leads() const { return processes.rank() == 0; }
  int ring() const { return ring_; }
  int ring_rank() const { return processes.rank() % ring_; }
  int group() const { return processes.rank() / ring_; }
  int groups() const { return processes.size() / ring_; }

  // Leader: begins an operation on all ranks. Until `done`, which ends it everywhere, a failure leaves the others in the middle of it.
  void tell(Order order, const Message &arguments = {});
  void done() { in_order_ = false; }
  // The last operation was not brought to its end: transfers that it began may still be under way, and their buffers must stay.
  bool broken() const { return in_order_; }
  // Others: the next order.
  Order hear(Message &arguments);

  // No engine of several processes is there, and none was left in the middle of an operation: the job can end in good order.
  static bool all_done();

  const Job &processes;
  std::unique_ptr<Transport> everyone; // all ranks
  std::unique_ptr<Transport> sequence; // those that a sequence is cut over; null when that is one

 private:
  const int ring_;
  bool in_order_ = false, ended_ = false; // ended_: the leader has told so
  static std::atomic<int> unfinished_; // crews that are there, and those that were left in an operation
};

} // namespace ctx
