// crew.cc: see crew.h.
#include "crew.h"

#include "failure.h"

namespace ctx {
namespace {

struct Header {
  Order order;
  uint64_t bytes;
};

} // namespace

std::atomic<int> Crew::unfinished_{0};

bool Crew::all_done() { return unfinished_ == 0; }

Crew::Crew(const Job &processes, int ring, uint64_t layout) : processes(processes), everyone(processes.ring(0)), ring_(ring) {
  if (ring < 1 || processes.size() % ring != 0) fail(CTX_ERR_ARGUMENT, "ring is %d, which does not divide the %d ranks of the job", ring, processes.size());
  layout ^= (uint64_t)Order::last; // the orders are part of what both must know
  uint64_t leaders = layout;
  processes.broadcast(&leaders, sizeof leaders);
  if (layout != leaders)
    fail(CTX_ERR_ARGUMENT, "rank %d on %s lays its engine out otherwise than rank 0: they do not run the same build of ctx", processes.rank(), processes.host().c_str());
  if (ring > 1) sequence = processes.ring(group());
  unfinished_++;
}

void Crew::open(const Queue &on, int index) {
  everyone->open(on, index);
  if (sequence) sequence->open(on, index);
}

Crew::~Crew() {
  if (in_order_) return;
  try {
    tell(Order::end);
    unfinished_--;
    if (!leads() && !ended_) return;
    for (Transport *ring : {sequence.get(), everyone.get()})
      if (ring) ring->close();
  } catch (const Failure &) { // a job that has failed is ended by who made this engine
  }
}

void Crew::tell(Order order, const Message &arguments) {
  if (!leads()) return;
  if (in_order_ && order != Order::end) fail(CTX_ERR_DEVICE, "an earlier operation was left in its middle, where the other ranks wait: close this engine");
  in_order_ = true;
  Header header{order, (uint64_t)arguments.bytes.size()};
  processes.broadcast(&header, sizeof header);
  if (header.bytes > 0) processes.broadcast(const_cast<uint8_t *>(arguments.bytes.data()), arguments.bytes.size());
}

Order Crew::hear(Message &arguments) {
  Header header{};
  processes.broadcast(&header, sizeof header);
  arguments = Message();
  arguments.bytes.resize(header.bytes);
  if (header.bytes > 0) processes.broadcast(arguments.bytes.data(), arguments.bytes.size());
  ended_ = header.order == Order::end;
  return header.order;
}

} // namespace ctx
