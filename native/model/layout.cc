#include "layout.h"

#include <algorithm>

#include "../ring/ring.h"
#include "failure.h"

namespace ctx {
namespace {

// Numbers of a moment that come from the host's memory at once: a sixteenth of them, at most 16 MiB, which take longer on their way than to
// be asked for.
constexpr int64_t most_at_once = int64_t(1) << 22;

// Hands out aligned regions one after the other and adds their bytes to a term of the ledger.
class Placer {
 public:
  int64_t take(int64_t &term, int64_t rows, int64_t cols = 1, ctx_dtype dtype = CTX_F32) {
    int64_t size = 0, bytes = 0;
    if (__builtin_mul_overflow(rows, cols, &size) || size > (int64_t(1) << 58))
      fail(CTX_ERR_MEMORY, "memory plan: a region of %lld x %lld numbers does not fit in memory", (long long)rows, (long long)cols);
    const int64_t place = floats_;
    size = align_floats(dtype == CTX_F32 ? size : (size + 1) / 2);
    bytes = size * 4;
    if (__builtin_add_overflow(floats_, size, &floats_) || __builtin_add_overflow(term, bytes, &term))
      fail(CTX_ERR_MEMORY, "memory plan: the arena does not fit in memory");
    return place;
  }
  int64_t floats() const { return floats_; }

