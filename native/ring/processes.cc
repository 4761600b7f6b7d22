// processes.cc: see processes.h.
#include "processes.h"

#include "../model/failure.h"

namespace ctx {

void Processes::check(ctx_status status, const char *operation) const {
  if (status != CTX_OK) fail(status, "rank %d on %s: %s: %s", rank(), table->host(), operation, table->last_error());
}

std::unique_ptr<Transport> Processes::ring(int colour) const { return std::make_unique<ProcessRing>(*this, colour); }

ProcessRing::ProcessRing(const Processes &processes, int colour) : table_(processes.table) {
  const ctx_status status = table_->split(processes.world, colour, &group_);
  if (status != CTX_OK) fail(status, "rank %d on %s: cannot form a ring: %s", processes.rank(), table_->host(), table_->last_error());
}

ProcessRing::~ProcessRing() {
  passage_.reset();
  table_->release(group_);
}

void ProcessRing::open(const Queue &on, int index) {
  if (!on.backend.device_info) return; // its memory is the host's
  try {
    passage_ = open_passage(*table_, group_, on, index);
  } catch (const Failure &failure) {
    fail(failure.status, "rank %d on %s: cannot form a ring of devices: %s", rank(), table_->host(), failure.what());
  }
}

template <class Call> ctx_status ProcessRing::by_passage(const Call &call) {
  try {
    call(*passage_);
    return CTX_OK;
  } catch (const Failure &failure) {
    abort(std::string("on ") + table_->host() + ": " + failure.what());
    return failure.status;
  }
}

void ProcessRing::settle() {
  if (passage_ && by_passage([](Passage &passage) { passage.settle(); }) != CTX_OK) throw Failure(CTX_ERR_DEVICE, error_);
}

void ProcessRing::close() {
  if (passage_) passage_->close();
}

ctx_status ProcessRing::start(const Queue &on, int channel, const void *send, void *receive, size_t bytes) {
  if (passage_) return by_passage([&](Passage &passage) { passage.start(channel, send, receive, bytes, on.order); });
  if (const ctx_status status = on.backend.synchronize(on.device)) { // MPI reads the buffers at once
    abort(on.backend.last_error(on.device));
    return status;
  }
  return told(table_->start(group_, channel, send, receive, bytes));
}

ctx_status ProcessRing::wait(const Queue &on, int channel) {
  if (passage_) return by_passage([&](Passage &passage) { passage.wait(channel, on.order); });
  return told(table_->wait(group_, channel));
}

void ProcessRing::abort(const std::string &message) {
  if (error_.empty()) error_ = "rank " + std::to_string(rank()) + ": " + message;
}

ctx_status ProcessRing::told(ctx_status status) {
  if (status != CTX_OK) abort(std::string("on ") + table_->host() + ": " + table_->last_error());
  return status;
}

} // namespace ctx
