// threads.h: the ranks of a Job as threads of this process, each with a device of its own: their rings pass keys and values straight from one
// device's memory to the other's (LocalRing).
//
// defines: ThreadRanks
#pragma once
#include "job.h"

namespace ctx {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size);
  ~ThreadRanks(); // no rank may be inside a call
  const Job &end(int rank) const;

  // A rank cannot go on: what the others wait for will not come, and throws a Failure with this message. The first message stays.
  void fail(const std::string &message);
  // A rank has no thread: the others do not wait for it to leave.
  void absent(int rank);

 private:
  struct Shared;
  class End;
  class Ring;
  std::unique_ptr<Shared> shared_;
};

} // namespace ctx
