// processes.h: the ranks of a Job as processes (include/ctx_ranks.h), and a group of them as a Transport.
//
// defines: Processes, ProcessRing
#pragma once
#include "../include/ctx_ranks.h"
#include "job.h"
#include "passage.h"

namespace ctx {

// The job that this process belongs to. Calls throw a Failure that names this rank and its host.
class Processes final : public Job {
 public:
  Processes(const ctx_ranks *table, ctx_group *world) : table(table), world(world) {}

  int rank() const override { return table->rank(world); }
  int size() const override { return table->size(world); }
  std::string host() const override { return table->host(); }
  void broadcast(void *data, size_t bytes, int from = 0) const override { check(table->broadcast(world, data, bytes, from), "broadcast"); }
  void send(const void *data, size_t bytes, int to) const override { check(table->send(world, data, bytes, to), "send"); }
  void receive(void *data, size_t bytes, int from) const override { check(table->receive(world, data, bytes, from), "receive"); }
  std::unique_ptr<Transport> ring(int colour) const override;
  bool leave(bool broken) const override { return !broken; } // MPI may still read and write what a rank leaves

  const ctx_ranks *const table;
  ctx_group *const world;

 private:
  void check(ctx_status status, const char *operation) const;
};

// A group's ring as a Transport, of host memory until it is opened for a device with memory of its own. A rank that fails ends the whole job
// (ctx_ranks::abort), so its abort only keeps the message.
class ProcessRing final : public Transport {
 public:
  // The ring of the ranks that name the same colour; all ranks of the job make theirs at the same time.
  ProcessRing(const Processes &processes, int colour);
  ~ProcessRing() override;
  ProcessRing(const ProcessRing &) = delete;
  ProcessRing &operator=(const ProcessRing &) = delete;

  int rank() const override { return table_->rank(group_); }
  int world() const override { return table_->size(group_); }
  void open(const Queue &on, int index) override;
  void settle() override;
  std::string way() const override { return passage_ ? passage_->way() : ""; }
  void close() override;
  ctx_status start(const Queue &on, int channel, const void *send, void *receive, size_t bytes) override;
  ctx_status wait(const Queue &on, int channel) override;
  void abort(const std::string &message) override;
  std::string error() const override { return error_; }

 private:
  ctx_status told(ctx_status status);
  template <class Call> ctx_status by_passage(const Call &call);
  const ctx_ranks *const table_;
  ctx_group *group_ = nullptr;
  std::unique_ptr<Passage> passage_; // null: transfers are of host memory
  std::string error_;
};

} // namespace ctx
