// passage.h: how the memory of a rank's device comes to the next rank's, where ranks are processes and what carries their words reaches host
// memory alone (include/ctx_ranks.h).
//
// defines: Passage, open_passage, staged_passage, machine_number
#pragma once
#include <memory>
#include <string>

#include "../include/ctx_ranks.h"
#include "transport.h"

namespace ctx {

// A Transport's transfers (transport.h), of one device. Calls throw a Failure.
class Passage {
 public:
  virtual ~Passage() = default;
  virtual std::string way() const = 0; // in words
  virtual void start(int channel, const void *send, void *receive, size_t bytes, ctx_queue order) = 0;
  virtual void wait(int channel, ctx_queue order) = 0;
  virtual void settle() {}
  virtual void close() {}
};

// The shortest way that all ranks of the group can go; all of them call. `index` is the device's number.
std::unique_ptr<Passage> open_passage(const ctx_ranks &ranks, ctx_group *group, const Queue &on, int index);

// Through page-locked host memory, which the processes' own library sends, in pieces of so many bytes or, of a large transfer, more. `why` there is
// no shorter way, for `way`.
constexpr size_t STAGED_PIECE = size_t(4) << 20;
std::unique_ptr<Passage> staged_passage(const ctx_ranks &ranks, ctx_group *group, const Queue &on, const std::string &why, size_t piece = STAGED_PIECE);

// The same on ranks of one machine or container. Names alone may be alike ("localhost"), and containers of a machine share its boot.
uint64_t machine_number(const char *host);

} // namespace ctx