 private:
  int64_t floats_ = 0;
};

void check_plan(const MemoryPlan &p, int ring) {
  const struct { const char *name; int64_t value, least; } sizes[] = {
      {"maxTokens", p.max_tokens, 1}, {"checkpointEvery", p.checkpoint_every, 0}, {"lossChunk", p.loss_chunk, 1}, {"mlpTile", p.mlp_tile, 0}, {"kvCacheTokens", p.kv_cache_tokens, 0}};
  for (const auto &size : sizes)
    if (size.value < size.least || size.value > (int64_t(1) << 31) - 1)
      fail(CTX_ERR_ARGUMENT, "memory plan: %s is %lld, expected %lld … 2^31 - 1", size.name, (long long)size.value, (long long)size.least);
  if (p.activations != CTX_F32 && p.activations != CTX_BF16) fail(CTX_ERR_ARGUMENT, "memory plan: activations must be f32 or bf16");
  if (ring < 1 || ring > 1024) fail(CTX_ERR_ARGUMENT, "ring is %d, expected 1 … 1024", ring);
  if (ring > 1 && p.max_tokens % (2 * ring) != 0)
    fail(CTX_ERR_ARGUMENT, "maxTokens %lld does not divide into 2 x ring = %d zigzag chunks", (long long)p.max_tokens, 2 * ring);
}

LayerSpans place_layer(Placer &placer, int64_t &term, const ModelShape &s, int64_t n, bool gate_up, ctx_dtype dtype) {
  LayerSpans spans;
  spans.rstd1 = placer.take(term, n);
  spans.qkv = placer.take(term, n, s.qkv_width(), dtype);
  spans.o = placer.take(term, n, s.q_width(), dtype);
  spans.lse = placer.take(term, n, s.heads);
  spans.x2 = placer.take(term, n, s.hidden, dtype);
  spans.rstd2 = placer.take(term, n);
  spans.gate_up = gate_up ? placer.take(term, n, 2 * s.ffn, dtype) : 0;
  return spans;
}

// One rank's block; `ledger` receives its bytes.
RankLayout place_rank(const ModelShape &s, int64_t adapter_width, const MemoryPlan &plan, int ring, Ledger &ledger) {
  RankLayout r;
  Placer placer;
  const int64_t n = r.tokens = zigzag_local_max(plan.max_tokens, ring);
  const ctx_dtype dtype = r.dtype = plan.activations;
  const int64_t every = plan.train ? plan.checkpoint_every : 0;
  const int64_t groups = r.head_groups = plan.head_groups;
  if (groups < 1 || s.kv_heads % groups != 0)
    fail(CTX_ERR_ARGUMENT, "memory plan: headGroups is %lld, expected a divisor of the %lld key-value heads", (long long)groups, (long long)s.kv_heads);
  const int32_t heads = (int32_t)(s.heads / groups), kv_heads = (int32_t)(s.kv_heads / groups), head_dim = (int32_t)s.head_dim;
  r.mlp_rows = plan.mlp_tile == 0 ? n : std::min(n, plan.mlp_tile);
  r.keeps_gate_up = plan.train && every == 0;

  // Saved layers: all of them, one segment of them, or (forward only) one that every layer reuses.
  const int64_t slots = !plan.train ? 1 : every == 0 ? s.layers : std::min(every, s.layers);
  for (int64_t i = 0; i < slots; i++) r.slots.push_back(place_layer(placer, ledger.activations, s, n, r.keeps_gate_up, dtype));

  // Layer inputs. With checkpoints each segment's first is kept and the others are shared between segments. With offload
  // the first ones share two places (offload.cc).
  if (!plan.train) {
    r.x.assign((size_t)s.layers + 1, placer.take(ledger.activations, n, s.hidden, dtype));
  } else {
    std::vector<int64_t> inner, turns;
    for (int64_t i = 0; i < s.layers; i++) {
      const bool checkpoint = every > 0 && i % every == 0;
      if (checkpoint && turns.size() == 2) r.x.push_back(turns[(size_t)(i / every) % 2]);
      else if (every == 0 || checkpoint) {
        r.x.push_back(placer.take(checkpoint ? ledger.checkpoints : ledger.activations, n, s.hidden, dtype));
        if (plan.offload != Offload::none && checkpoint) turns.push_back(r.x.back());
      } else {
        const size_t place = (size_t)(i % every) - 1;
        if (place == inner.size()) inner.push_back(placer.take(ledger.activations, n, s.hidden, dtype));
        r.x.push_back(inner[place]);
      }
    }
    r.x.push_back(placer.take(ledger.activations, n, s.hidden, dtype));
    if (turns.size() == 2) {
      r.offload_slots = (s.layers + every - 1) / every - 2;
      Placer outside;
      for (int64_t i = 0; i < r.offload_slots; i++) outside.take(ledger.offloaded, n, s.hidden, dtype);
      if (r.offload_slots > 0) r.offload_bytes = ledger.offloaded / r.offload_slots;
    }
  }
  r.final_rstd = placer.take(ledger.activations, n);

  r.logits = placer.take(ledger.logits, plan.loss_chunk, s.vocab);
  r.picked = placer.take(ledger.logits, plan.loss_chunk, s.hidden, dtype);

  int64_t &work = ledger.workspace;
  r.h = placer.take(work, n, std::max(s.hidden, s.q_width()), dtype);
  r.act = placer.take(work, r.mlp_rows, s.ffn, dtype);
  if (!r.keeps_gate_up) r.gate_up = placer.take(work, r.mlp_rows, 2 * s.ffn, dtype);
  r.xa = placer.take(work, n, adapter_width);
  r.qk = placer.take(work, n, s.qk_norm ? s.qk_heads() * s.head_dim : 0, dtype);
  r.qk_rstd = placer.take(work, n, s.qk_norm ? s.qk_heads() : 0);
  if (plan.train) {
    r.dx = placer.take(work, n, s.hidden);
    r.dqkv = placer.take(work, n, s.qkv_width() / groups);
    r.d_act = placer.take(work, r.mlp_rows, s.ffn, dtype);
    r.dxa = placer.take(work, n, adapter_width);
  }
  r.cos = placer.take(work, n, s.head_dim / 2);
  r.sin = placer.take(work, n, s.head_dim / 2);
  r.inv_freq = placer.take(work, s.head_dim);
  for (int64_t *list : {&r.ids, &r.positions, &r.starts, &r.picks, &r.targets, &r.target_weights}) *list = placer.take(work, n);
  r.window_starts = placer.take(work, s.window > 0 ? n : 0);
  r.nll = placer.take(work, plan.loss_chunk);
  r.correct = placer.take(work, (plan.loss_chunk + 3) / 4);
  size_t ring_bytes = ring_forward_workspace(plan.max_tokens, ring, heads, kv_heads, head_dim, dtype);
  if (plan.train) ring_bytes = std::max(ring_bytes, ring_backward_workspace(plan.max_tokens, ring, heads, kv_heads, head_dim, dtype));
  r.ring = placer.take(work, (int64_t)(ring_bytes + 3) / 4);
  r.floats = placer.floats();
  return r;
}

// Layers are alike, so where all their parameters are trained their gradients lie at equal distances. Two layers are always in the arena.
GradientPlaces waiting_gradients(const ParameterTable &parameters, const RankCounts &ranks) {
  if (ranks.ring > 1 || ranks.shares > 1) fail(CTX_ERR_ARGUMENT, "memory plan: gradients wait in the host's memory for one rank alone, and there are %d", std::max(ranks.ring, ranks.shares));
  for (const Parameter &p : parameters.all)
    if (!p.trainable) fail(CTX_ERR_ARGUMENT, "memory plan: gradients wait in the host's memory where all weights are trained, and %s is not", p.name.c_str());
  const int64_t layers = (int64_t)parameters.layers.size();
  if (layers <= 2) return {};
  const auto begin = [&](size_t layer) { return parameters.all[(size_t)parameters.layers[layer].qkv.parts[0].weight].gradient; };
  return {begin(0), begin(1) - begin(0), layers};
}

} // namespace

ArenaLayout lay_out(const ModelShape &s, const ParameterTable &parameters, const MemoryPlan &plan, const RankCounts &ranks) {
  check_plan(plan, ranks.ring);
  ArenaLayout a;
  Ledger rank;
  a.rank = place_rank(s, parameters.adapter_width, plan, ranks.ring, rank);

  Placer placer;
  const int64_t whole = 16 * (int64_t)ranks.shares; // shares are equal, and whole regions
  a.gradient_floats = plan.train ? (parameters.gradient_floats + whole - 1) / whole * whole : 0;
  a.moment_floats = a.gradient_floats / ranks.shares;
  if (plan.train && plan.host_gradients) {
    a.rank.gradients = waiting_gradients(parameters, ranks);
    a.ledger.host_gradients = (a.rank.gradients.end() - a.rank.gradients.begin) * 4;
  }
  a.gradient_block = a.rank.gradients.at(a.gradient_floats);
  if (parameters.units.empty()) {
    placer.take(a.ledger.weights, parameters.weight_bytes / 4);
  } else {
    const std::vector<Unit> &units = parameters.units; // a layer, or its adapters, is more than a norm, which comes beside an embedding where they are tied
    int64_t largest = 0, layer = 0, largest_trained = 0, layer_trained = 0;
    for (size_t i = 0; i < units.size(); i++) {
      largest = std::max(largest, units[i].size / 4), largest_trained = std::max(largest_trained, units[i].trained);
      if (i > 0 && i + 1 < units.size()) layer = std::max(layer, units[i].size / 4), layer_trained = std::max(layer_trained, units[i].trained);
    }
    placer.take(a.ledger.weights, parameters.weight_bytes / 4 / ranks.shares);
    a.unit_floats = layer + largest;
    a.unit_places = placer.take(a.ledger.weights, a.unit_floats);
    a.gradient_place = a.gradient_floats / ranks.shares;
    a.gradient_block = a.gradient_place + layer_trained + largest_trained;
  }
  if (plan.train && plan.host_moments) {
    a.moment_window = 2 * std::min(most_at_once, align_floats((a.moment_floats + 15) / 16));
    a.ledger.host_moments = (parameters.masters ? 3 : 2) * a.moment_floats * 4;
  }
  const int64_t moment = a.moment_window > 0 ? a.moment_window : a.moment_floats;
  for (int64_t *place : {&a.adam_m, &a.adam_v}) *place = placer.take(a.ledger.optimizer, moment);
  a.masters = placer.take(a.ledger.optimizer, parameters.masters ? moment : 0);
  a.kv_cache = placer.take(a.ledger.kv_cache, 2 * s.layers * s.kv_width(), plan.kv_cache_tokens, plan.activations);
  a.first_rank = placer.floats();
  a.rank_stride = a.gradient_block + a.rank.floats;
  for (int i = 0; i < ranks.here; i++) {
    placer.take(a.ledger.gradients, a.gradient_block);
    placer.take(a.ledger.activations, rank.activations / 4);
    placer.take(a.ledger.checkpoints, rank.checkpoints / 4);
    placer.take(a.ledger.logits, rank.logits / 4);
    placer.take(a.ledger.workspace, rank.workspace / 4);
    a.ledger.offloaded += rank.offloaded;
  }
  return a;
}

uint64_t fingerprint(const ArenaLayout &layout) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const int64_t number : {layout.ledger.total(), layout.ledger.offloaded, layout.rank.tokens, layout.rank.logits, (int64_t)layout.rank.dtype, layout.adam_m,
                               layout.adam_v, layout.masters, layout.kv_cache, layout.first_rank, layout.unit_places, layout.unit_floats, layout.gradient_floats, layout.gradient_block, layout.rank_stride, layout.moment_floats, layout.moment_window})
    for (int shift = 0; shift < 64; shift += 8) hash = (hash ^ ((uint64_t)number >> shift & 0xff)) * 0x100000001b3u;
  return hash;
}

} // namespace ctx
