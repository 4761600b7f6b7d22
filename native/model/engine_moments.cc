// engine_moments.cc: AdamW's moments, and the masters that lie with them: which of them this process holds, how a step updates them, how they are written
// and read. They lie in the arena, or in the host's memory (optim/host_moments.h); so do the gradients of layers (host_gradients.h).
#include <algorithm>
#include <cstring>

#include "../ring/collectives.h"
#include "engine_rank.h"

namespace ctx {

int Engine::own_share() const { return crew_ ? crew_->processes.rank() : 0; }

// What a rank holds of a parameter's values or moments. Each part of what is divided begins where as much of every rank has gone before.
Engine::Overlap Engine::overlap(const Parameter &p, Slot slot, int rank) const {
  const int ranks = crew_ ? crew_->processes.size() : 1;
  const bool values = slot == Slot::value;
  if (values && !divided_) return {&p, 0, p.size(), p.offset};
  int64_t begin = 0, size = layout_.gradient_floats; // of all that is divided together with it
  if (divided_) {
    const Unit &unit = parameters_.units[(size_t)p.unit];
    const int64_t trained = values ? unit.trained * size_of(CTX_F32) : unit.trained;
    const bool frozen = values && p.offset >= unit.begin + trained;
    begin = (values ? unit.begin : unit.gradient) + (frozen ? trained : 0);
    size = frozen ? unit.size - trained : trained;
  }
  const Share share(size, ranks, rank);
  const int64_t width = values ? size_of(p.dtype) : 1, place = values ? p.offset : p.gradient;
  const int64_t from = std::max(begin + share.begin, place), to = std::min(begin + share.end, place + p.size() * width);
  return {&p, (from - place) / width, std::max(int64_t(0), to - from) / width, begin / ranks + from - begin - share.begin};
}

// The trained parameters in a rank's share.
std::vector<Engine::Overlap> Engine::overlaps(int rank) const {
  std::vector<Overlap> found;
  for (const Parameter &p : parameters_.all)
    if (p.trainable)
      if (const Overlap held = overlap(p, Slot::adam_m, rank); held.count > 0) found.push_back(held);
  return found;
}

// Of the own share.
float *Engine::own_values(const Overlap &held) const {
  return divided_ ? arena_ + overlap(*held.parameter, Slot::value, own_share()).at / size_of(CTX_F32) : trained(*held.parameter) + held.first;
}

float *Engine::own_gradients(const Overlap &held) const { return divided_ ? gradients(0) + held.at : gradient(*held.parameter) + held.first; }

// AdamW on the own share of the trained parameters, with the gradients of rank 0: all at once, or by the pieces in which moments pass. It
// takes each number by itself, so the pieces change nothing. Masters go from here to where products read them; of several processes
// first to the place of their gradients (apply_share), which nothing needs any more.
void Engine::update_share(const AdamWOptions &hyper, float scale) {
  const std::vector<Overlap> held = overlaps(own_share());
  const auto update = [&](const Moments &here) {
    for (const Overlap &part : held) {
      const int64_t begin = std::max(here.first, part.at), end = std::min(here.first + here.count, part.at + part.count);
      if (begin >= end) continue;
      const int64_t at = begin - part.at, behind = begin - here.first, count = end - begin;
      float *const values = here.master ? here.master + behind : own_values(part) + at, *const gradients = own_gradients(part) + at;
      adamw_update(ops(), *part.parameter, values, here.m + behind, here.v + behind, gradients, count, hyper, scale);
      if (here.master) ops().copy(crew_ ? matrix(gradients, 1, count) : read_by_products(*part.parameter, part.first + at, count), matrix(values, 1, count));
    }
  };
  const auto range = [&](int64_t from, int64_t to) {
    if (moments_) return moments_->pass(from, to, update);
    const auto of = [&](Slot slot) { return arena_moments(slot) + from; };
    update({from, to - from, of(Slot::adam_m), of(Slot::adam_v), parameters_.masters ? of(Slot::master) : nullptr});
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

float *Engine::host_moments(Slot slot) { return slot == Slot::adam_m ? moments_->m() : slot == Slot::adam_v ? moments_->v() : moments_->masters(); }

float *Engine::arena_moments(Slot slot) const { return arena_ + (slot == Slot::adam_m ? layout_.adam_m : slot == Slot::adam_v ? layout_.adam_v : layout_.masters); }

// Numbers [at, at + count) of this process's share of a moment, or of the masters.
void Engine::put_moments(Slot slot, int64_t at, const float *numbers, int64_t count) {
  const size_t bytes = (size_t)count * sizeof(float);
  if (moments_) std::memcpy(host_moments(slot) + at, numbers, bytes);
  else ops().upload(arena_moments(slot) + at, numbers, bytes);
}

void Engine::get_moments(Slot slot, int64_t at, float *numbers, int64_t count) {
  const size_t bytes = (size_t)count * sizeof(float);
  if (moments_) std::memcpy(numbers, host_moments(slot) + at, bytes);
  else ops().download(numbers, arena_moments(slot) + at, bytes);
}

// Numbers [first, first + count) of a parameter into its slot: what this process holds of them.
void Engine::store(const Parameter &p, Slot slot, int64_t first, const float *numbers, int64_t count) {
  if (slot == Slot::value) {
    put_values(p, first, numbers, count);
    if (!parameters_.mastered(p)) return;
    slot = Slot::master;
  }
  const Overlap held = overlap(p, slot, own_share());
  const int64_t begin = std::max(first, held.first), end = std::min(first + count, held.first + held.count);
  if (begin < end) put_moments(slot, held.at + begin - held.first, numbers + begin - first, end - begin);
}

// What this process holds of a parameter.
void Engine::get_held(const Overlap &held, Slot slot, float *numbers) {
  if (slot == Slot::value) get_values(held, numbers);
  else get_moments(slot, held.at, numbers, held.count);
}

} // namespace ctx
