// attention_test.cc: the attention operations of one backend against float64. Usage: attention_test <backend library>
#include "backend.h"
#include "reference.h"

#include <cstring>

using namespace reference;

namespace {

const ctx_backend *backend;
std::mt19937 rng(20240601);

struct Device {
  ctx_device *handle = nullptr;
  explicit Device(int threads) {
    if (backend->create(threads, &handle) != CTX_OK) std::exit(2);
  }
  ~Device() { backend->destroy(handle); }
};

// Buffers of a problem for the backend. Results start from `initial` where the operation adds.
struct Run {
  const Problem &p;
  static constexpr float initial = 0.5f;
  Strided q, k, v, d_o, o, dq, dk, dv;
  std::vector<float> lse, delta;
  explicit Run(const Problem &p)
      : p(p), q(p.q_rows, p.heads * p.head_dim, &p.q), k(p.k_rows, p.kv_heads * p.head_dim, &p.k), v(p.k_rows, p.kv_heads * p.head_dim, &p.v),
        d_o(p.q_rows, p.heads * p.head_dim, &p.d_o), o(p.q_rows, p.heads * p.head_dim, nullptr, NAN),
        dq(p.q_rows, p.heads * p.head_dim, nullptr, initial), dk(p.k_rows, p.kv_heads * p.head_dim, nullptr, initial),
        dv(p.k_rows, p.kv_heads * p.head_dim, nullptr, initial), lse(p.heads * p.q_rows, NAN), delta(p.heads * p.q_rows, NAN) {}

  // Keys [begin, end) of the problem as one block.
  ctx_attention call(int64_t begin, int64_t end) {
    ctx_attention a{};
    a.q = q.mat(), a.k = k.slice(begin, end - begin), a.v = v.slice(begin, end - begin), a.o = o.mat();
    a.lse = lse.data();
    a.heads = p.heads, a.kv_heads = p.kv_heads, a.head_dim = p.head_dim, a.scale = (float)p.scale;
    a.q_index = p.q_index, a.k_index = p.k_index + begin;
    a.start = p.start.empty() ? nullptr : p.start.data();
    a.causal = p.causal, a.merge = begin > 0;
    return a;
  }

  // Forward and backward over key blocks that end at `cuts`.
  ctx_status solve(ctx_device *device, const std::vector<int64_t> &cuts) {
    int64_t begin = 0;
    ctx_status status = CTX_OK;
    for (int64_t end : cuts) {
      const ctx_attention a = call(begin, end);
      if ((status = backend->attention_forward(device, &a)) != CTX_OK) return status;
      begin = end;
    }
    if ((status = backend->attention_delta(device, delta.data(), d_o.mat(), o.mat(), p.heads, p.head_dim)) != CTX_OK) return status;
    begin = 0;
    for (int64_t end : cuts) {
      ctx_attention_grad g{};
      g.fwd = call(begin, end);
      g.d_o = d_o.mat(), g.delta = delta.data();
      g.dq = dq.mat(), g.dk = dk.slice(begin, end - begin), g.dv = dv.slice(begin, end - begin);
      if ((status = backend->attention_backward(device, &g)) != CTX_OK) return status;
      begin = end;
    }
    return status;
  }

