#include "engine_rank.h"

#include <algorithm>
#include <cmath>
#include <system_error>
#include <thread>

#include "initialize.h"
#include "team.h"

namespace ctx {

Engine::Engine(const EngineOptions &options)
    : team_(options.devices.size() > 1 ? std::make_unique<Team>(options) : nullptr), options_(team_ ? team_->leaders() : options),
      parameters_(options.model, options.training, options.memory, options.divide && options_.processes ? options_.processes->size() : 0),
      origins_(parameters_.all.size()),
      layout_(lay_out(options_.model, parameters_, options.memory,
                      {options.ring, options_.processes ? 1 : options.ring, options_.processes ? options_.processes->size() : 1})),
      ring_(std::make_unique<LocalRing>(options.ring)), crew_(options_.processes ? std::make_unique<Crew>(*options_.processes, options.ring, fingerprint(layout_)) : nullptr) {
  const int here = crew_ ? 1 : options.ring;
  if (options.divide && !options.memory.train) fail(CTX_ERR_ARGUMENT, "divide: weights are divided to be trained, and the engine is made without training");
  if (options.divide && !crew_) fail(CTX_ERR_ARGUMENT, "divide: weights are divided among processes or devices, and there is one that holds all of them");
  if (options_.threads < 1 || options_.threads > 4096) fail(CTX_ERR_ARGUMENT, "threads is %d, expected 1 … 4096", options_.threads);
  for (int r = 0; r < here; r++) {
    auto rank = std::make_unique<Rank>();
    rank->index = r;
    rank->ring.rank = crew_ ? crew_->ring_rank() : r;
    rank->ring.world = options.ring;
    if (options.ring > 1) rank->ring.transport = crew_ ? static_cast<Transport *>(crew_->sequence.get()) : &ring_->end(r);
    rank->ops.table = options.backend;
    const ctx_status created = options.backend->create(options_.device, std::max(1, options_.threads / here), &rank->ops.device);
    if (created != CTX_OK) fail(created, "cannot create a %s device with %d threads: %s", options.backend->name, options_.threads, options.backend->last_error(nullptr));
    // The flag is read through a volatile int by kernels; a lock-free atomic int has the same representation.
    static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t) && std::atomic<int32_t>::is_always_lock_free);
    options.backend->set_cancel(rank->ops.device, reinterpret_cast<const volatile int32_t *>(options.cancelled));
    if (crew_) crew_->open({*options.backend, rank->ops.device}, options_.device);
    const RankLayout &share = layout_.rank; // the store first: what it throws leaves no arena behind
    if (share.offload_slots > 0)
      rank->store = options.memory.offload == Offload::host ? host_store(rank->ops, share.offload_slots, share.offload_bytes)
                                                            : file_store(options.memory.offload_folder, share.offload_slots, share.offload_bytes);
    ranks_.push_back(std::move(rank));
  }
  if (const GradientPlaces &g = layout_.rank.gradients; g.stride > 0) waiting_ = std::make_unique<HostGradients>(ops(), g.layers, g.stride);
  if (layout_.moment_window > 0) moments_ = std::make_unique<HostMoments>(ops(), layout_.moment_floats, layout_.moment_window, parameters_.masters);
  if (options.divide) divided_ = std::make_unique<DividedWeights>(ops(), *crew_->everyone, parameters_, layout_);
  arena_ = static_cast<float *>(ops().alloc((size_t)layout_.ledger.total()));
  if (waiting_) waiting_->begin(gradients(0) + layout_.rank.gradients.begin);
  if (moments_) moments_->begin(arena_ + layout_.adam_m, arena_ + layout_.adam_v, arena_ + layout_.masters);
  const bool train = options.memory.train;
  for (auto &rank : ranks_) {
    float *own = gradients(rank->index);
    rank->model = std::make_unique<Llama>(options_.model, parameters_, layout_.rank, options_.training, rank->ops, rank->ring, arena_, train ? own : nullptr,
                                          own + layout_.gradient_block, options.memory.kv_cache_tokens > 0 ? arena_ + layout_.kv_cache : nullptr,
                                          options.memory.kv_cache_tokens, options.memory.loss_chunk, rank->store.get(), waiting_.get(), divided_.get());
  }
  if (float *const own = gradients(0); divided_)
    divided_->begin(arena_, train ? own : nullptr, own + layout_.gradient_block + layout_.rank.logits, options.memory.loss_chunk * options.model.vocab);
  if (!team_) return;
  try {
    team_->ready();
  } catch (...) {
    ops().table->release(ops().device, arena_, (size_t)layout_.ledger.total());
    throw;
  }
}

