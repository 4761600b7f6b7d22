#include "host_gradients.h"

#include <algorithm>
#include <cstring>

namespace ctx {

HostGradients::HostGradients(const Ops &ops, int64_t layers, int64_t stride) : ops_(ops), layers_(layers), stride_(stride) {
  const size_t all = (size_t)layers_ * bytes();
  try {
    settled_ = ops_.create_event();
    for (auto *events : {&arrived_, &used_, &left_})
      for (ctx_event *&event : *events) event = ops_.create_event();
    host_ = static_cast<float *>(ops_.alloc_host(all));
  } catch (const Failure &failure) {
    give_back();
    fail(failure.status, "no room for %zu bytes of gradients in the host's memory: %s", all, failure.what());
  }
}

HostGradients::~HostGradients() { give_back(); }

void HostGradients::give_back() {
  if (host_) ops_.table->release_host(ops_.device, host_, (size_t)layers_ * bytes());
  for (const auto &events : {arrived_, used_, left_})
    for (ctx_event *event : events)
      if (event) ops_.table->destroy_event(event);
  if (settled_) ops_.table->destroy_event(settled_);
}

void HostGradients::clear() {
  for (const ctx_queue queue : {CTX_INCOMING, CTX_OUTGOING}) ops_.order(queue, CTX_OPERATIONS, settled_); // those of a backward pass that was given up too
  zero_ = true;
}

// After what read the place, and after what left it. In the order of layers the layer's own numbers left before that.
void HostGradients::bring(int64_t layer) {
  for (ctx_event *before : {used_[(size_t)layer % 2], left_[(size_t)layer % 2]}) ops_.wait(CTX_INCOMING, before);
  ops_.transfer(place(layer), host_ + layer * stride_, bytes(), CTX_TO_DEVICE);
  ops_.record(CTX_INCOMING, arrived_[(size_t)layer % 2]);
}

void HostGradients::claim(int64_t layer) {
  if (zero_) {
    ops_.wait(CTX_OPERATIONS, left_[(size_t)layer % 2]);
    ops_.zero(matrix(place(layer), 1, stride_));
    return;
  }
  if (layer == layers_ - 1) bring(layer);
  if (layer > 0) bring(layer - 1);
  ops_.wait(CTX_OPERATIONS, arrived_[(size_t)layer % 2]);
}

void HostGradients::release(int64_t layer) {
  ops_.order(CTX_OPERATIONS, CTX_OUTGOING, used_[(size_t)layer % 2]);
  ops_.transfer(host_ + layer * stride_, place(layer), bytes(), CTX_TO_HOST);
  ops_.record(CTX_OUTGOING, left_[(size_t)layer % 2]);
  if (layer == 0) zero_ = false;
}

void HostGradients::each(const std::function<void(int64_t)> &work) {
  if (!zero_) bring(0);
  for (int64_t layer = 0; layer < layers_; layer++) {
    if (zero_) ops_.zero(matrix(place(layer), 1, stride_));
    if (!zero_ && layer + 1 < layers_) bring(layer + 1);
    if (!zero_) ops_.wait(CTX_OPERATIONS, arrived_[(size_t)layer % 2]);
    work(layer);
    ops_.record(CTX_OPERATIONS, used_[(size_t)layer % 2]);
  }
}

void HostGradients::read(int64_t first, float *numbers, int64_t count) const {
  ops_.synchronize();
  if (zero_) std::fill(numbers, numbers + count, 0.0f);
  else std::memcpy(numbers, host_ + first, (size_t)count * sizeof(float));
}

} // namespace ctx