  bool same_bits(Run &other) {
    return o.data == other.o.data && lse == other.lse && dq.data == other.dq.data && dk.data == other.dk.data && dv.data == other.dv.data;
  }
};

std::string describe(const Problem &p) {
  char text[200];
  std::snprintf(text, sizeof text, "heads %d/%d head_dim %d q %lld@%lld k %lld@%lld %s%s", p.heads, p.kv_heads, p.head_dim,
                (long long)p.q_rows, (long long)p.q_index, (long long)p.k_rows, (long long)p.k_index, p.causal ? "causal" : "full",
                p.start.empty() ? "" : " documents");
  return text;
}

void expect(const Problem &p, const std::vector<int64_t> &cuts, int threads, double tolerance) {
  const Result want = solve(p);
  Run got(p);
  Device device(threads);
  const ctx_status status = got.solve(device.handle, cuts);
  const std::string what = describe(p) + (cuts.size() > 1 ? " merged from " + std::to_string(cuts.size()) : "");
  check(status == CTX_OK, "%s: status %d, %s", what.c_str(), status, backend->last_error(device.handle));
  Numbers dq = want.dq, dk = want.dk, dv = want.dv;
  for (Numbers *x : {&dq, &dk, &dv})
    for (double &y : *x) y += Run::initial;
  const double e[] = {error(got.o, want.o), error(got.lse.data(), want.lse.data(), want.lse.size()), error(got.dq, dq), error(got.dk, dk),
                      error(got.dv, dv)};
  const char *names[] = {"o", "lse", "dq", "dk", "dv"};
  for (int n = 0; n < 5; n++) check(e[n] <= tolerance, "%s: %s is off by %.1e", what.c_str(), names[n], e[n]);
  for (Strided *s : {&got.q, &got.k, &got.v, &got.d_o, &got.o, &got.dq, &got.dk, &got.dv})
    check(s->fences_stand(), "%s: wrote outside its columns", what.c_str());
}

Problem random_problem(int head_dim) {
  static const int ratios[][2] = {{1, 1}, {2, 2}, {4, 2}, {3, 1}, {6, 3}, {8, 1}};
  Problem p;
  const int *heads = ratios[between(rng, 0, 5)];
  p.heads = heads[0], p.kv_heads = heads[1], p.head_dim = head_dim;
  static const int64_t lengths[] = {1, 2, 5, 6, 7, 23, 24, 25, 47, 95, 96, 97, 127, 128, 129, 191, 193, 200, 257};
  p.q_rows = p.k_rows = lengths[between(rng, 0, 18)];
  p.causal = between(rng, 0, 3) > 0;
  if (between(rng, 0, 2) == 0) { // a block that lies elsewhere in the sequence than its keys
    p.k_rows = lengths[between(rng, 0, 18)];
    p.q_index = between(rng, 0, 150), p.k_index = between(rng, 0, 150);
  }
  if (between(rng, 0, 1)) p.start = documents(rng, p.q_index, p.q_rows, between(rng, 1, 150));
  fill(p, rng);
  return p;
}

void every_shape() {
  for (int head_dim : {2, 8, 24, 30, 32, 64, 80, 96, 128})
    for (int n = 0; n < 12; n++) {
      const Problem p = random_problem(head_dim);
      expect(p, {p.k_rows}, (int)between(rng, 1, 3), 3e-6);
    }
}

// Any cut of the keys into blocks gives what one pass gives, also when some blocks show a row nothing.
void merges() {
  for (int n = 0; n < 40; n++) {
    const Problem p = random_problem(n % 2 ? 32 : 24);
    std::vector<int64_t> cuts;
    for (int64_t end = 0; end < p.k_rows;) cuts.push_back(end = std::min(p.k_rows, end + between(rng, 1, 90)));
    expect(p, cuts, 2, 3e-6);
  }
}

void one_query_row() {
  for (int64_t keys : {1, 2, 63, 64, 65, 511, 513, 2500, 20000})
    for (int head_dim : {2, 24, 64, 80, 128}) {
      Problem p;
      p.heads = 6, p.kv_heads = 2, p.head_dim = head_dim, p.q_rows = 1, p.k_rows = keys, p.q_index = keys - 1;
      if (keys % 2) p.start = {(int32_t)(keys / 3)};
      fill(p, rng);
      expect(p, {keys}, 2, 3e-6);
      if (keys > 2) expect(p, {keys / 3, keys}, 2, 3e-6);
    }
}

// Scores in the thousands: exponentials under- and overflow unless the maximum is taken out first.
void huge_scores() {
  for (double sigma : {10.0, 40.0}) {
    Problem p;
    p.heads = 2, p.kv_heads = 1, p.head_dim = 32, p.q_rows = p.k_rows = 150;
    fill(p, rng, sigma);
    const Result want = solve(p);
    Run got(p);
    Device device(2);
    check(got.solve(device.handle, {40, 150}) == CTX_OK, "huge scores: failed");
    // fp32 holds a score of size s only to s * 6e-8, and the weights inherit that as a relative error.
    const double tolerance = sigma * sigma * std::sqrt(32.0) * 6e-7;
    check(error(got.o, want.o) < tolerance, "huge scores (sigma %.0f): o is off by %.1e", sigma, error(got.o, want.o));
    for (Strided *s : {&got.o, &got.dq, &got.dk, &got.dv})
      for (int64_t i = 0; i < s->rows; i++)
        for (int64_t c = 0; c < s->cols; c++) check(std::isfinite(*s->at(i, c)), "huge scores: not finite");
  }
}

// A NaN among a row's scores makes its o and lse NaN, whatever else the row sees and in whichever block it comes; rows that cannot
// see it are not touched.
void nan_is_seen() {
  for (const int64_t q_rows : {int64_t(1), int64_t(40)})
    for (const int64_t bad : {0, 20, 39}) {
      Problem p;
      p.heads = 2, p.kv_heads = 1, p.head_dim = 8, p.q_rows = q_rows, p.k_rows = 40, p.q_index = 40 - q_rows;
      fill(p, rng);
      p.k[bad * p.head_dim + 3] = NAN;
      for (const std::vector<int64_t> &cuts : {std::vector<int64_t>{40}, {1, 40}, {20, 21, 40}}) {
        Run got(p);
        Device device(2);
        check(got.solve(device.handle, cuts) == CTX_OK, "NaN: failed");
        for (int64_t i = 0; i < q_rows; i++)
          for (int h = 0; h < 2; h++) {
            const bool sees = p.sees(i, bad);
            check(std::isnan(got.lse[h * q_rows + i]) == sees, "NaN in key %lld, row %lld of %lld: lse is %g", (long long)bad, (long long)i, (long long)q_rows,
                  got.lse[h * q_rows + i]);
            check(std::isnan(*got.o.at(i, h * p.head_dim)) == sees, "NaN in key %lld, row %lld of %lld: o is %g", (long long)bad, (long long)i,
                  (long long)q_rows, *got.o.at(i, h * p.head_dim));
          }
      }
    }
}

void same_bits_for_any_thread_count() {
  for (int n = 0; n < 12; n++) {
    Problem p;
    p.heads = n % 2 ? 6 : 2, p.kv_heads = n % 2 ? 3 : 1, p.head_dim = n % 3 ? 32 : 24;
    p.q_rows = p.k_rows = 300 + 37 * n;
    p.causal = n % 4 != 3;
    if (n % 3 == 1) p.start = documents(rng, 0, p.q_rows, 120);
    fill(p, rng);
    Run one(p);
    Device device(1);
    one.solve(device.handle, {100, p.k_rows});
    for (int threads : {2, 4, 7}) {
      Run many(p);
      Device other(threads);
      many.solve(other.handle, {100, p.k_rows});
      check(one.same_bits(many), "%s: %d threads give other bits than one", describe(p).c_str(), threads);
    }
  }
}

// The gradients of the reference itself, by central differences in float64.
void reference_gradients() {
  Problem p;
  p.heads = 4, p.kv_heads = 2, p.head_dim = 4, p.q_rows = p.k_rows = 9;
  p.start = {0, 0, 0, 0, 4, 4, 4, 4, 4};
  fill(p, rng);
  const Result r = solve(p);
  const auto loss = [&] {
    const Result x = solve(p);
    double sum = 0;
    for (size_t i = 0; i < x.o.size(); i++) sum += x.o[i] * p.d_o[i];
    return sum;
  };
  const auto compare = [&](Numbers &x, const Numbers &gradient, const char *name) {
    for (size_t i = 0; i < x.size(); i++) {
      const double keep = x[i], step = 1e-5;
      x[i] = keep + step;
      const double up = loss();
      x[i] = keep - step;
      const double down = loss();
      x[i] = keep;
      check(std::fabs((up - down) / (2 * step) - gradient[i]) < 1e-8, "reference %s[%zu] is not the slope", name, i);
    }
  };
  compare(p.q, r.dq, "dq");
  compare(p.k, r.dk, "dk");
  compare(p.v, r.dv, "dv");
}

// bf16 inputs in every mix that is allowed. What bf16 holds is widened exactly and the arithmetic is fp32, so only a stored bf16 o may
// differ more from float64 than fp32 does: by half a unit of its 8 bits, and through delta that error reaches the gradients. A backend
// that multiplies bf16 in pairs also rounds P and dS: see Slack.
struct Halves {
  int64_t rows, cols;
  std::vector<uint16_t> data;
  Halves(int64_t rows, int64_t cols, const Numbers *from) : rows(rows), cols(cols), data(rows * cols, 0x7fc0) {
    for (int64_t i = 0; from && i < rows * cols; i++) {
      const float x = (float)(*from)[i];
      uint32_t word;
      std::memcpy(&word, &x, 4);
      data[i] = (uint16_t)(word >> 16);
    }
  }
  ctx_mat mat() { return {data.data(), rows, cols, cols, CTX_BF16}; }
  ctx_mat slice(int64_t row, int64_t n) { return {data.data() + row * cols, n, cols, cols, CTX_BF16}; }
};

constexpr double HALF_UNIT = 0x1p-8; // largest relative error of rounding to 8 bits

// How far results may be from the reference, number by number, to first order: the relative error r of a weight p, and then of ds = p (do . v -
// delta), times the sum of the absolute values of what is added up; for ds also what delta, formed from an inexact o, is off by.
//   |o| <- r sum_j p |v|      |dv| <- r sum_i p |do|      |ds| <- r |ds| + p |do| . |error of o|      |dq|, |dk| <- scale sum |ds| |k|, |q|
struct Slack {
  Numbers o, dq, dk, dv;
  Slack(const Problem &p, const Result &want, double r, double stored) : o(p.q.size()), dq(p.q.size()), dk(p.k.size()), dv(p.v.size()) {
    const int hd = p.head_dim;
    for (int h = 0; h < p.heads; h++)
      for (int64_t i = 0; i < p.q_rows; i++) {
        const double lse = want.lse[h * p.q_rows + i], *g = &p.d_o[(i * p.heads + h) * hd];
        const int64_t at = (i * p.heads + h) * hd, kv = h / (p.heads / p.kv_heads);
        if (lse == -INFINITY) continue;
        const auto weight = [&](int64_t j) { return p.sees(i, j) ? std::exp(p.scale * dot(p.q_at(i, h), p.k_at(j, h), hd) - lse) : 0.0; };
        for (int64_t j = 0; j < p.k_rows; j++)
          for (int d = 0; d < hd; d++) o[at + d] += r * weight(j) * std::fabs(p.v_at(j, h)[d]);
        double delta_off = 0;
        for (int d = 0; d < hd; d++) {
          o[at + d] += stored * (std::fabs(want.o[at + d]) + o[at + d]);
          delta_off += std::fabs(g[d]) * o[at + d];
        }
        for (int64_t j = 0; j < p.k_rows; j++) {
          const double w = weight(j), off = p.scale * w * (r * std::fabs(dot(g, p.v_at(j, h), hd) - dot(g, &want.o[at], hd)) + delta_off);
          for (int d = 0; d < hd; d++) {
            dv[(j * p.kv_heads + kv) * hd + d] += r * w * std::fabs(g[d]);
            dk[(j * p.kv_heads + kv) * hd + d] += off * std::fabs(p.q_at(i, h)[d]);
            dq[at + d] += off * std::fabs(p.k_at(j, h)[d]);
          }
        }
      }
  }
};

// |x - y| <= slack + what fp32 sums may be off by, for every number.
void within(const std::string &what, const std::vector<float> &x, const Numbers &y, const Numbers &slack) {
  double top = 1, worst = 0;
  for (double v : y) top = std::fmax(top, std::fabs(v));
  for (size_t i = 0; i < x.size(); i++) {
    const double over = std::fabs(x[i] - y[i]) / (1.001 * slack[i] + 4e-6 * top);
    worst = std::fmax(worst, over >= 0 ? over : INFINITY);
  }
  check(worst <= 1, "%s is off by %.2f times what it may", what.c_str(), worst);
}

std::vector<float> numbers(Strided &x, double minus) {
  std::vector<float> y;
  for (int64_t i = 0; i < x.rows; i++)
    for (int64_t c = 0; c < x.cols; c++) y.push_back((float)(*x.at(i, c) - minus));
  return y;
}

void half_precision() {
  // 3e-6, in P and in lse: the polynomial for 2^x that is enough for a rounded P.
  const bool pairs = std::strcmp(backend->name, "cpu-avx512bf16") == 0;
  const double exponential = pairs ? 3e-6 : 0, rounded = pairs ? HALF_UNIT + 2 * exponential : 0;
  for (int n = 0; n < 60; n++) {
    const int widths[] = {64, 30, 80, 128, 5};
    Problem p = random_problem(widths[n % 5]);
    const bool one_row = n % 7 == 0; // takes its own path, in fp32
    if (one_row) p.q_rows = 1, p.q_index = p.k_index + p.k_rows - 1, p.start.clear(), fill(p, rng);
    for (Numbers *x : {&p.q, &p.k, &p.v, &p.d_o})
      for (double &y : *x) { // cut to 8 bits
        const double unit = y == 0 ? 1 : std::ldexp(1.0, std::ilogb(y) - 7);
        y = std::trunc(y / unit) * unit;
      }
    const Result want = solve(p);
    const bool half_o = n & 1, half_d_o = n & 2;
    Run got(p);
    Halves q(p.q_rows, p.heads * p.head_dim, &p.q), k(p.k_rows, p.kv_heads * p.head_dim, &p.k), v(p.k_rows, p.kv_heads * p.head_dim, &p.v),
        d_o(p.q_rows, p.heads * p.head_dim, &p.d_o), o(p.q_rows, p.heads * p.head_dim, nullptr);
    Device device(2);
    ctx_attention a = got.call(0, p.k_rows);
    a.q = q.mat(), a.k = k.mat(), a.v = v.mat();
    if (half_o) a.o = o.mat();
    ctx_attention_grad g{};
    g.fwd = a, g.delta = got.delta.data(), g.d_o = half_d_o ? d_o.mat() : got.d_o.mat();
    g.dq = got.dq.mat(), g.dk = got.dk.mat(), g.dv = got.dv.mat();
    const bool ok = backend->attention_forward(device.handle, &a) == CTX_OK &&
                    backend->attention_delta(device.handle, got.delta.data(), g.d_o, a.o, p.heads, p.head_dim) == CTX_OK &&
                    backend->attention_backward(device.handle, &g) == CTX_OK;
    const std::string what = "bf16 " + describe(p) + (half_o ? " bf16 o" : "") + (half_d_o ? " bf16 d_o" : "");
    check(ok, "%s: %s", what.c_str(), backend->last_error(device.handle));

    const double stored = half_o ? HALF_UNIT : 0;
    const Slack forward(p, want, one_row ? 0 : rounded, stored), slack(p, want, rounded, stored);
    std::vector<float> outputs = numbers(got.o, 0);
    for (size_t i = 0; half_o && i < outputs.size(); i++) {
      const uint32_t word = (uint32_t)o.data[i] << 16;
      std::memcpy(&outputs[i], &word, 4);
    }
    within(what + ": o", outputs, want.o, forward.o);
    check(error(got.lse.data(), want.lse.data(), want.lse.size()) <= 3e-6 + exponential, "%s: lse", what.c_str());
    within(what + ": dq", numbers(got.dq, Run::initial), want.dq, slack.dq);
    within(what + ": dk", numbers(got.dk, Run::initial), want.dk, slack.dk);
    within(what + ": dv", numbers(got.dv, Run::initial), want.dv, slack.dv);
  }
}

void refusals() {
  Problem p;
  p.heads = 4, p.kv_heads = 2, p.head_dim = 8, p.q_rows = p.k_rows = 12;
  fill(p, rng);
  Run run(p);
  Device device(1);
  const auto refused = [&](ctx_attention a, const char *word) {
    const ctx_status status = backend->attention_forward(device.handle, &a);
    check(status == CTX_ERR_ARGUMENT && std::strstr(backend->last_error(device.handle), word), "expected a refusal with '%s', got %d %s",
          word, status, backend->last_error(device.handle));
  };
  const ctx_attention good = run.call(0, 12);
  ctx_attention a = good;
  a.kv_heads = 3, refused(a, "kv_heads");
  a = good, a.head_dim = 0, refused(a, "head_dim");
  a = good, a.scale = -1, refused(a, "scale");
  a = good, a.scale = NAN, refused(a, "scale");
  a = good, a.q.cols = 31, refused(a, "expected 12 x 32");
  a = good, a.v.rows = 11, refused(a, "expected 12 x 16");
  a = good, a.k.dtype = CTX_BF16, refused(a, "one dtype");
  a = good, a.k.dtype = CTX_F16, refused(a, "fp32 or bf16");
  a = good, a.o.dtype = CTX_BF16, a.merge = 1, refused(a, "merge");
  a = good, a.lse = nullptr, refused(a, "lse");
  const std::vector<int32_t> start = {0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1};
  if (std::string(backend->name).starts_with("cpu")) a = good, a.start = start.data(), refused(a, "start[4] = 1 comes after 2"); // a GPU trusts it

  const volatile int32_t cancelled = 1;
  backend->set_cancel(device.handle, &cancelled);
  check(backend->attention_forward(device.handle, &good) == CTX_ERR_CANCELLED, "a cancelled call must say so");
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::printf("usage: attention_test <backend library>\n");
    return 2;
  }
  backend = open_backend(argv[1]);
  reference_gradients();
  every_shape();
  merges();
  one_query_row();
  huge_scores();
  nan_is_seen();
  same_bits_for_any_thread_count();
  half_precision();
  refusals();
  std::printf("%s: %d checks, %d failures\n", backend->name, checks, failures);
  return failures ? 1 : 0;
}
