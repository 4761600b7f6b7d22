// order.h (host shim): whether copies of different streams that touch the same bytes, one of them writing, are ordered by events, or by a host that
// waited between: whatever order the shim happens to run them in. What kernels touch is not known here.
//
// Each stream has a clock: how much of each stream's work is done before what is enqueued on it next. An event takes it along (vector clocks,
// Mattern 1989). What the host has waited for is done before all that any thread enqueues later.
//
// defines: ctx_shim::Clock, ctx_shim::Order
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <vector>

namespace ctx_shim {

using Clock = std::map<uint64_t, uint64_t>; // by a stream's number

inline void join(Clock &clock, const Clock &other) {
  for (const auto &[stream, done] : other) clock[stream] = std::max(clock[stream], done);
}

class Order {
 public:
  Clock host; // what somebody has waited for

  // Work of this number on a stream with this clock reads or writes the bytes. False, with a line on stderr: something else may do so, too.
  bool touch(uint64_t stream, uint64_t number, const Clock &clock, const void *p, size_t bytes, bool writes) {
    if (bytes == 0) return true;
    const char *const begin = static_cast<const char *>(p), *const end = begin + bytes;
    for (const Access &a : accesses_) {
      if (a.end <= begin || end <= a.begin || !(a.writes || writes) || a.stream == stream || known(clock, a)) continue;
      std::fprintf(stderr, "CUDA shim: two copies of different streams touch the same bytes (of %zu and of %zu), and no event orders them: the first %s them, the second %s them\n",
                   size_t(a.end - a.begin), bytes, a.writes ? "writes" : "reads", writes ? "writes" : "reads");
      return false;
    }
    accesses_.push_back({begin, end, writes, stream, number});
    return true;
  }

  // The host has waited for so much.
  void waited(const Clock &clock) {
    join(host, clock);
    std::erase_if(accesses_, [&](const Access &a) { return known(host, a); });
  }

 private:
  struct Access {
    const char *begin, *end;
    bool writes;
    uint64_t stream, number;
  };
  std::vector<Access> accesses_; // that the host has not waited for

  static bool known(const Clock &clock, const Access &a) {
    const auto found = clock.find(a.stream);
    return found != clock.end() && found->second >= a.number;
  }
};

} // namespace ctx_shim
