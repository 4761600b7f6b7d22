// attention_bf16_test.cc: the attention operations of one backend with bf16 inputs against float64. Usage: attention_bf16_test <backend library> [blocks HEAD_DIM]
//
// What bf16 holds is widened exactly and sums are fp32. A stored bf16 o differs from float64 by half a unit of its 8 bits, and through delta
// that error reaches the gradients; hardware that multiplies bf16 also gets P and dS rounded. How much that may make is worked out number by
// number: see Slack.
#include "backend.h"
#include "reference.h"

#include <cstring>

using namespace reference;

namespace {

const ctx_backend *backend;
std::mt19937 rng(20240602);

constexpr double HALF_UNIT = 0x1p-8; // largest relative error of rounding to 8 bits

// A matrix of bf16 with `pad` numbers after each row, `skip` before the first.
struct Halves {
  int64_t rows, cols, ld, skip;
  std::vector<uint16_t> data;
  Halves(int64_t rows, int64_t cols, const Numbers *from, int64_t pad = 0, int64_t skip = 0)
      : rows(rows), cols(cols), ld(cols + pad), skip(skip), data(skip + rows * ld, 0x7fc0) {
    for (int64_t i = 0; from && i < rows; i++)
      for (int64_t c = 0; c < cols; c++) {
        const float x = (float)(*from)[i * cols + c];
        uint32_t word;
        std::memcpy(&word, &x, 4);
        data[skip + i * ld + c] = (uint16_t)(word >> 16);
      }
  }
  ctx_mat mat() { return slice(0, rows); }
  ctx_mat slice(int64_t row, int64_t n) { return {data.data() + skip + row * ld, n, cols, ld, CTX_BF16}; }
  std::vector<float> numbers() const {
    std::vector<float> x(rows * cols);
    for (int64_t i = 0; i < rows * cols; i++) {
      const uint32_t word = (uint32_t)data[skip + i / cols * ld + i % cols] << 16;
      std::memcpy(&x[i], &word, 4);
    }
    return x;
  }
};

// Cuts the numbers to what bf16 holds.
void cut(Problem &p) {
  for (Numbers *x : {&p.q, &p.k, &p.v, &p.d_o})
    for (double &y : *x) {
      const double unit = y == 0 ? 1 : std::ldexp(1.0, std::ilogb(y) - 7);
      y = std::trunc(y / unit) * unit;
    }
}

// How far results may be from the reference, number by number, to first order: the relative error r of a weight p, and then of ds = p (do . v -
// delta), times the sum of the absolute values of what is added up; for ds also what delta, formed from an inexact o, is off by. In r is what a
// score, a sum of head_dim products in fp32, may be off by, once for itself and once for the lse: head_dim 2^-24 scale sum |q| |k|.
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
        Numbers weight(p.k_rows), weight_off(p.k_rows);
        for (int64_t j = 0; j < p.k_rows; j++) {
          if (!p.sees(i, j)) continue;
          weight[j] = std::exp(p.scale * dot(p.q_at(i, h), p.k_at(j, h), hd) - lse);
          double sizes = 0;
          for (int d = 0; d < hd; d++) sizes += std::fabs(p.q_at(i, h)[d] * p.k_at(j, h)[d]);
          weight_off[j] = (r + 2 * hd * 0x1p-24 * p.scale * sizes) * weight[j];
          for (int d = 0; d < hd; d++) o[at + d] += weight_off[j] * std::fabs(p.v_at(j, h)[d]);
        }
        double delta_off = 0;
        for (int d = 0; d < hd; d++) {
          o[at + d] += stored * (std::fabs(want.o[at + d]) + o[at + d]);
          delta_off += std::fabs(g[d]) * o[at + d];
        }
        const double delta = dot(g, &want.o[at], hd);
        for (int64_t j = 0; j < p.k_rows; j++) {
          const double w = weight[j];
          if (w == 0) continue;
          const double off = p.scale * (weight_off[j] * std::fabs(dot(g, p.v_at(j, h), hd) - delta) + w * delta_off);
          for (int d = 0; d < hd; d++) {
            dv[(j * p.kv_heads + kv) * hd + d] += weight_off[j] * std::fabs(g[d]);
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

// A vector of the host, in the device's memory.
template <class T> struct OnDevice {
  ctx_device *const device;
  std::vector<T> &host;
  void *at = nullptr;
  OnDevice(ctx_device *device, std::vector<T> &host) : device(device), host(host) {
    if (backend->alloc(device, bytes(), &at) != CTX_OK || backend->upload(device, at, host.data(), bytes()) != CTX_OK) std::exit(2);
  }
  ~OnDevice() { backend->release(device, at, bytes()); }
  size_t bytes() const { return host.size() * sizeof(T); }
  T *data() { return static_cast<T *>(at); }
  // The matrix there that `x` is of the host's vector.
  ctx_mat mat(ctx_mat x) { return x.data = data() + (static_cast<T *>(x.data) - host.data()), x; }
  void fetch() {
    if (backend->download(device, host.data(), at, bytes()) != CTX_OK) check(false, "download: %s", backend->last_error(device));
  }
};

// How a call is made.
struct Mix {
  bool half_o = false, half_d_o = false;
  int64_t dq_left = 4;       // 4: TMA can add to dq
  bool any_order = false;
  int64_t pad = 0, skip = 0; // of q, k and v: other than multiples of 8 are at addresses that TMA cannot read
};

// Forward and backward over key blocks that end at `cuts`, against float64.
void expect(const Problem &p, const std::vector<int64_t> &cuts, const Mix &mix) {
  const bool pairs = std::strcmp(backend->name, "cpu-avx512bf16") == 0, gpu = std::string(backend->name).starts_with("cuda");
  const bool rounds = gpu ? p.head_dim == 64 || p.head_dim == 128 : pairs;
  const bool one_row = !gpu && p.q_rows == 1; // takes its own path on a CPU, in fp32
  // 3e-6, in P and in lse: an approximate 2^x that is enough for a rounded P.
  const double exponential = rounds ? 3e-6 : 0, rounded = rounds ? HALF_UNIT + 2 * exponential : 0, stored = mix.half_o ? HALF_UNIT : 0;
  const int64_t width = p.heads * p.head_dim, kv_width = p.kv_heads * p.head_dim;
  constexpr float initial = 0.5f;

  const Result want = solve(p);
  const Slack slack(p, want, rounded, stored), forward = one_row ? Slack(p, want, 0, stored) : slack;
  std::vector<float> first[5];
  for (int threads = 1; threads <= 2; threads++) {
    Halves q(p.q_rows, width, &p.q, mix.pad, mix.skip), k(p.k_rows, kv_width, &p.k, mix.pad, mix.skip), v(p.k_rows, kv_width, &p.v, mix.pad, mix.skip);
    Halves half_o(p.q_rows, width, nullptr), half_d_o(p.q_rows, width, &p.d_o);
    Strided o(p.q_rows, width, nullptr, NAN), d_o(p.q_rows, width, &p.d_o), dq(p.q_rows, width, nullptr, initial, mix.dq_left), dk(p.k_rows, kv_width, nullptr, initial),
        dv(p.k_rows, kv_width, nullptr, initial);
    std::vector<float> lse(p.heads * p.q_rows, NAN), delta(p.heads * p.q_rows, NAN);
    ctx_device *device = nullptr;
    if (backend->create(0, threads, &device) != CTX_OK) std::exit(2);
    std::string what = "bf16 " + describe(p) + (mix.half_o ? " bf16 o" : "") + (mix.half_d_o ? " bf16 d_o" : "") + (mix.any_order ? " any order" : "") + (mix.dq_left == 4 ? "" : " dq apart");
    if (cuts.size() > 1) what += " merged from " + std::to_string(cuts.size());
    {
      std::vector<int32_t> start = p.start;
      OnDevice at_q(device, q.data), at_k(device, k.data), at_v(device, v.data), at_half_o(device, half_o.data), at_half_d_o(device, half_d_o.data);
      OnDevice at_o(device, o.data), at_d_o(device, d_o.data), at_dq(device, dq.data), at_dk(device, dk.data), at_dv(device, dv.data);
      OnDevice at_lse(device, lse), at_delta(device, delta);
      OnDevice at_start(device, start);
      const ctx_mat the_o = mix.half_o ? at_half_o.mat(half_o.mat()) : at_o.mat(o.mat());
      const auto call = [&](int64_t begin, int64_t end) {
        ctx_attention a{};
        a.q = at_q.mat(q.mat()), a.k = at_k.mat(k.slice(begin, end - begin)), a.v = at_v.mat(v.slice(begin, end - begin)), a.o = the_o;
        a.lse = at_lse.data();
        a.heads = p.heads, a.kv_heads = p.kv_heads, a.head_dim = p.head_dim, a.scale = (float)p.scale;
        a.q_index = p.q_index, a.k_index = p.k_index + begin;
        a.start = start.empty() ? nullptr : at_start.data();
        a.causal = p.causal, a.merge = begin > 0;
        return a;
      };
      bool ok = true;
      int64_t begin = 0;
      for (const int64_t end : cuts) {
        const ctx_attention a = call(begin, end);
        ok = ok && backend->attention_forward(device, &a) == CTX_OK;
        begin = end;
      }
      ctx_attention_grad g{};
      g.d_o = mix.half_d_o ? at_half_d_o.mat(half_d_o.mat()) : at_d_o.mat(d_o.mat()), g.delta = at_delta.data(), g.dq = at_dq.mat(dq.mat()), g.any_order = mix.any_order;
      ok = ok && backend->attention_delta(device, at_delta.data(), g.d_o, the_o, p.heads, p.head_dim) == CTX_OK;
      begin = 0;
      for (const int64_t end : cuts) {
        g.fwd = call(begin, end), g.dk = at_dk.mat(dk.slice(begin, end - begin)), g.dv = at_dv.mat(dv.slice(begin, end - begin));
        ok = ok && backend->attention_backward(device, &g) == CTX_OK;
        begin = end;
      }
      check(ok, "%s: %s", what.c_str(), backend->last_error(device));
      at_half_o.fetch(), at_o.fetch(), at_d_o.fetch(), at_dq.fetch(), at_dk.fetch(), at_dv.fetch(), at_lse.fetch();
    }
    backend->destroy(device);

    std::vector<float> results[] = {mix.half_o ? half_o.numbers() : numbers(o, 0), lse, numbers(dq, initial), numbers(dk, initial), numbers(dv, initial)};
    for (Strided *s : {&o, &d_o, &dq, &dk, &dv}) check(s->fences_stand(), "%s: wrote outside its columns", what.c_str());
    if (threads > 1) {
      for (int n = 0; n < 5; n++)
        if (n != 2 || !mix.any_order) check(results[n] == first[n], "%s: %d threads give other bits than one", what.c_str(), threads);
      continue;
    }
    within(what + ": o", results[0], want.o, forward.o);
    check(error(lse.data(), want.lse.data(), want.lse.size()) <= 3e-6 + exponential, "%s: lse", what.c_str());
    within(what + ": dq", results[2], want.dq, slack.dq);
    within(what + ": dk", results[3], want.dk, slack.dk);
    within(what + ": dv", results[4], want.dv, slack.dv);
    for (int n = 0; n < 5; n++) first[n] = results[n];
  }
}

// Inputs in every mix that is allowed.
void every_mix() {
  for (int n = 0; n < 40; n++) {
    const int widths[] = {64, 30, 80, 128, 5};
    Problem p = random_problem(rng, widths[n % 5]);
    if (n % 7 == 0) p.q_rows = 1, p.q_index = p.k_index + p.k_rows - 1, p.start.clear(), fill(p, rng);
    cut(p);
    expect(p, {p.k_rows}, {(n & 1) != 0, (n & 2) != 0, n % 3 ? 4 : 3, n % 4 == 3});
  }
}

// Blocks of keys, one after the other, as a ring brings them.
void merges() {
  for (int n = 0; n < 10; n++) {
    Problem p = random_problem(rng, n % 2 ? 64 : 128);
    cut(p);
    std::vector<int64_t> cuts;
    for (int64_t end = 0; end < p.k_rows;) cuts.push_back(end = std::min(p.k_rows, end + between(rng, 1, 150)));
    expect(p, cuts, {false, n % 4 > 1, n % 8 == 2 ? 3 : 4, n % 8 == 4});
  }
}

// More tiles than are held at a time; documents that end within tiles and span several.
void many_tiles() {
  for (const int head_dim : {64, 128})
    for (const int64_t longest : {0, 30, 400, 2000}) {
      Problem p;
      p.head_dim = head_dim, p.q_rows = 330, p.k_rows = 600, p.q_index = 270, p.causal = longest != 400;
      if (longest) p.start = documents(rng, p.q_index, p.q_rows, longest);
      fill(p, rng);
      cut(p);
      expect(p, {p.k_rows}, {false, false, longest == 30 ? 3 : 4, longest == 400});
    }
}

// Key-value heads and blocks of keys that add to the same queries, where scores are far below what keys that are not there would have.
void many_blocks(int head_dim) {
  for (const int64_t shift : {0, 700}) {
    Problem p;
    p.head_dim = head_dim, p.heads = 2, p.kv_heads = 1, p.q_rows = 130, p.k_rows = 385, p.q_index = 255, p.k_index = shift ? 150 : 0;
    fill(p, rng, 5);
    if (shift) p.start = documents(rng, p.q_index, p.q_rows, shift);
    for (double &x : p.k) x = -std::fabs(x);
    for (double &x : p.q) x = std::fabs(x);
    cut(p);
    for (const bool any_order : {false, true}) expect(p, {p.k_rows}, {false, true, 4, any_order});
  }
}

// Rows at addresses that are no multiples of 16 bytes.
void any_address() {
  for (const Mix mix : {Mix{false, true, 4, false, 3, 0}, {true, true, 4, false, 8, 1}, {true, false, 4, false, 0, 8}, {false, false, 4, false, 16, 24}}) {
    Problem p = random_problem(rng, 64);
    cut(p);
    expect(p, {p.k_rows}, mix);
  }
}

// A NaN makes the o and lse of the rows that see it NaN and no other's.
void nan_is_seen() {
  Problem p;
  p.heads = 2, p.kv_heads = 1, p.head_dim = 64, p.q_rows = p.k_rows = 200;
  fill(p, rng);
  cut(p);
  for (const int64_t bad : {0, 127, 128, 150}) {
    Problem broken = p;
    broken.k[bad * 64 + 5] = NAN;
    Halves q(200, 128, &broken.q), k(200, 64, &broken.k), v(200, 64, &broken.v);
    Strided o(200, 128, nullptr, 7);
    std::vector<float> lse(400, 7);
    ctx_device *device = nullptr;
    if (backend->create(0, 1, &device) != CTX_OK) std::exit(2);
    {
      OnDevice at_q(device, q.data), at_k(device, k.data), at_v(device, v.data);
      OnDevice at_o(device, o.data), at_lse(device, lse);
      ctx_attention a{};
      a.q = at_q.mat(q.mat()), a.k = at_k.mat(k.mat()), a.v = at_v.mat(v.mat()), a.o = at_o.mat(o.mat()), a.lse = at_lse.data();
      a.heads = 2, a.kv_heads = 1, a.head_dim = 64, a.scale = 0.125f, a.causal = 1;
      check(backend->attention_forward(device, &a) == CTX_OK, "NaN: failed");
      at_o.fetch(), at_lse.fetch();
    }
    backend->destroy(device);
    for (int64_t i = 0; i < 200; i++)
      for (int h = 0; h < 2; h++)
        check(std::isnan(lse[h * 200 + i]) == (i >= bad) && std::isnan(*o.at(i, h * 64)) == (i >= bad), "NaN in key %lld, row %lld: o is %g, lse %g", (long long)bad, (long long)i,
              *o.at(i, h * 64), lse[h * 200 + i]);
  }
}

} // namespace

int main(int argc, char **argv) {
  const bool blocks = argc == 4 && std::strcmp(argv[2], "blocks") == 0;
  if (argc != 2 && !blocks) {
    std::printf("usage: attention_bf16_test <backend library> [blocks HEAD_DIM]\n");
    return 2;
  }
  backend = open_backend(argv[1]);
  if (blocks) many_blocks(std::atoi(argv[3]));
  else {
    many_blocks(64), many_blocks(128);
    every_mix();
    merges();
    many_tiles();
    any_address();
    nan_is_seen();
  }
  std::printf("%s: %d checks, %d failures\n", backend->name, checks, failures);
  return failures ? 1 : 0;
}
