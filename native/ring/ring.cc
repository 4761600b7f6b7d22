// ring.cc: see ring.h.
#include "ring.h"

#include <algorithm>

#include "../include/dtype.h"

namespace ctx {

namespace {

enum Channel { keys_values = 0, gradients = 1 };

size_t round_64(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Numbers in one travelling buffer: K and V (or dK and dV) of the rank with the most rows.
int64_t packet(int64_t tokens, int world, int32_t kv_heads, int32_t head_dim) {
  return 2 * zigzag_local_max(tokens, world) * kv_heads * head_dim;
}

ctx_mat rows_of(const ctx_mat &x, int64_t begin, int64_t n) {
  return {(char *)x.data + begin * x.ld * size_of(x.dtype), n, x.cols, x.ld, x.dtype};
}

// K and V (or dK and dV) of some rank's local rows, one after the other.
struct Pair {
  ctx_mat first, second;
  Pair(void *data, int64_t rows, int64_t cols, ctx_dtype dtype)
      : first{data, rows, cols, cols, dtype}, second{(char *)data + rows * cols * size_of(dtype), rows, cols, cols, dtype} {}
};

// One rank's call: checks, the blocks of a step, and statuses that reach all ranks.
class Rank {
public:
  Rank(const ctx_backend &backend, ctx_device *device, RingContext &ring, const RingAttention &call, void *workspace)
      : backend(backend), device(device), ring(ring), call(call), memory((char *)workspace),
        size(packet(call.tokens, ring.world, call.kv_heads, call.head_dim)), kv_bytes(size * size_of(call.k.dtype)),
        gradient_bytes(size * sizeof(float)) {}

  int64_t local(int rank) const { return zigzag_local(call.tokens, ring.world, rank); }
  int64_t kv_width() const { return (int64_t)call.kv_heads * call.head_dim; }
  // The workspace: two packets of keys and values, then three of their gradients, then the rest.
  void *keys_values_buffer(int i) const { return memory + i * round_64(kv_bytes); }
  float *gradient_buffer(int i) const { return (float *)(memory + 2 * round_64(kv_bytes) + i * round_64(gradient_bytes)); }
  Pair kv_pair(void *data, int rank) const { return {data, local(rank), kv_width(), call.k.dtype}; }
  Pair gradient_pair(float *data, int rank) const { return {data, local(rank), kv_width(), CTX_F32}; }

  // Passes a status on. A failure of this rank is told to the others; one that came through the ring takes its message from there.
  ctx_status check(ctx_status status) {
    if (status != CTX_OK) {
      ring.error = backend.last_error(device);
      if (ring.transport) ring.transport->abort(ring.error);
    }
    return status;
  }
  ctx_status check_argument(bool ok, const std::string &message) {
    if (ok) return CTX_OK;
    ring.error = message;
    if (ring.transport) ring.transport->abort(message);
    return CTX_ERR_ARGUMENT;
  }
  ctx_status arrived(ctx_status status) {
    if (status != CTX_OK) ring.error = ring.transport->error();
    return status;
  }

  ctx_status arguments() {
    ring.error.clear();
    const int64_t rows = local(ring.rank);
    const auto has = [&](const char *name, const ctx_mat &x, int64_t cols) {
      return check_argument(x.rows == rows && x.cols == cols, std::string("ring attention: ") + name + " must be " + std::to_string(rows) +
                                                                  " x " + std::to_string(cols) + ", got " + std::to_string(x.rows) +
                                                                  " x " + std::to_string(x.cols));
    };
    const bool placed = ring.world == 1 ? ring.rank == 0
                                        : ring.transport && ring.transport->rank() == ring.rank && ring.transport->world() == ring.world;
    if (const ctx_status s = check_argument(placed, "ring attention: the transport is not that of rank " + std::to_string(ring.rank) +
                                                        " of " + std::to_string(ring.world)))
      return s;
    const int64_t width = (int64_t)call.heads * call.head_dim;
    if (const ctx_status s = has("q", call.q, width)) return s;
    if (const ctx_status s = has("k", call.k, kv_width())) return s;
    if (const ctx_status s = has("v", call.v, kv_width())) return s;
    if (const ctx_status s = has("o", call.o, width)) return s;
    const bool same = call.q.dtype == call.k.dtype && call.k.dtype == call.v.dtype && (call.q.dtype == CTX_F32 || call.q.dtype == CTX_BF16);
    return check_argument(same, "ring attention: q, k and v must all be f32 or all bf16");
  }

  int64_t half_begin(int rank, int half) const { return half ? zigzag_half(call.tokens, ring.world, rank, 0).length : 0; }

  // Half a of this rank's queries against half b of source's keys. false: no pair is visible.
  bool block(int source, int a, int b, const Pair &kv, ctx_attention &out) const {
    const ZigzagChunk mine = zigzag_half(call.tokens, ring.world, ring.rank, a), theirs = zigzag_half(call.tokens, ring.world, source, b);
    if (!mine.length || !theirs.length || !zigzag_meets(ring.rank, source, ring.world, a, b, call.causal)) return false;
    const int64_t q0 = half_begin(ring.rank, a), k0 = half_begin(source, b);
    const bool own = ring.rank == source && a == b; // always computed, so that every row of o is written
    if (!own && call.first_visible[a] >= theirs.begin + theirs.length) return false; // the first row sees furthest back
    out = {};
    out.q = rows_of(call.q, q0, mine.length);
    out.k = rows_of(kv.first, k0, theirs.length);
    out.v = rows_of(kv.second, k0, theirs.length);
    out.o = rows_of(call.o, q0, mine.length);
    out.lse = call.lse + q0 * call.heads;
    out.heads = call.heads, out.kv_heads = call.kv_heads, out.head_dim = call.head_dim;
    out.scale = call.scale;
    out.q_index = mine.begin, out.k_index = theirs.begin;
    out.start = call.start ? call.start + q0 : nullptr;
    out.causal = call.causal;
    return true;
  }

  // With one rank: all rows in one block.
  ctx_attention whole() const {
    ctx_attention a{};
    a.q = call.q, a.k = call.k, a.v = call.v, a.o = call.o, a.lse = call.lse;
    a.heads = call.heads, a.kv_heads = call.kv_heads, a.head_dim = call.head_dim;
    a.scale = call.scale, a.start = call.start, a.causal = call.causal;
    return a;
  }

  const ctx_backend &backend;
  ctx_device *const device;
  RingContext &ring;
  const RingAttention &call;
  char *const memory;
  const int64_t size; // numbers of a packet
  const size_t kv_bytes, gradient_bytes;
};

} // namespace

#define RING_TRY(expression)                      \
  do {                                            \
    const ctx_status status_ = (expression);      \
    if (status_ != CTX_OK) return status_;        \
  } while (0)

// Two buffers: the keys and values at hand, and those that arrive. Blocks merge in fp32: where o is bf16, beside it.
size_t ring_forward_workspace(int64_t tokens, int world, int32_t heads, int32_t kv_heads, int32_t head_dim, ctx_dtype dtype) {
  if (world == 1) return 0;
  const size_t merged = dtype == CTX_F32 ? 0 : round_64(zigzag_local_max(tokens, world) * heads * head_dim * sizeof(float));
  return 2 * round_64(packet(tokens, world, kv_heads, head_dim) * size_of(dtype)) + merged;
}

// The two packets of the forward, three for dK and dV (this step's, arriving, leaving), and delta.
size_t ring_backward_workspace(int64_t tokens, int world, int32_t heads, int32_t kv_heads, int32_t head_dim, ctx_dtype dtype) {
  const size_t delta = round_64(zigzag_local_max(tokens, world) * heads * sizeof(float));
  if (world == 1) return delta;
  const size_t numbers = packet(tokens, world, kv_heads, head_dim);
  return delta + 2 * round_64(numbers * size_of(dtype)) + 3 * round_64(numbers * sizeof(float));
}

ctx_status ring_attention_forward(const ctx_backend &backend, ctx_device *device, RingContext &ring, const RingAttention &call,
                                  void *workspace) {
  RingAttention merged = call; // o in fp32
  Rank self(backend, device, ring, merged, workspace);
  RING_TRY(self.arguments());
  if (ring.world == 1) {
    const ctx_attention a = self.whole();
    return self.check(backend.attention_forward(device, &a));
  }

  if (call.o.dtype != CTX_F32) merged.o = {self.gradient_buffer(0), call.o.rows, call.o.cols, call.o.cols, CTX_F32};
  void *at_hand = self.keys_values_buffer(0), *arriving = self.keys_values_buffer(1);
  const Pair own = self.kv_pair(at_hand, ring.rank);
  RING_TRY(self.check(backend.copy(device, own.first, call.k)));
  RING_TRY(self.check(backend.copy(device, own.second, call.v)));

  bool written[2] = {false, false}; // has this half of o and lse had a block?
  for (int t = 0; t < ring.world; t++) {
    const bool travels = t + 1 < ring.world;
    if (travels) RING_TRY(self.arrived(ring.transport->start({backend, device}, keys_values, at_hand, arriving, self.kv_bytes)));
    const int source = zigzag_source(ring.rank, ring.world, t);
    for (int a = 0; a < 2; a++)
      for (int b = 0; b < 2; b++) {
        ctx_attention block;
        if (!self.block(source, a, b, self.kv_pair(at_hand, source), block)) continue;
        block.merge = written[a];
        written[a] = true;
        RING_TRY(self.check(backend.attention_forward(device, &block)));
      }
    if (travels) RING_TRY(self.arrived(ring.transport->wait({backend, device}, keys_values)));
    std::swap(at_hand, arriving);
  }
  return call.o.dtype == CTX_F32 ? CTX_OK : self.check(backend.copy(device, call.o, merged.o));
}

ctx_status ring_attention_backward(const ctx_backend &backend, ctx_device *device, RingContext &ring, const RingAttentionGrad &grad,
                                   void *workspace) {
  const RingAttention &call = grad.fwd;
  Rank self(backend, device, ring, call, workspace);
  RING_TRY(self.arguments());
  float *const delta = ring.world == 1 ? (float *)workspace : self.gradient_buffer(3);

  if (ring.world == 1) {
    ctx_attention_grad g{};
    g.fwd = self.whole();
    g.d_o = grad.d_o, g.delta = delta, g.dq = grad.dq, g.dk = grad.dk, g.dv = grad.dv, g.any_order = grad.any_order;
    RING_TRY(self.check(backend.attention_delta(device, delta, grad.d_o, call.o, call.heads, call.head_dim)));
    return self.check(backend.attention_backward(device, &g));
  }

  for (int half = 0; half < 2; half++) {
    const int64_t begin = self.half_begin(ring.rank, half), n = zigzag_half(call.tokens, ring.world, ring.rank, half).length;
    RING_TRY(self.check(backend.attention_delta(device, delta + begin * call.heads, rows_of(grad.d_o, begin, n), rows_of(call.o, begin, n),
                                                call.heads, call.head_dim)));
  }

  void *at_hand = self.keys_values_buffer(0), *arriving = self.keys_values_buffer(1);
  float *fresh = self.gradient_buffer(0), *sum = self.gradient_buffer(1), *leaving = self.gradient_buffer(2);
  const Pair own = self.kv_pair(at_hand, ring.rank);
  RING_TRY(self.check(backend.copy(device, own.first, call.k)));
  RING_TRY(self.check(backend.copy(device, own.second, call.v)));

  for (int t = 0; t < ring.world; t++) {
    const bool travels = t + 1 < ring.world;
    if (travels) RING_TRY(self.arrived(ring.transport->start({backend, device}, keys_values, at_hand, arriving, self.kv_bytes)));

    // This step's dK, dV, while the sum of the ranks before is on its way here.
    const int source = zigzag_source(ring.rank, ring.world, t);
    const Pair mine = self.gradient_pair(fresh, source);
    RING_TRY(self.check(backend.zero(device, mine.first)));
    RING_TRY(self.check(backend.zero(device, mine.second)));
    for (int a = 0; a < 2; a++)
      for (int b = 0; b < 2; b++) {
        ctx_attention_grad g{};
        if (!self.block(source, a, b, self.kv_pair(at_hand, source), g.fwd)) continue;
        const int64_t q0 = self.half_begin(ring.rank, a), k0 = self.half_begin(source, b);
        g.d_o = rows_of(grad.d_o, q0, g.fwd.q.rows);
        g.delta = delta + q0 * call.heads;
        g.dq = rows_of(grad.dq, q0, g.fwd.q.rows);
        g.dk = rows_of(mine.first, k0, g.fwd.k.rows);
        g.dv = rows_of(mine.second, k0, g.fwd.k.rows);
        g.any_order = grad.any_order;
        RING_TRY(self.check(backend.attention_backward(device, &g)));
      }

    if (t > 0) {
      RING_TRY(self.arrived(ring.transport->wait({backend, device}, gradients)));
      const Pair before = self.gradient_pair(sum, source);
      RING_TRY(self.check(backend.add(device, mine.first, 1.0f, before.first)));
      RING_TRY(self.check(backend.add(device, mine.second, 1.0f, before.second)));
    }
    std::swap(fresh, leaving); // the buffer that left before is free again
    RING_TRY(self.arrived(ring.transport->start({backend, device}, gradients, leaving, sum, self.gradient_bytes)));
    if (travels) RING_TRY(self.arrived(ring.transport->wait({backend, device}, keys_values)));
    std::swap(at_hand, arriving);
  }

  RING_TRY(self.arrived(ring.transport->wait({backend, device}, gradients))); // the last hop brings them home
  const Pair home = self.gradient_pair(sum, ring.rank);
  RING_TRY(self.check(backend.add(device, grad.dk, 1.0f, home.first)));
  return self.check(backend.add(device, grad.dv, 1.0f, home.second));
}

} // namespace ctx
