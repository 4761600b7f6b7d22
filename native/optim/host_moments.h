// host_moments.h: AdamW's two moments in the host's memory, with the fp32 masters of the weights where these are held rounded, and how they pass
// the device at a step: a piece comes, the device updates it with the weights and gradients that it holds, the piece goes back, while the next
// ones come. The update is the device's own, so its bits are those of moments that never left it. (ZeRO-Offload, Ren et al. 2021, arXiv 2101.06840,
// has the CPU compute it; that saves the way back and forth, 16 bytes a parameter, and costs 28 bytes a parameter of the host's memory bandwidth.)
//
//   incoming     in 0 | in 1     | in 2     | in 3     | in 4 …         in k begins after out k - 3, which leaves its place
//   operations          update 0 | update 1 | update 2 | update 3 …     update k begins after in k
//   outgoing                     | out 0    | out 1    | out 2 …        out k begins after update k
//
// Both directions of the bus are always busy, but for the first piece and the last. With two places a piece could not come before the one
// that left its place had been updated and had left: n pieces would take n (way + update / 2) in place of n way. Three places need no more memory than
// two: each piece is smaller by a third. An update takes about a thirtieth of a way (28 bytes a number at a few TB/s, 8 at 25 GB/s).
//
// defines: Moments, HostMoments
#pragma once
#include <array>
#include <functional>
#include <vector>

#include "../model/ops.h"

namespace ctx {

// Numbers [first, first + count) of both moments, and of the masters, on the device.
struct Moments {
  int64_t first, count;
  float *m, *v, *master; // null: there are none
};

class HostMoments {
 public:
  // Takes memory of the host, page-locked where the device reaches into it, for `count` numbers of each moment, and of masters, which pass through
  // windows of `window` numbers, a multiple of 32. `ops` must outlive it. Throws a Failure with the size when there is no room.
  HostMoments(const Ops &ops, int64_t count, int64_t window, bool masters);
  ~HostMoments();
  HostMoments(const HostMoments &) = delete;
  HostMoments &operator=(const HostMoments &) = delete;

  // The windows, on the device, all zero. So is all that waits in the host's memory then.
  void begin(float *m, float *v, float *masters);

  // Calls `update` for one piece of [from, to) after the other, which is on the device for operations that are enqueued then. A pass that begins
  // where the last one ended, or beyond, goes on with its transfers; any other waits for them.
  void pass(int64_t from, int64_t to, const std::function<void(const Moments &)> &update);

  // In the host's memory, once all that is under way is done: waits for it.
  float *m() { return settled(0); }
  float *v() { return settled(1); }
  float *masters() { return settled(2); }

 private:
  const Ops &ops_;
  static constexpr size_t MOST = 3; // places

  const int64_t count_, window_;
  const size_t places_;                      // that the window is divided into
  const int64_t piece_;                      // numbers of a place
  std::vector<float *> host_, device_;       // m, v, masters
  size_t next_ = 0;                          // place of the next piece
  int64_t passed_ = 0;                       // numbers from here on are at rest in the host's memory
  ctx_event *settled_ = nullptr;             // all that is enqueued
  std::array<ctx_event *, MOST> arrived_{}, updated_{}, left_{}; // of each place

  size_t bytes() const { return (size_t)count_ * sizeof(float); }
  float *settled(size_t which) const;
  void move(int64_t first, int64_t count, int64_t at, ctx_direction direction) const;
  void settle();
  void give_back();
};

} // namespace ctx
