// host_gradients.h: the layers' gradients in the host's memory. The device has two places for a layer's, used in turns: what has added up of a
// layer comes before its backward pass, which adds to it, and goes back while the next layer is computed. At a step they come once for their
// norm, and once more for the update. In the first micro batch of a step nothing comes: a place is cleared instead.
//
//   incoming               | in i - 1     | in i - 2 …            in i - 1 begins after out i + 1, which leaves its place
//   operations  layer i + 1 | layer i     | layer i - 1 …         a layer begins after its in
//   outgoing                | out i + 1 | out i | out i - 1 …     out i begins after layer i
//
// Bytes that move, of a layer's numbers: 4 out and, but for the first, 4 in for each micro batch, behind the backward pass; 8 in at a step. If a
// layer takes longer than its gradients out and in, they are hidden; if less, a layer takes half its own time and one way, and never less than a
// way: there what one place sends out goes beside what comes to the other. A third place would hide more, of 4 bytes a number.
//
// defines: HostGradients
#pragma once
#include <array>
#include <functional>

#include "ops.h"

namespace ctx {

class HostGradients {
 public:
  // Takes memory of the host, page-locked where the device reaches into it, for `stride` numbers of each layer. `ops` must outlive it.
  // Throws a Failure with the size when there is no room.
  HostGradients(const Ops &ops, int64_t layers, int64_t stride);
  ~HostGradients();
  HostGradients(const HostGradients &) = delete;
  HostGradients &operator=(const HostGradients &) = delete;

  // `places`: on the device, two times `stride` numbers; layer i takes place i % 2.
  void begin(float *places) { places_ = places; }

  // All are zero now.
  void clear();

  // Around a layer's backward pass, from the last layer to the first: operations enqueued between the two add to its place.
  void claim(int64_t layer);
  void release(int64_t layer);

  // Calls work(layer) for one layer after the other, for operations that read its place.
  void each(const std::function<void(int64_t layer)> &work);

  // Numbers [first, first + count) of all layers', once all that is under way is done.
  void read(int64_t first, float *numbers, int64_t count) const;

 private:
  const Ops &ops_;
  const int64_t layers_, stride_;
  float *host_ = nullptr, *places_ = nullptr;
  bool zero_ = true;             // nothing has been added since they were cleared
  ctx_event *settled_ = nullptr; // all transfers of a queue so far
  std::array<ctx_event *, 2> arrived_{}, used_{}, left_{}; // of each place

  size_t bytes() const { return (size_t)stride_ * sizeof(float); }
  float *place(int64_t layer) const { return places_ + layer % 2 * stride_; }
  void bring(int64_t layer);
  void give_back();
};

} // namespace ctx
