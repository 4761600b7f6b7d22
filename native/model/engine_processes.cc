// engine_processes.cc: an engine of several processes, or of several devices of one (crew.h). The gradients of all ranks are summed by shares, each rank updates its
// share of the trained parameters with its share of the moments, and all gather the new values (ZeRO stage 1).
//
//   accumulate   group g takes batch g, g + groups …; scores come back to the leader
//   step         reduce_scatter(gradients); norm over all shares; AdamW on the own one; all_gather(values)
//
// A share is a range of the gradients' arena, so its borders may lie inside a parameter. Where weights are divided too (stage 3), gradients are summed in
// every backward pass and nobody gathers the new values: the next pass does (divided_weights.h).
#include <algorithm>
#include <cmath>

#include "../ring/collectives.h"
#include "engine_rank.h"

namespace ctx {

void Engine::need_alone(const char *operation) const {
  if (crew_) fail(CTX_ERR_ARGUMENT, "%s: not in an engine of several processes; make one of a single process", operation);
}

// The whole slot of a parameter: on the leader, what is divided from all ranks that hold some.
void Engine::fetch(const Parameter &p, Slot slot, float *numbers) {
  if (slot == Slot::gradient && waiting_ && layout_.rank.gradients.layer_of(p.gradient) >= 0)
    return waiting_->read(p.gradient - layout_.rank.gradients.begin, numbers, p.size());
  if (slot == Slot::gradient) return ops().download(numbers, gradient(p), (size_t)p.size() * sizeof(float));
  if (slot == Slot::value && read_origin(p, numbers)) return;
  if (slot == Slot::value && parameters_.mastered(p)) slot = Slot::master;
  if (slot == Slot::value && !divided_) return get_values(overlap(p, slot, own_share()), numbers);
  const int ranks = crew_ ? crew_->processes.size() : 1, self = own_share();
  if (crew_) crew_->tell(Order::fetch, Message().put(index_of(p)).put(slot));
  std::vector<float> piece;
  for (int rank = 0; rank < ranks; rank++) {
    if (self != 0 && rank != self) continue;
    const Overlap held = overlap(p, slot, rank);
    if (held.count == 0) continue;
    const size_t bytes = (size_t)held.count * sizeof(float);
    if (self == 0 && rank != 0) crew_->processes.receive(numbers + held.first, bytes, rank);
    else if (self == 0) get_held(held, slot, numbers + held.first);
    else {
      piece.resize((size_t)held.count);
      get_held(held, slot, piece.data());
      crew_->processes.send(piece.data(), bytes, 0);
    }
  }
  if (crew_) crew_->done();
}

// What the leader reads from files.
void Engine::receive_tensors(Slot slot, const std::vector<int32_t> &order) {
  std::vector<float> numbers;
  for (const int32_t index : order) {
    const Parameter &p = parameters_.all[(size_t)index];
    for (int64_t first = 0, count = 0; first < p.size(); first += count) {
      crew_->processes.broadcast(&count, sizeof count);
      numbers.resize((size_t)count);
      crew_->processes.broadcast(numbers.data(), (size_t)count * sizeof(float));
      store(p, slot, first, numbers.data(), count);
    }
  }
}

std::vector<Score> Engine::accumulate_together(const std::vector<Batch> &batches) {
  Message message;
  message.put((uint64_t)batches.size());
  for (const Batch &b : batches) message.put(b.ids).put(b.positions).put(b.starts).put(b.targets).put(b.weights);
  crew_->tell(Order::accumulate, message);

  Rank &rank = *ranks_[0];
  const int ring = crew_->ring(), groups = crew_->groups();
  std::vector<Score> scores(batches.size());
  for (size_t round = 0; round < batches.size(); round += (size_t)groups) {
    LocalTargets mine;
    const size_t own = round + (size_t)crew_->group();
    if (own < batches.size()) {
      check_cancelled();
      mine = local_targets(batches[own], ring, crew_->ring_rank(), true);
      rank.model->forward(local_tokens(batches[own], options_.model.window, ring, crew_->ring_rank()), true);
      rank.model->loss(mine, true);
      rank.model->backward();
    } else if (divided_) {
      rank.model->stand_by();
    }
    for (int group = 0; group < groups && round + (size_t)group < batches.size(); group++)
      gather_score(batches[round + (size_t)group], mine, group, scores[round + (size_t)group]);
  }
  crew_->done();
  return scores;
}

// The score of a group's batch: its first rank gathers it, and hands it to the leader. Others have nothing to do.
void Engine::gather_score(const Batch &batch, const LocalTargets &mine, int group, Score &score) {
  const Job &job = crew_->processes;
  const size_t tokens = (size_t)batch.tokens();
  if (group != crew_->group() && !crew_->leads()) return;
  score = {std::vector<float>(tokens), std::vector<uint8_t>(tokens)};
  if (group != crew_->group()) {
    job.receive(score.nll.data(), tokens * sizeof(float), group * crew_->ring());
    job.receive(score.correct.data(), tokens, group * crew_->ring());
    return;
  }
  const int ring = crew_->ring();
  const size_t most = (size_t)zigzag_local_max(batch.tokens(), ring), bytes = most * (sizeof(float) + 1);
  std::vector<uint8_t> packets(bytes * (size_t)ring);
  const auto packet = [&](int rank) { return packets.data() + bytes * (size_t)rank; };
  std::copy(mine.correct.begin(), mine.correct.end(), packet(crew_->ring_rank()) + most * sizeof(float));
  if (!mine.nll.empty()) std::memcpy(packet(crew_->ring_rank()), mine.nll.data(), mine.nll.size() * sizeof(float));
  const int first = group * ring;
  if (crew_->ring_rank() != 0) return job.send(packet(crew_->ring_rank()), bytes, first);
  for (int r = 1; r < ring; r++) job.receive(packet(r), bytes, first + r);
  for (int r = 0; r < ring; r++) {
    LocalTargets theirs = local_targets(batch, ring, r, false);
    theirs.nll.resize(theirs.rows.size());
    if (!theirs.rows.empty()) std::memcpy(theirs.nll.data(), packet(r), theirs.rows.size() * sizeof(float));
    theirs.correct.assign(packet(r) + most * sizeof(float), packet(r) + most * sizeof(float) + theirs.rows.size());
    merge_score(score, theirs, batch.tokens(), ring, r);
  }
  if (crew_->leads()) return;
  job.send(score.nll.data(), tokens * sizeof(float), 0);
  job.send(score.correct.data(), tokens, 0);
}

double Engine::step_together(const AdamWOptions &hyper) {
  crew_->tell(Order::step, Message().put(hyper));
  const Ops &ops = this->ops();
  float *const sums = gradients(0), *const block = sums + layout_.gradient_block;
  if (divided_) divided_->settle();
  else reduce_scatter(ops, *crew_->everyone, sums, layout_.gradient_floats, block + layout_.rank.logits, options_.memory.loss_chunk * options_.model.vocab);

  const int self = crew_->processes.rank(), ranks = crew_->processes.size();
  std::vector<double> squares((size_t)ranks, 0.0);
  for (const Overlap &held : overlaps(self)) squares[(size_t)self] += ops.sum_squares(matrix(own_gradients(held), 1, held.count));
  crew_->processes.all_gather(squares.data(), sizeof(double));
  double sum = 0;
  for (const double square : squares) sum += square;
  const double norm = std::sqrt(sum);
  if (std::isfinite(norm)) apply_share(hyper, gradient_scale(norm, hyper.clip_norm));
  ops.zero(matrix(sums, 1, layout_.gradient_block));
  for (Transport *ring : {crew_->sequence.get(), crew_->everyone.get()}) // before the weights are taken for what was learnt
    if (ring) ring->settle();
  crew_->done();
  return norm;
}

// Updates the own share of the trained parameters; then all ranks that hold all weights have all of them. The gradients' place carries the values.
void Engine::apply_share(const AdamWOptions &hyper, float scale) {
  const Ops &ops = this->ops();
  const int self = crew_->processes.rank(), ranks = crew_->processes.size();
  float *const sums = gradients(0);
  update_share(hyper, scale);
  if (divided_) return;
  const auto carried = [&](const Overlap &held) { return matrix(sums + held.parameter->gradient + held.first, 1, held.count); };
  const auto values = [&](const Overlap &held) { return read_by_products(*held.parameter, held.first, held.count); };
  const bool there = parameters_.masters; // the own share, and products do not have it yet
  for (const Overlap &held : overlaps(self))
    if (!there) ops.copy(carried(held), values(held));
  all_gather(ops, *crew_->everyone, sums, (size_t)(layout_.gradient_floats / ranks) * sizeof(float));
  for (int rank = 0; rank < ranks; rank++)
    for (const Overlap &held : overlaps(rank))
      if (rank != self || there) ops.copy(values(held), carried(held));
}

void Engine::follow() {
  if (!crew_ || crew_->leads()) fail(CTX_ERR_ARGUMENT, "follow: only ranks above 0 of an engine of several processes follow");
  for (;;) {
    Message message;
    switch (crew_->hear(message)) {
      case Order::end: return;
      case Order::set_rope: {
        const std::vector<double> inv_freq = message.take_vector<double>();
        set_rope(inv_freq, message.take<double>());
        break;
      }
      case Order::initialize: {
        const uint64_t seed = message.take<uint64_t>();
        initialize(seed, message.take<double>());
        break;
      }
      case Order::load: {
        const Slot slot = message.take<Slot>();
        receive_tensors(slot, message.take_vector<int32_t>());
        break;
      }
      case Order::fetch: {
        const int index = message.take<int>();
        fetch(parameters_.all[(size_t)index], message.take<Slot>(), nullptr);
        break;
      }
      case Order::write: {
        const int index = message.take<int>();
        write(parameters_.all[(size_t)index].name, message.take_vector<float>());
        break;
      }
      case Order::accumulate: {
        std::vector<Batch> batches((size_t)message.take<uint64_t>());
        for (Batch &b : batches) {
          b.ids = message.take_vector<int32_t>();
          b.positions = message.take_vector<int32_t>();
          b.starts = message.take_vector<int32_t>();
          b.targets = message.take_vector<int32_t>();
          b.weights = message.take_vector<float>();
        }
        accumulate_together(batches);
        break;
      }
      case Order::step: step_together(message.take<AdamWOptions>()); break;
      case Order::zero_gradients: zero_gradients(); break;
    }
  }
}

} // namespace ctx