Engine::~Engine() {
  for (auto &rank : ranks_) rank->store.reset(); // before the memory that it reads and writes
  const bool broken = crew_ && crew_->broken();
  crew_.reset(); // which tells the others that this engine is done with
  for (auto &rank : ranks_) rank->ops.table->synchronize(rank->ops.device);
  divided_.reset();
  moments_.reset();
  waiting_.reset();
  if (options_.processes && !options_.processes->leave(broken)) return; // others may still read and write the arena; the job ends now anyway
  if (arena_) ops().table->release(ops().device, arena_, (size_t)layout_.ledger.total());
}

int64_t Engine::scratch() const {
  int64_t bytes = 0;
  for (const auto &rank : ranks_)
    if (rank->ops.table->scratch) bytes += rank->ops.table->scratch(rank->ops.device);
  return bytes;
}

const Ops &Engine::ops() const { return ranks_[0]->ops; }

void Engine::check_cancelled() const {
  if (options_.cancelled && *options_.cancelled) throw Failure(CTX_ERR_CANCELLED, "cancelled");
}

// Runs the work on every rank at once, rank 0 on the calling thread. If ranks fail, the cause is thrown, not its echoes: a
// failed ring reports CTX_ERR_DEVICE on the ranks that only heard of it.
void Engine::on_ranks(const std::function<void(Rank &)> &work) {
  if (ranks_.size() == 1) return work(*ranks_[0]);
  ring_->reset();
  std::vector<std::unique_ptr<Failure>> failures(ranks_.size());
  const auto run = [&](Rank &rank) {
    try {
      work(rank);
      rank.ops.synchronize(); // what comes next may read on one rank what another wrote
    } catch (const Failure &failure) {
      rank.ring.transport->abort(failure.what());
      failures[(size_t)rank.index] = std::make_unique<Failure>(failure);
    } catch (const std::exception &error) {
      rank.ring.transport->abort(error.what());
      failures[(size_t)rank.index] = std::make_unique<Failure>(CTX_ERR_MEMORY, error.what());
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(ranks_.size() - 1);
  try {
    for (size_t r = 1; r < ranks_.size(); r++) threads.emplace_back(run, std::ref(*ranks_[r]));
  } catch (const std::system_error &error) { // those that run already must not wait for those that never will
    Rank &missing = *ranks_[threads.size() + 1];
    const std::string reason = "cannot start a thread for ring rank " + std::to_string(missing.index) + ": " + error.what();
    missing.ring.transport->abort(reason);
    failures[(size_t)missing.index] = std::make_unique<Failure>(CTX_ERR_MEMORY, reason);
  }
  run(*ranks_[0]);
  for (std::thread &thread : threads) thread.join();
  const bool failed = std::any_of(failures.begin(), failures.end(), [](const auto &failure) { return failure != nullptr; });
  for (const auto &rank : ranks_)
    if (failed) rank->ops.table->synchronize(rank->ops.device); // nothing of a failed call reads or writes into the next
  const Failure *cause = nullptr;
  for (const auto &failure : failures)
    if (failure && (!cause || (cause->status == CTX_ERR_DEVICE && failure->status != CTX_ERR_DEVICE))) cause = failure.get();
  if (cause) throw Failure(*cause);
}

void Engine::need_training(const char *operation) const {
  if (!options_.memory.train) fail(CTX_ERR_ARGUMENT, "%s: the engine was made without training (memory.train is false)", operation);
}

void Engine::need_rope(const char *operation) const {
  if (!rope_set_) fail(CTX_ERR_ARGUMENT, "%s: no frequency table yet; call setRope first", operation);
}

void Engine::set_rope(const std::vector<double> &inv_freq, double attention_factor) {
  if ((int64_t)inv_freq.size() != options_.model.head_dim / 2)
    fail(CTX_ERR_ARGUMENT, "setRope: %zu frequencies for head_dim %lld, expected %lld", inv_freq.size(), (long long)options_.model.head_dim,
         (long long)options_.model.head_dim / 2);
  for (size_t i = 0; i < inv_freq.size(); i++)
    if (!std::isfinite(inv_freq[i])) fail(CTX_ERR_ARGUMENT, "setRope: invFreq[%zu] is not a finite number", i);
  if (!std::isfinite(attention_factor)) fail(CTX_ERR_ARGUMENT, "setRope: attentionFactor is not a finite number");
  if (crew_) crew_->tell(Order::set_rope, Message().put(inv_freq).put(attention_factor));
  for (auto &rank : ranks_) rank->model->set_rope(inv_freq, attention_factor);
  rope_set_ = true;
  if (crew_) crew_->done();
}

std::vector<Score> Engine::accumulate(const std::vector<Batch> &batches) {
  need_training("accumulate");
  need_rope("accumulate");
  for (const Batch &batch : batches) check_batch("accumulate", batch, options_.model, options_.memory.max_tokens, true, true);
  if (crew_) try {
      return accumulate_together(batches);
    } catch (const Failure &) {
      check_cancelled(); // what a cancelled rank leaves undone comes to the others as a failure
      throw;
    }
  std::vector<Score> scores;
  for (const Batch &batch : batches) scores.push_back(accumulate_one(batch));
  return scores;
}

Score Engine::accumulate_one(const Batch &batch) {
  std::vector<LocalTargets> targets(ranks_.size());
  on_ranks([&](Rank &rank) {
    LocalTargets &mine = targets[(size_t)rank.index];
    mine = local_targets(batch, options_.ring, rank.index, true);
    rank.model->forward(local_tokens(batch, options_.model.window, options_.ring, rank.index), true);
    rank.model->loss(mine, true);
    rank.model->backward();
  });
  sum_gradients();
  Score score{std::vector<float>((size_t)batch.tokens()), std::vector<uint8_t>((size_t)batch.tokens())};
  for (size_t r = 0; r < ranks_.size(); r++) merge_score(score, targets[r], batch.tokens(), options_.ring, (int)r);
  return score;
}

Score Engine::score(const Batch &batch) {
  need_alone("score");
  need_rope("score");
  check_batch("score", batch, options_.model, options_.memory.max_tokens, true, false);
  std::vector<LocalTargets> targets(ranks_.size());
  on_ranks([&](Rank &rank) {
    LocalTargets &mine = targets[(size_t)rank.index];
    mine = local_targets(batch, options_.ring, rank.index, false);
    rank.model->forward(local_tokens(batch, options_.model.window, options_.ring, rank.index), false);
    rank.model->loss(mine, false);
  });
  Score score{std::vector<float>((size_t)batch.tokens()), std::vector<uint8_t>((size_t)batch.tokens())};
  for (size_t r = 0; r < ranks_.size(); r++) merge_score(score, targets[r], batch.tokens(), options_.ring, (int)r);
  return score;
}

void Engine::logits(const Batch &batch, int64_t from, int64_t to, float *out) {
  need_alone("logits");
  need_rope("logits");
  check_batch("logits", batch, options_.model, options_.memory.max_tokens, false, false);
  if (from < 0 || to < from || to > batch.tokens())
    fail(CTX_ERR_ARGUMENT, "logits: rows %lld … %lld of a batch of %lld tokens", (long long)from, (long long)to, (long long)batch.tokens());
  on_ranks([&](Rank &rank) {
    rank.model->forward(local_tokens(batch, options_.model.window, options_.ring, rank.index), false);
    local_rows(batch.tokens(), options_.ring, rank.index, [&](int64_t row, int64_t begin, int64_t count) {
      const int64_t first = std::max(from, begin), last = std::min(to, begin + count);
      if (first < last) rank.model->logits(row + first - begin, last - first, out + (first - from) * options_.model.vocab);
    });
  });
}

std::vector<int32_t> Engine::generate(const std::vector<int32_t> &ids, int64_t max_new, const std::vector<int32_t> &stop) {
  need_alone("generate");
  need_rope("generate");
  const int64_t prompt = (int64_t)ids.size(), capacity = options_.memory.kv_cache_tokens;
  if (prompt < 1) fail(CTX_ERR_ARGUMENT, "generate: the prompt is empty");
  if (max_new < 0) fail(CTX_ERR_ARGUMENT, "generate: maxNewTokens is %lld, expected 0 or more", (long long)max_new);
  if (prompt + max_new > capacity)
    fail(CTX_ERR_ARGUMENT, "generate: %lld prompt tokens and %lld new ones need a key-value cache of %lld, but the engine has one of %lld (kvCacheTokens)",
         (long long)prompt, (long long)max_new, (long long)(prompt + max_new), (long long)capacity);
  for (int64_t i = 0; i < prompt; i++)
    if (ids[(size_t)i] < 0 || ids[(size_t)i] >= options_.model.vocab)
      fail(CTX_ERR_ARGUMENT, "generate: ids[%lld] is %d, the vocabulary has %lld tokens", (long long)i, ids[(size_t)i], (long long)options_.model.vocab);
  Llama &model = *ranks_[0]->model;
  std::vector<int32_t> made;
  if (max_new == 0) return made;
  std::vector<float> logits((size_t)options_.model.vocab);
  int64_t past = 0, last = 0;
  for (; past < prompt; past += last) {
    last = std::min(model.tokens(), prompt - past);
    model.forward_cached(ids.data() + past, last, past);
  }
  for (;;) {
    model.logits(last - 1, 1, logits.data());
    for (const float logit : logits)
      if (std::isnan(logit)) fail(CTX_ERR_ARGUMENT, "generate: logits are NaN after %lld tokens; the weights hold a NaN or an infinity", (long long)(prompt + (int64_t)made.size()));
    const int32_t next = (int32_t)(std::max_element(logits.begin(), logits.end()) - logits.begin());
    made.push_back(next);
    if ((int64_t)made.size() == max_new || std::find(stop.begin(), stop.end(), next) != stop.end()) return made;
    model.forward_cached(&next, 1, past++);
    last = 1;
  }
}

// Adds the other ranks' gradients to rank 0's, in rank order, and clears them.
void Engine::sum_gradients() {
  if (ranks_.size() == 1) return;
  on_ranks([&](Rank &rank) {
    for (size_t i = (size_t)rank.index; i < parameters_.all.size(); i += ranks_.size()) {
      const Parameter &p = parameters_.all[i];
      if (!p.trainable) continue;
      const ctx_mat sum = matrix(gradients(0) + p.gradient, p.rows, p.cols);
      for (int r = 1; r < options_.ring; r++) {
        const ctx_mat part = matrix(gradients(r) + p.gradient, p.rows, p.cols);
        rank.ops.add(sum, 1, part);
        rank.ops.zero(part);
      }
    }
  });
}

void Engine::zero_gradients() {
  need_training("zeroGradients");
  if (crew_) crew_->tell(Order::zero_gradients);
  if (waiting_) waiting_->clear();
  if (divided_) divided_->settle();
  for (const auto &rank : ranks_)
    rank->ops.zero(matrix(gradients(rank->index), 1, layout_.gradient_block));
  if (crew_) crew_->done();
}

double Engine::step(const AdamWOptions &hyper) {
  need_training("step");
  if (hyper.step < 1) fail(CTX_ERR_ARGUMENT, "step: step is %lld, expected 1 or more (bias correction)", (long long)hyper.step);
  if (crew_) return step_together(hyper);
  std::vector<double> squares(parameters_.all.size(), 0.0);
  const auto each = [&](const std::function<void(Rank &, size_t)> &work) { // trainable parameters, shared out over the ranks
    on_ranks([&](Rank &rank) {
      for (size_t i = (size_t)rank.index; i < parameters_.all.size(); i += ranks_.size())
        if (parameters_.all[i].trainable) work(rank, i);
    });
  };
  each([&](Rank &rank, size_t i) {
    const Parameter &p = parameters_.all[i];
    if (!waiting_ || layout_.rank.gradients.layer_of(p.gradient) < 0) squares[i] = rank.ops.sum_squares(matrix(gradient(p), p.rows, p.cols));
  });
  if (waiting_) square_waiting(squares);
  double sum = 0;
  for (double square : squares) sum += square;
  const double norm = std::sqrt(sum);
  if (std::isfinite(norm)) {
    const float scale = gradient_scale(norm, hyper.clip_norm);
    if (moments_ || waiting_) { // they pass one device, in order
      on_ranks([&](Rank &rank) {
        if (rank.index == 0) update_share(hyper, scale);
      });
    } else {
      each([&](Rank &rank, size_t i) {
        const Parameter &p = parameters_.all[i];
        float *const m = arena_ + layout_.adam_m + p.gradient, *const v = arena_ + layout_.adam_v + p.gradient;
        float *const values = parameters_.masters ? arena_ + layout_.masters + p.gradient : trained(p);
        adamw_update(rank.ops, p, values, m, v, gradients(0) + p.gradient, p.size(), hyper, scale);
        if (parameters_.masters) rank.ops.copy(read_by_products(p, 0, p.size()), matrix(values, 1, p.size()));
      });
    }
  }
  zero_gradients();
  return norm;
}

} // namespace ctx
