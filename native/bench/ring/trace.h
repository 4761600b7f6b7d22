// trace.h: when a ring computed and when it copied. A backend's table with three operations wrapped, and a transport that tells which channel a copy
// is of: the ring itself (native/ring) runs as it ships.
//
// Times are the device's own where it has timers, and the host's where everything is done as it is asked for.
//
// defines: Span, Trace, Traced, TracedEnd
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "ring/transport.h"

enum class What { compute, keys_values, gradients }; // attention of a block; a copy of what travels

// Seconds since the trace began.
struct Span {
  What what;
  int step;
  double begin, end;
};

// What one rank did. Its thread alone writes.
class Trace {
 public:
  Trace(const ctx_backend &real, ctx_device *device) : real_(real), device_(device) {}
  ~Trace() {
    clear();
  }

  // Time zero, after what is enqueued by now.
  void begin() {
    clear();
    step_ = 0;
    zero_ = mark(CTX_OPERATIONS);
  }
  template <class Call> ctx_status span(What what, ctx_queue queue, const Call &call) {
    const Mark before = mark(queue);
    const ctx_status status = call();
    marks_.push_back({what, step_, before, mark(queue)});
    if (what == What::keys_values) step_++; // the last thing of a step
    return status;
  }
  // After the device has been waited for.
  std::vector<Span> spans() const {
    std::vector<Span> found;
    for (const Marked &m : marks_) found.push_back({m.what, m.step, seconds(m.begin), seconds(m.end)});
    return found;
  }
  What channel = What::keys_values; // of the copy that comes next

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    ctx_event *event;
    Clock::time_point time;
  };
  struct Marked {
    What what;
    int step;
    Mark begin, end;
  };

  Mark mark(ctx_queue queue) {
    ctx_event *event = nullptr;
    if (real_.create_timer && real_.create_timer(device_, &event) == CTX_OK) {
      real_.record(device_, queue, event);
      timers_.push_back(event);
    }
    return {event, Clock::now()};
  }
  double seconds(const Mark &m) const {
    double passed = 0;
    if (!m.event) return std::chrono::duration<double>(m.time - zero_.time).count();
    return real_.elapsed(zero_.event, m.event, &passed) == CTX_OK ? passed : 0;
  }
  void clear() {
    for (ctx_event *timer : timers_) real_.destroy_event(timer);
    timers_.clear();
    marks_.clear();
  }

  const ctx_backend &real_;
  ctx_device *const device_;
  int step_ = 0;
  Mark zero_{};
  std::vector<Marked> marks_;
  std::vector<ctx_event *> timers_;
};

// The table whose attention and copies are traced. One in a program: C functions have no place for more.
class Traced {
 public:
  explicit Traced(const ctx_backend &backend) : table(backend) {
    real = &backend;
    table.attention_forward = [](ctx_device *d, const ctx_attention *a) {
      return of(d).span(What::compute, CTX_OPERATIONS, [&] { return real->attention_forward(d, a); });
    };
    table.attention_backward = [](ctx_device *d, const ctx_attention_grad *a) {
      return of(d).span(What::compute, CTX_OPERATIONS, [&] { return real->attention_backward(d, a); });
    };
    table.transfer_from = [](ctx_device *d, void *to, ctx_device *owner, const void *from, size_t bytes) {
      return of(d).span(of(d).channel, CTX_INCOMING, [&] { return real->transfer_from(d, to, owner, from, bytes); });
    };
  }
  Trace &add(ctx_device *device) {
    const std::lock_guard lock(mutex);
    return *(traces[device] = std::make_unique<Trace>(*real, device));
  }
  static Trace &of(ctx_device *device) {
    const std::lock_guard lock(mutex);
    return *traces.at(device);
  }
  void clear() { traces.clear(); }

  ctx_backend table;

 private:
  static inline const ctx_backend *real;
  static inline std::mutex mutex;
  static inline std::map<ctx_device *, std::unique_ptr<Trace>> traces;
};

// A rank's end of the ring that says which channel it waits for.
class TracedEnd final : public ctx::Transport {
 public:
  TracedEnd(ctx::Transport &end, Trace &trace) : end_(end), trace_(trace) {}
  int rank() const override { return end_.rank(); }
  int world() const override { return end_.world(); }
  ctx_status start(const ctx::Queue &on, int channel, const void *send, void *receive, size_t bytes) override { return end_.start(on, channel, send, receive, bytes); }
  ctx_status wait(const ctx::Queue &on, int channel) override {
    trace_.channel = channel == 0 ? What::keys_values : What::gradients;
    return end_.wait(on, channel);
  }
  void abort(const std::string &message) override { end_.abort(message); }
  std::string error() const override { return end_.error(); }

 private:
  ctx::Transport &end_;
  Trace &trace_;
};
