// engine_moments.cc: AdamW's moments: which of them this process holds, how a step updates them, how they are written and read. They lie in the
// arena, or in the host's memory (optim/host_moments.h); so do the gradients of layers (host_gradients.h).
#include <algorithm>
#include <cstring>

#include "../ring/collectives.h"
#include "engine_rank.h"

namespace ctx {

int Engine::own_share() const { return crew_ ? crew_->processes.rank() : 0; }

// The trained parameters in a rank's share.
std::vector<Engine::Overlap> Engine::overlaps(int rank) const {
  const Share share(layout_.gradient_floats, crew_ ? crew_->processes.size() : 1, rank);
  std::vector<Overlap> found;
  for (const Parameter &p : parameters_.all) {
    if (!p.trainable) continue;
    const int64_t begin = std::max(share.begin, p.gradient), end = std::min(share.end, p.gradient + p.size());
    if (begin < end) found.push_back({&p, begin - p.gradient, end - begin, begin - share.begin});
  }
  return found;
}

// AdamW on the own share of the trained parameters, with the gradients of rank 0: all at once, or by the pieces in which moments pass. It
// takes each number by itself, so the pieces change nothing.
void Engine::update_share(const AdamWOptions &hyper, float scale) {
  const std::vector<Overlap> held = overlaps(own_share());
  const auto update = [&](int64_t first, int64_t count, float *m, float *v) {
    for (const Overlap &part : held) {
      const int64_t begin = std::max(first, part.moment), end = std::min(first + count, part.moment + part.count);
      if (begin >= end) continue;
      const Parameter &p = *part.parameter;
      const int64_t at = part.first + begin - part.moment;
      adamw_update(ops(), p, trained(p) + at, m + begin - first, v + begin - first, gradient(p) + at, end - begin, hyper, scale);
    }
  };
  const auto range = [&](int64_t from, int64_t to) {
    if (moments_) moments_->pass(from, to, update);
    else update(from, to - from, arena_ + layout_.adam_m + from, arena_ + layout_.adam_v + from);
  };
  if (!waiting_) return range(0, layout_.moment_floats);
  const GradientPlaces &g = layout_.rank.gradients;
  range(0, g.begin);
  waiting_->each([&](int64_t layer) { range(g.begin + layer * g.stride, g.begin + (layer + 1) * g.stride); });
  range(g.end(), layout_.moment_floats);
}

// The sum of squares of each gradient that waits in the host's memory.
void Engine::square_waiting(std::vector<double> &squares) {
  waiting_->each([&](int64_t layer) {
    for (size_t i = 0; i < parameters_.all.size(); i++) {
      const Parameter &p = parameters_.all[i];
      if (layout_.rank.gradients.layer_of(p.gradient) == layer) squares[i] = ops().sum_squares(matrix(gradient(p), p.rows, p.cols));
    }
  });
}

// Numbers [at, at + count) of this process's share of a moment.
void Engine::put_moments(Slot slot, int64_t at, const float *numbers, int64_t count) {
  const size_t bytes = (size_t)count * sizeof(float);
  if (moments_) std::memcpy((slot == Slot::adam_m ? moments_->m() : moments_->v()) + at, numbers, bytes);
  else ops().upload(arena_ + (slot == Slot::adam_m ? layout_.adam_m : layout_.adam_v) + at, numbers, bytes);
}

void Engine::get_moments(Slot slot, int64_t at, float *numbers, int64_t count) {
  const size_t bytes = (size_t)count * sizeof(float);
  if (moments_) std::memcpy(numbers, (slot == Slot::adam_m ? moments_->m() : moments_->v()) + at, bytes);
  else ops().download(numbers, arena_ + (slot == Slot::adam_m ? layout_.adam_m : layout_.adam_v) + at, bytes);
}

// Numbers [first, first + count) of a parameter into its slot; of moments what this process holds of them.
void Engine::store(const Parameter &p, Slot slot, int64_t first, const float *numbers, int64_t count) {
  if (slot == Slot::value) return put_values(p, first, numbers, count);
  for (const Overlap &held : overlaps(own_share())) {
    const int64_t begin = std::max(first, held.first), end = std::min(first + count, held.first + held.count);
    if (held.parameter == &p && begin < end) put_moments(slot, held.moment + begin - held.first, numbers + begin - first, end - begin);
  }
}

} // namespace ctx
