#include "divided_weights.h"

#include <algorithm>

#include "../ring/collectives.h"

namespace ctx {

std::vector<UnitVisit> unit_visits(int64_t layers, int64_t segment, bool tied) {
  std::vector<UnitVisit> visits;
  const int embedding = 0, last = (int)layers + 1;
  const auto put = [&](int unit, bool gradients) { visits.push_back({unit, true, gradients}); };
  put(embedding, false);
  for (int layer = 1; layer < last; layer++) put(layer, false);
  if (tied) put(last, false), put(embedding, true);
  put(last, true);
  const int64_t last_segment = (layers - 1) / segment * segment;
  for (int64_t layer = layers - 1; layer >= 0; layer--) {
    if (layer < last_segment && (layer + 1) % segment == 0)
      for (int64_t again = layer + 1 - segment; again <= layer; again++) put((int)again + 1, false);
    put((int)layer + 1, true);
  }
  visits.push_back({embedding, false, true});
  return visits;
}

DividedWeights::DividedWeights(const Ops &ops, Transport &everyone, const ParameterTable &parameters, const ArenaLayout &layout)
    : ops_(ops), everyone_(everyone), parameters_(parameters), layout_(layout) {
  try {
    for (ctx_event **event : {&arrived_[0], &arrived_[1], &summed_}) *event = ops_.create_event();
  } catch (...) {
    give_back();
    throw;
  }
}

DividedWeights::~DividedWeights() { give_back(); }

void DividedWeights::give_back() {
  for (ctx_event *event : {arrived_[0], arrived_[1], summed_})
    if (event) ops_.table->destroy_event(event);
}

void DividedWeights::begin(float *arena, float *gradients, float *scratch, int64_t room) {
  arena_ = arena;
  gradients_ = gradients;
  scratch_ = scratch;
  room_ = room;
}

void DividedWeights::start(std::vector<UnitVisit> visits) {
  visits_ = std::move(visits);
  next_ = 0;
  held_ = {-1, -1};
}

void DividedWeights::follow(std::vector<UnitVisit> visits) {
  start(std::move(visits));
  while (next_ < visits_.size()) {
    const int unit = visits_[next_].unit;
    enter(unit);
    leave(unit);
  }
}

const UnitVisit &DividedWeights::visit(int unit) const {
  if (next_ >= visits_.size() || visits_[next_].unit != unit) fail(CTX_ERR_ARGUMENT, "unit %d of the weights is not what the pass comes to next", unit);
  return visits_[next_];
}

void DividedWeights::enter(int unit) {
  const UnitVisit &now = visit(unit);
  if (now.weights) {
    const auto held = std::find(held_.begin(), held_.end(), unit);
    const bool there = held != held_.end();
    at_hand_ = there ? (size_t)(held - held_.begin()) : 1 - at_hand_;
    if (!there) gather(unit, at_hand_);
    const auto after = std::find_if(visits_.begin() + (int64_t)next_, visits_.end(), [&](const UnitVisit &later) { return later.weights && later.unit != unit; });
    if (after != visits_.end() && held_[1 - at_hand_] != after->unit) gather(after->unit, 1 - at_hand_);
    ops_.wait(CTX_OPERATIONS, arrived_[at_hand_]);
  }
  // The unit before the last may still be summed in the place that comes next; and what a pass before sums still arrives where logits come.
  if (now.gradients) ops_.wait(CTX_OPERATIONS, summed_);
  sum_formed();
  const Unit &u = parameters_.units[(size_t)unit];
  if (!now.gradients || u.trained == 0) return;
  forming_ = 1 - forming_;
  ops_.zero(matrix(gradient_place(u), 1, u.trained));
}

void DividedWeights::leave(int unit) {
  const Unit &u = parameters_.units[(size_t)unit];
  if (visit(unit).gradients && u.trained > 0) formed_ = &u;
  next_++;
}

void DividedWeights::settle() {
  sum_formed();
  ops_.wait(CTX_OPERATIONS, summed_);
}

// What is computed with the unit that lies in the place is enqueued, and the copy of the own part with it: nothing comes there before.
void DividedWeights::gather(int unit, size_t which) {
  const Unit &u = parameters_.units[(size_t)unit];
  const int ranks = everyone_.world();
  held_[which] = unit;
  const int64_t begin = u.begin / (int64_t)sizeof(float), size = u.size / (int64_t)sizeof(float); // whole regions, whatever numbers they are of
  for (const auto &[from, count] : {std::pair(int64_t(0), u.trained), std::pair(u.trained, size - u.trained)}) {
    if (count == 0) continue;
    const Share own(count, ranks, everyone_.rank());
    float *const whole = place(u, which) + from;
    ops_.copy(matrix(whole + own.begin, 1, own.size()), matrix(arena_ + (begin + from) / ranks, 1, own.size()));
    all_gather(ops_, everyone_, whole, (size_t)own.size() * sizeof(float), CTX_INCOMING);
  }
  ops_.record(CTX_INCOMING, arrived_[which]);
}

// The own part of the sums is never touched but here, until they are settled.
void DividedWeights::sum_formed() {
  if (!formed_) return;
  const Unit &u = *formed_;
  formed_ = nullptr;
  const int ranks = everyone_.world();
  float *const whole = gradient_place(u);
  reduce_scatter(ops_, everyone_, whole, u.trained, scratch_, room_, CTX_INCOMING);
  const Share own(u.trained, ranks, everyone_.rank());
  ops_.add_on(CTX_INCOMING, gradients_ + u.gradient / ranks, whole + own.begin, own.size());
  ops_.record(CTX_INCOMING, summed_);
}

} // namespace ctx
