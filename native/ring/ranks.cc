// ranks.cc: see ranks.h. Each rank's thread copies its chunks out of the whole buffers, takes part in the ring, and copies its results back.
#include "ranks.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

#include "../model/failure.h"

namespace ctx {

namespace {

// A device that ends with its scope.
struct Device {
  const ctx_backend &backend;
  ctx_device *handle = nullptr;
  Device(const Ranks &ranks) : backend(*ranks.backend) {
    if (const ctx_status status = backend.create(0, std::max(1, ranks.threads / ranks.world), &handle))
      throw Failure(status, backend.last_error(nullptr));
    backend.set_cancel(handle, ranks.cancel);
  }
  ~Device() { backend.destroy(handle); }
};

// The rows of one rank: copies in and out of whole matrices of any width.
struct Local {
  const Sequence &s;
  const int world, rank;
  int64_t rows() const { return zigzag_local(s.tokens, world, rank); }
  ZigzagChunk half(int h) const { return zigzag_half(s.tokens, world, rank, h); }

  template <class T> std::vector<T> take(const T *whole, int64_t cols) const {
    std::vector<T> local;
    local.reserve(rows() * cols);
    for (int h = 0; h < 2; h++) local.insert(local.end(), whole + half(h).begin * cols, whole + (half(h).begin + half(h).length) * cols);
    return local;
  }
  void put(float *whole, const std::vector<float> &local, int64_t cols) const {
    auto from = local.begin();
    for (int h = 0; h < 2; h++) {
      std::copy(from, from + half(h).length * cols, whole + half(h).begin * cols);
      from += half(h).length * cols;
    }
  }
  // Log-sum-exps: [heads][tokens] against [heads][rows of half 0], [heads][rows of half 1]. copy(whole, local, n) goes either way.
  template <class Copy> void each_lse(float *local, const Copy &copy) const {
    for (int h = 0; h < 2; h++)
      for (int64_t head = 0; head < s.heads; head++, local += half(h).length)
        copy(s.lse + head * s.tokens + half(h).begin, local, half(h).length);
  }
};

ctx_mat view(const float *data, int64_t rows, int64_t cols) { return {const_cast<float *>(data), rows, cols, cols, CTX_F32}; }

RingAttention describe(const Sequence &s, int64_t rows) {
  const int64_t width = (int64_t)s.heads * s.head_dim, kv_width = (int64_t)s.kv_heads * s.head_dim;
  RingAttention call{};
  call.tokens = s.tokens;
  call.q = view(s.q, rows, width), call.k = view(s.k, rows, kv_width), call.v = view(s.v, rows, kv_width), call.o = view(s.o, rows, width);
  call.lse = s.lse;
  call.heads = s.heads, call.kv_heads = s.kv_heads, call.head_dim = s.head_dim;
  call.scale = s.scale, call.start = s.start, call.causal = s.causal;
  return call;
}

ctx_status forward(const Ranks &ranks, Device &device, RingContext &ring, const RingAttention &call, std::vector<float> &memory) {
  memory.resize(ring_forward_workspace(call.tokens, ring.world, call.heads, call.kv_heads, call.head_dim) / sizeof(float));
  return ring_attention_forward(*ranks.backend, device.handle, ring, call, memory.data());
}

ctx_status backward(const Ranks &ranks, Device &device, RingContext &ring, const RingAttentionGrad &call, std::vector<float> &memory) {
  memory.resize(ring_backward_workspace(call.fwd.tokens, ring.world, call.fwd.heads, call.fwd.kv_heads, call.fwd.head_dim) / sizeof(float));
  return ring_attention_backward(*ranks.backend, device.handle, ring, call, memory.data());
}

// One rank of several, on its own thread: with gradients if `grad` is given.
ctx_status run_rank(const Ranks &ranks, RingContext &ring, const Sequence &s, const SequenceGrad *grad) {
  Device device(ranks);
  const Local local{s, ring.world, ring.rank};
  const int64_t rows = local.rows(), width = (int64_t)s.heads * s.head_dim, kv_width = (int64_t)s.kv_heads * s.head_dim;
  std::vector<float> q = local.take(s.q, width), k = local.take(s.k, kv_width), v = local.take(s.v, kv_width), lse(s.heads * rows), memory;
  std::vector<float> o = grad ? local.take<float>(s.o, width) : std::vector<float>(rows * width);
  const std::vector<int32_t> start = s.start ? local.take(s.start, 1) : std::vector<int32_t>();
  Sequence mine = s;
  const auto described = [&] {
    RingAttention call = describe(mine, rows);
    for (int half = 0; half < 2; half++)
      if (const size_t row = half ? (size_t)zigzag_half(s.tokens, ring.world, ring.rank, 0).length : 0; row < start.size()) call.first_visible[half] = start[row];
    return call;
  };
  mine.q = q.data(), mine.k = k.data(), mine.v = v.data(), mine.o = o.data(), mine.lse = lse.data();
  mine.start = s.start ? start.data() : nullptr;
  if (!grad) {
    const ctx_status status = forward(ranks, device, ring, described(), memory);
    if (status != CTX_OK) return status;
    local.put(s.o, o, width);
    local.each_lse(lse.data(), [](float *whole, float *part, int64_t n) { std::copy(part, part + n, whole); });
    return CTX_OK;
  }

  local.each_lse(lse.data(), [](float *whole, float *part, int64_t n) { std::copy(whole, whole + n, part); });
  std::vector<float> d_o = local.take(grad->d_o, width), dq(rows * width), dk(rows * kv_width), dv(rows * kv_width);
  const RingAttentionGrad call{described(), view(d_o.data(), rows, width), view(dq.data(), rows, width),
                               view(dk.data(), rows, kv_width), view(dv.data(), rows, kv_width), false};
  const ctx_status status = backward(ranks, device, ring, call, memory);
  if (status != CTX_OK) return status;
  local.put(grad->dq, dq, width), local.put(grad->dk, dk, kv_width), local.put(grad->dv, dv, kv_width);
  return CTX_OK;
}

// One rank needs no copies.
void run_alone(const Ranks &ranks, const Sequence &s, const SequenceGrad *grad) {
  Device device(ranks);
  RingContext ring;
  std::vector<float> memory;
  const RingAttention call = describe(s, s.tokens);
  ctx_status status;
  if (!grad) {
    status = forward(ranks, device, ring, call, memory);
  } else {
    const int64_t width = call.q.cols, kv_width = call.k.cols;
    std::fill(grad->dq, grad->dq + s.tokens * width, 0.0f);
    std::fill(grad->dk, grad->dk + s.tokens * kv_width, 0.0f);
    std::fill(grad->dv, grad->dv + s.tokens * kv_width, 0.0f);
    status = backward(ranks, device, ring, {call, view(grad->d_o, s.tokens, width), view(grad->dq, s.tokens, width),
                                            view(grad->dk, s.tokens, kv_width), view(grad->dv, s.tokens, kv_width), false}, memory);
  }
  if (status != CTX_OK) throw Failure(status, ring.error);
}

void run(const Ranks &ranks, const Sequence &s, const SequenceGrad *grad) {
  if (ranks.world == 1) return run_alone(ranks, s, grad);
  LocalRing ring(ranks.world);
  std::vector<RingContext> contexts(ranks.world);
  std::vector<ctx_status> statuses(ranks.world, CTX_OK);
  const auto work = [&](int r) noexcept {
    RingContext &context = contexts[r];
    context = {r, ranks.world, &ring.end(r), ""};
    try {
      statuses[r] = run_rank(ranks, context, s, grad);
      return;
    } catch (const Failure &failure) {
      statuses[r] = failure.status, context.error = failure.what();
    } catch (const std::exception &) {
      statuses[r] = CTX_ERR_MEMORY, context.error = "out of memory";
    }
    context.transport->abort(context.error);
  };

  std::vector<std::thread> threads;
  threads.reserve(ranks.world - 1);
  try {
    for (int r = 1; r < ranks.world; r++) threads.emplace_back(work, r);
  } catch (const std::exception &) {
    ring.end(0).abort("cannot start a thread for every rank");
  }
  work(0);
  for (std::thread &t : threads) t.join();

  // The rank that failed by itself knows the kind of failure; the others only that the ring broke.
  int failed = -1;
  for (int r = 0; r < ranks.world; r++)
    if (statuses[r] != CTX_OK && (failed < 0 || statuses[r] != CTX_ERR_DEVICE)) failed = r;
  if (failed >= 0) throw Failure(statuses[failed], contexts[failed].error);
}

} // namespace

void attend(const Ranks &ranks, const Sequence &sequence) { run(ranks, sequence, nullptr); }

void attend_backward(const Ranks &ranks, const Sequence &sequence, const SequenceGrad &grad) { run(ranks, sequence, &grad); }

} // namespace ctx
