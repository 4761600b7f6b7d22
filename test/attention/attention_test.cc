// attention_test.cc: the attention operations of one backend against float64, in fp32; in bf16: attention_bf16_test.cc. Usage: attention_test <backend library>
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
    if (backend->create(0, threads, &handle) != CTX_OK) std::exit(2);
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

void every_shape(int rounds) {
  for (int head_dim : {2, 8, 24, 30, 32, 64, 80, 96, 128})
    for (int n = 0; n < rounds; n++) {
      const Problem p = random_problem(rng, head_dim);
      expect(p, {p.k_rows}, (int)between(rng, 1, 3), 3e-6);
    }
}

// Any cut of the keys into blocks gives what one pass gives, also when some blocks show a row nothing.
void merges(int rounds) {
  for (int n = 0; n < rounds; n++) {
    const Problem p = random_problem(rng, n % 2 ? 32 : 24);
    std::vector<int64_t> cuts;
    for (int64_t end = 0; end < p.k_rows;) cuts.push_back(end = std::min(p.k_rows, end + between(rng, 1, 90)));
    expect(p, cuts, 2, 3e-6);
  }
}

void one_query_row() {
  const bool cpu = std::string(backend->name).starts_with("cpu"); // a GPU has no path of its own for one row
  for (int64_t keys : {1, 2, 63, 64, 65, 511, 513, 2500, 20000})
    for (int head_dim : {2, 24, 64, 80, 128}) {
      if (keys > 2500 && !cpu) continue;
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

// A GPU takes no count of threads: there two calls give the same bits when they are made again.
void same_bits_for_any_thread_count() {
  const bool cpu = std::string(backend->name).starts_with("cpu");
  const std::vector<int> counts = cpu ? std::vector<int>{2, 4, 7} : std::vector<int>{1};
  for (int n = 0; n < (cpu ? 12 : 2); n++) {
    Problem p;
    p.heads = n % 2 ? 6 : 2, p.kv_heads = n % 2 ? 3 : 1, p.head_dim = n % 3 ? 32 : 24;
    p.q_rows = p.k_rows = 300 + 37 * n;
    p.causal = n % 4 != 3;
    if (n % 3 == 1) p.start = documents(rng, 0, p.q_rows, 120);
    fill(p, rng);
    Run one(p);
    Device device(1);
    one.solve(device.handle, {100, p.k_rows});
    for (int threads : counts) {
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
  const bool few = argc == 3 && std::strcmp(argv[2], "few") == 0; // where each takes long: what looks for races
  if (argc != 2 && !few) {
    std::printf("usage: attention_test <backend library> [few]\n");
    return 2;
  }
  backend = open_backend(argv[1]);
  reference_gradients();
  every_shape(few ? 1 : 12);
  merges(few ? 3 : 40);
  if (!few) one_query_row();
  huge_scores();
  nan_is_seen();
  if (!few) same_bits_for_any_thread_count();
  refusals();
  std::printf("%s: %d checks, %d failures\n", backend->name, checks, failures);
  return failures ? 1 : 0;
}
