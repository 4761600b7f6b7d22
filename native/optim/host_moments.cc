#include "host_moments.h"

#include <algorithm>

namespace ctx {

HostMoments::HostMoments(const Ops &ops, int64_t count, int64_t window) : ops_(ops), count_(count), window_(window) {
  try {
    ready_ = ops_.create_event();
    for (auto *events : {&arrived_, &updated_})
      for (ctx_event *&event : *events) event = ops_.create_event();
    for (float *&moment : host_) moment = static_cast<float *>(ops_.alloc_host(bytes()));
  } catch (const Failure &failure) {
    give_back();
    fail(failure.status, "no room for %zu bytes of the optimizer's moments in the host's memory: %s", 2 * bytes(), failure.what());
  }
}

HostMoments::~HostMoments() { give_back(); }

void HostMoments::give_back() {
  for (float *moment : host_)
    if (moment) ops_.table->release_host(ops_.device, moment, bytes());
  for (const auto &events : {arrived_, updated_})
    for (ctx_event *event : events)
      if (event) ops_.table->destroy_event(event);
  if (ready_) ops_.table->destroy_event(ready_);
}

// Moment by moment between its memory and the place of the piece.
void HostMoments::move(int64_t piece, ctx_direction direction) const {
  const int64_t first = piece * window_, place = piece % 2 * window_;
  const size_t bytes = (size_t)std::min(window_, count_ - first) * sizeof(float);
  for (size_t i = 0; i < host_.size(); i++) {
    float *const host = host_[i] + first, *const device = device_[i] + place;
    if (direction == CTX_TO_DEVICE) ops_.transfer(device, host, bytes, direction);
    else ops_.transfer(host, device, bytes, direction);
  }
}

void HostMoments::begin(float *m, float *v) {
  device_ = {m, v};
  ops_.record(CTX_OPERATIONS, ready_);
  ops_.wait(CTX_TRANSFERS, ready_);
  for (int64_t piece = 0; piece < pieces(); piece++) move(piece, CTX_TO_HOST);
}

void HostMoments::pass(const std::function<void(int64_t, int64_t, float *, float *)> &update) {
  ops_.record(CTX_OPERATIONS, ready_); // an update that was cancelled may still write
  ops_.wait(CTX_TRANSFERS, ready_);
  const auto bring = [&](int64_t piece) { // to the place of the one before the last, whose way back is enqueued
    if (piece >= pieces()) return;
    move(piece, CTX_TO_DEVICE);
    ops_.record(CTX_TRANSFERS, arrived_[(size_t)piece % 2]);
  };
  bring(0);
  for (int64_t piece = 0; piece < pieces(); piece++) {
    const size_t place = (size_t)piece % 2;
    bring(piece + 1);
    ops_.wait(CTX_OPERATIONS, arrived_[place]);
    const int64_t first = piece * window_;
    update(first, std::min(window_, count_ - first), device_[0] + (int64_t)place * window_, device_[1] + (int64_t)place * window_);
    ops_.record(CTX_OPERATIONS, updated_[place]);
    ops_.wait(CTX_TRANSFERS, updated_[place]);
    move(piece, CTX_TO_HOST);
  }
}

float *HostMoments::settled(int moment) const {
  ops_.synchronize();
  return host_[(size_t)moment];
}

} // namespace ctx
