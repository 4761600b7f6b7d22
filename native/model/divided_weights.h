// divided_weights.h: weights, gradients and moments that ranks divide (ZeRO stage 3, Rajbhandari et al. 2020, arXiv 1910.02054, section 5.3). A rank holds
// its part of every unit (parameters.h). Before a unit is computed with, all ranks' parts come to one of two places, while the unit before it, in
// the other, is still computed with. One place is at the beginning of their room, the other ends where it ends: one of any two that follow each
// other is a layer. In the backward pass a unit's gradients are formed in one of two such places of their own. There they are summed over all ranks
// while the next unit forms its own in the other, and each rank adds its part of the sum to what it holds.
//
//   forward      incoming     gather 0 | gather 1 | gather 2           | …
//                operations            | unit 0   | unit 1  | unit 2   …
//   backward     incoming     | gather k - 1 | sum k + 1 | gather k - 2 | sum k  …
//                operations   | unit k                   | unit k - 1            …
//
// What comes while unit k is computed, the weights of the next and the sum of the one before, begins when the one before is done, in this order, and
// before what unit k itself sends on. The next begins when both are there. The last sum of a pass goes on into the next pass.
//
// Bytes that a rank sends for a micro batch, with P ranks: (P - 1) / P of the weights' bytes for each time that a unit is gathered, twice, or three
// times with checkpoints of several layers, and of 4 bytes a trained weight for the sums.
//
// All ranks make the same passes, those that have nothing to compute too. What a sum is depends on the number of ranks alone.
//
// defines: UnitVisit, unit_visits, DividedWeights
#pragma once
#include <array>
#include <vector>

#include "../ring/transport.h"
#include "layout.h"
#include "ops.h"

namespace ctx {

// A pass comes to a unit, which it needs the weights of, or forms gradients of.
struct UnitVisit {
  int unit;
  bool weights, gradients;
};

// Those of a forward and backward pass, in order; `segment` layers lie between saved inputs.
std::vector<UnitVisit> unit_visits(int64_t layers, int64_t segment, bool tied);

class DividedWeights {
 public:
  // `ops`, `everyone` and the tables must outlive it; nothing is under way on the ring when it ends.
  DividedWeights(const Ops &ops, Transport &everyone, const ParameterTable &parameters, const ArenaLayout &layout);
  ~DividedWeights();
  DividedWeights(const DividedWeights &) = delete;
  DividedWeights &operator=(const DividedWeights &) = delete;

  // `gradients`: of this rank in the arena; null without training. `scratch`: room for numbers that arrive, free in the backward pass.
  void begin(float *arena, float *gradients, float *scratch, int64_t room);

  // A pass begins. Weights have changed since the last one.
  void start(std::vector<UnitVisit> visits);
  // The next visit, and its end. Between the two operations that are enqueued find the weights and, cleared, a place for the gradients, if they are
  // asked for; after the second these belong to the sum.
  void enter(int unit);
  void leave(int unit);
  // All visits of a pass, for a rank that has nothing to compute.
  void follow(std::vector<UnitVisit> visits);
  // After passes: operations that are enqueued from now on find all sums in this rank's part.
  void settle();

  // Of the unit that is visited.
  void *weight(const Parameter &p) const { return reinterpret_cast<char *>(place(unit(p), at_hand_)) + p.offset - unit(p).begin; }
  float *gradient(const Parameter &p) const { return gradient_place(unit(p)) + p.gradient - unit(p).gradient; }

 private:
  const Ops &ops_;
  Transport &everyone_;
  const ParameterTable &parameters_;
  const ArenaLayout &layout_;
  float *arena_ = nullptr, *gradients_ = nullptr, *scratch_ = nullptr;
  int64_t room_ = 0;
  std::vector<UnitVisit> visits_;
  size_t next_ = 0;             // of the visits
  size_t at_hand_ = 0;          // place
  std::array<int, 2> held_{};   // units in the places; -1: none
  std::array<ctx_event *, 2> arrived_{};
  size_t forming_ = 0;           // place of gradients
  const Unit *formed_ = nullptr; // whose gradients lie there and are not yet on their way
  ctx_event *summed_ = nullptr;  // all that were

  const Unit &unit(const Parameter &p) const { return parameters_.units[(size_t)p.unit]; }
  float *place(const Unit &unit, size_t which) const {
    return arena_ + layout_.unit_places + (which == 0 ? 0 : layout_.unit_floats - unit.size / (int64_t)sizeof(float));
  }
  float *gradient_place(const Unit &unit) const { return gradients_ + (forming_ == 0 ? layout_.gradient_place : layout_.gradient_block - unit.trained); }
  const UnitVisit &visit(int unit) const;
  void gather(int unit, size_t which);
  void sum_formed();
  void give_back();
};

} // namespace ctx
