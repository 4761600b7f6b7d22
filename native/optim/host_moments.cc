#include "host_moments.h"

#include <algorithm>

namespace ctx {

namespace {

constexpr int64_t REGION = 16; // numbers: places begin where regions of an arena may, so that the update can read and write whole words

} // namespace

HostMoments::HostMoments(const Ops &ops, int64_t count, int64_t window, bool masters)
    : ops_(ops), count_(count), window_(window), places_(window >= (int64_t)MOST * REGION ? MOST : 2), piece_(window / (int64_t)places_ / REGION * REGION),
      host_(masters ? 3 : 2), device_(host_.size()) {
  try {
    settled_ = ops_.create_event();
    for (auto *events : {&arrived_, &updated_, &left_})
      for (ctx_event *&event : *events) event = ops_.create_event();
    for (float *&numbers : host_) numbers = static_cast<float *>(ops_.alloc_host(bytes()));
  } catch (const Failure &failure) {
    give_back();
    fail(failure.status, "no room for %zu bytes of the optimizer's %s in the host's memory: %s", host_.size() * bytes(), masters ? "moments and masters" : "moments", failure.what());
  }
}

HostMoments::~HostMoments() { give_back(); }

void HostMoments::give_back() {
  for (float *numbers : host_)
    if (numbers) ops_.table->release_host(ops_.device, numbers, bytes());
  for (const auto &events : {arrived_, updated_, left_})
    for (ctx_event *event : events)
      if (event) ops_.table->destroy_event(event);
  if (settled_) ops_.table->destroy_event(settled_);
}

// Numbers [first, first + count) of all, between their memory and `at` of their windows.
void HostMoments::move(int64_t first, int64_t count, int64_t at, ctx_direction direction) const {
  const size_t bytes = (size_t)count * sizeof(float);
  for (size_t i = 0; i < host_.size(); i++) {
    float *const host = host_[i] + first, *const device = device_[i] + at;
    if (direction == CTX_TO_DEVICE) ops_.transfer(device, host, bytes, direction);
    else ops_.transfer(host, device, bytes, direction);
  }
}

// What comes from now on finds the places free and the host's memory as all that went before leaves it.
void HostMoments::settle() {
  ops_.order(CTX_OPERATIONS, CTX_INCOMING, settled_); // an update that was given up may still write
  ops_.order(CTX_OUTGOING, CTX_INCOMING, settled_);
}

void HostMoments::begin(float *m, float *v, float *masters) {
  device_ = {m, v, masters};
  device_.resize(host_.size());
  ops_.order(CTX_OPERATIONS, CTX_OUTGOING, settled_);
  for (int64_t first = 0; first < count_; first += window_) move(first, std::min(window_, count_ - first), 0, CTX_TO_HOST);
  passed_ = count_;
}

void HostMoments::pass(int64_t from, int64_t to, const std::function<void(const Moments &)> &update) {
  if (from < passed_) settle();
  passed_ = count_; // unless it comes to its end
  const auto bring = [&](int64_t first, size_t place) {
    if (first >= to) return;
    ops_.wait(CTX_INCOMING, left_[place]);
    move(first, std::min(piece_, to - first), (int64_t)place * piece_, CTX_TO_DEVICE);
    ops_.record(CTX_INCOMING, arrived_[place]);
  };
  const size_t ahead = places_ - 1;
  for (size_t k = 0; k < ahead; k++) bring(from + (int64_t)k * piece_, (next_ + k) % places_);
  for (int64_t first = from; first < to; first += piece_, next_ = (next_ + 1) % places_) {
    const size_t place = next_;
    bring(first + (int64_t)ahead * piece_, (place + ahead) % places_);
    ops_.wait(CTX_OPERATIONS, arrived_[place]);
    const int64_t count = std::min(piece_, to - first), at = (int64_t)place * piece_;
    update({first, count, device_[0] + at, device_[1] + at, device_.size() > 2 ? device_[2] + at : nullptr});
    ops_.order(CTX_OPERATIONS, CTX_OUTGOING, updated_[place]);
    move(first, count, at, CTX_TO_HOST);
    ops_.record(CTX_OUTGOING, left_[place]);
  }
  passed_ = to;
}

float *HostMoments::settled(size_t which) const {
  ops_.synchronize();
  return host_[which];
}

} // namespace ctx
