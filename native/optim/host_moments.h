// host_moments.h: AdamW's two moments in the host's memory, and how they pass the device at a step: a piece comes, the device updates it with
// the weights and gradients that it holds, the piece goes back, while the next one comes. The update is the device's own, so its bits are those
// of moments that never left it. (ZeRO-Offload, Ren et al. 2021, arXiv 2101.06840, has the CPU compute it; that saves the way back and
// forth, 16 bytes a parameter, and costs 28 bytes a parameter of the host's memory bandwidth.)
//
//   transfers    in 0 | in 1 | out 0 | in 2 | out 1 | in 3 | out 2 …    out k begins after update k
//   operations           update 0     | update 1     | update 2 …       update k begins after in k
//
// defines: HostMoments
#pragma once
#include <array>
#include <functional>

#include "../model/ops.h"

namespace ctx {

class HostMoments {
 public:
  // Takes memory of the host, page-locked where the device reaches into it, for `count` numbers of each moment, which pass in pieces of
  // `window`. `ops` must outlive it. Throws a Failure with the size when there is no room.
  HostMoments(const Ops &ops, int64_t count, int64_t window);
  ~HostMoments();
  HostMoments(const HostMoments &) = delete;
  HostMoments &operator=(const HostMoments &) = delete;

  // `m`, `v`: on the device, two places of `window` numbers each, all zero. All moments are zero then.
  void begin(float *m, float *v);

  // Calls update(first, count, m, v) for one piece of [from, to) after the other: the numbers [first, first + count) lie at m and v on the
  // device, for operations that are enqueued then.
  void pass(int64_t from, int64_t to, const std::function<void(int64_t first, int64_t count, float *m, float *v)> &update);

  // In the host's memory, once all that is under way is done: waits for it.
  float *m() { return settled(0); }
  float *v() { return settled(1); }

 private:
  const Ops &ops_;
  const int64_t count_, window_;
  std::array<float *, 2> host_{}, device_{}; // m, v
  ctx_event *ready_ = nullptr;               // the device's places may be written to
  std::array<ctx_event *, 2> arrived_{}, updated_{}; // of each place

  size_t bytes() const { return (size_t)count_ * sizeof(float); }
  float *settled(int moment) const;
  void move(int64_t first, int64_t count, int64_t place, ctx_direction direction) const;
  void give_back();
};

} // namespace ctx
