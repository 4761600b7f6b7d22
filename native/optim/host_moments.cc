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

// Numbers [first, first + count) of both moments, between their memory and a place on the device.
void HostMoments::move(int64_t first, int64_t count, int64_t place, ctx_direction direction) const {
  const size_t bytes = (size_t)count * sizeof(float);
  for (size_t i = 0; i < host_.size(); i++) {
    float *const host = host_[i] + first, *const device = device_[i] + place * window_;
    if (direction == CTX_TO_DEVICE) ops_.transfer(device, host, bytes, direction);
    else ops_.transfer(host, device, bytes, direction);
  }
}

void HostMoments::begin(float *m, float *v) {
  device_ = {m, v};
  ops_.record(CTX_OPERATIONS, ready_);
  ops_.wait(CTX_TRANSFERS, ready_);
  for (int64_t first = 0; first < count_; first += window_) move(first, std::min(window_, count_ - first), 0, CTX_TO_HOST);
}

void HostMoments::pass(int64_t from, int64_t to, const std::function<void(int64_t, int64_t, float *, float *)> &update) {
  ops_.record(CTX_OPERATIONS, ready_); // an update that was cancelled may still write
  ops_.wait(CTX_TRANSFERS, ready_);
  const auto bring = [&](int64_t first, size_t place) { // what is on its way back from there was asked for before
    if (first >= to) return;
    move(first, std::min(window_, to - first), (int64_t)place, CTX_TO_DEVICE);
    ops_.record(CTX_TRANSFERS, arrived_[place]);
  };
  size_t place = 0;
  bring(from, place);
  for (int64_t first = from; first < to; first += window_, place = 1 - place) {
    bring(first + window_, 1 - place);
    ops_.wait(CTX_OPERATIONS, arrived_[place]);
    const int64_t count = std::min(window_, to - first), at = (int64_t)place * window_;
    update(first, count, device_[0] + at, device_[1] + at);
    ops_.record(CTX_OPERATIONS, updated_[place]);
    ops_.wait(CTX_TRANSFERS, updated_[place]);
    move(first, count, (int64_t)place, CTX_TO_HOST);
  }
}

float *HostMoments::settled(int moment) const {
  ops_.synchronize();
  return host_[(size_t)moment];
}

} // namespace ctx
