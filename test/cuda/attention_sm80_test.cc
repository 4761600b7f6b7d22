// attention_sm80_test.cc: attention of bf16 through the kernels for Ampere's tensor cores (native/cuda/attention_sm80.cu), as the CUDA backend's
// host build carries them out, against float64. Usage: ctx_test_attention_sm80 BACKEND [few]
//
// Errors are norms of differences over norms. P, dS and dO are rounded to bf16, so O is off by about a thousandth: by far more than fp32
// arithmetic would be, which also shows that these kernels, not the plain ones, were taken.
#include "../../native/include/half.h"
#include "../attention/backend.h"
#include "../attention/reference.h"

#include <cstring>

using reference::Numbers;
using reference::Problem;

namespace {

const ctx_backend *backend;
std::mt19937 rng(7);

void expect(bool good, const char *what, const std::string &where, double figure) {
  check(good, "%s of %s: %g", what, where.c_str(), figure);
}

void round_to_bf16(Numbers &x) {
  for (double &y : x) y = ctx::from_bf16(ctx::to_bf16(float(y)));
}

// Rows with 8 numbers after each, of bf16 or fp32, aligned to 16 bytes.
struct Rounded {
  int64_t rows, cols, ld;
  bool half;
  std::vector<float> f32;
  std::vector<uint16_t> bf16;
  Rounded(int64_t rows, int64_t cols, bool half, const Numbers *from) : rows(rows), cols(cols), ld(cols + 8), half(half), f32(size_t(rows * ld), NAN), bf16(size_t(rows * ld) + 8, 0x7fc0) {
    for (int64_t i = 0; i < rows && from; i++)
      for (int64_t j = 0; j < cols; j++) set(i, j, float((*from)[size_t(i * cols + j)]));
  }
  uint16_t *aligned() { return reinterpret_cast<uint16_t *>((reinterpret_cast<uintptr_t>(bf16.data()) + 15) & ~uintptr_t(15)); }
  void set(int64_t i, int64_t j, float x) { f32[size_t(i * ld + j)] = x, aligned()[i * ld + j] = ctx::to_bf16(x); }
  float at(int64_t i, int64_t j) { return half ? ctx::from_bf16(aligned()[i * ld + j]) : f32[size_t(i * ld + j)]; }
  ctx_mat mat(int64_t first, int64_t count) {
    return {half ? static_cast<void *>(aligned() + first * ld) : f32.data() + first * ld, count, cols, ld, half ? CTX_BF16 : CTX_F32};
  }
  ctx_mat mat() { return mat(0, rows); }
  // |this - start - want| / |want|
  double error(const Numbers &want, float start = 0) {
    double off = 0, size = 0;
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) {
        const double w = want[size_t(i * cols + j)], d = at(i, j) - start - w;
        off += d * d, size += w * w;
      }
    return std::sqrt(off) / (size > 0 ? std::sqrt(size) : 1);
  }
};

void solve_and_compare(const Problem &p, bool half_o, bool half_g, int blocks) {
  constexpr float START = 0.5f; // gradients are added to this
  const reference::Result want = reference::solve(p);
  const int64_t width = int64_t(p.heads) * p.head_dim, kv_width = int64_t(p.kv_heads) * p.head_dim;
  Rounded q(p.q_rows, width, true, &p.q), k(p.k_rows, kv_width, true, &p.k), v(p.k_rows, kv_width, true, &p.v), d_o(p.q_rows, width, half_g, &p.d_o);
  Rounded o(p.q_rows, width, half_o, nullptr);
  const Numbers starts(size_t(std::max(p.q_rows, p.k_rows) * width), START);
  Rounded dq(p.q_rows, width, false, &starts), dk(p.k_rows, kv_width, false, &starts), dv(p.k_rows, kv_width, false, &starts);
  std::vector<float> lse(size_t(p.heads * p.q_rows), NAN), delta(lse.size(), NAN);
  ctx_device *device = nullptr;
  if (backend->create(0, 1, &device) != CTX_OK) std::exit(2);
  const auto call = [&](int64_t first, int64_t end) {
    ctx_attention a{};
    a.q = q.mat(), a.k = k.mat(first, end - first), a.v = v.mat(first, end - first), a.o = o.mat(), a.lse = lse.data();
    a.heads = p.heads, a.kv_heads = p.kv_heads, a.head_dim = p.head_dim, a.scale = float(p.scale), a.q_index = p.q_index, a.k_index = p.k_index + first;
    a.start = p.start.empty() ? nullptr : p.start.data(), a.causal = p.causal, a.merge = first > 0;
    return a;
  };
  ctx_status status = CTX_OK;
  for (int b = 0; b < blocks && status == CTX_OK; b++) {
    const ctx_attention a = call(p.k_rows * b / blocks, p.k_rows * (b + 1) / blocks);
    status = backend->attention_forward(device, &a);
  }
  if (status == CTX_OK) status = backend->attention_delta(device, delta.data(), d_o.mat(), o.mat(), p.heads, p.head_dim);
  for (int b = 0; b < blocks && status == CTX_OK; b++) {
    const int64_t first = p.k_rows * b / blocks, end = p.k_rows * (b + 1) / blocks;
    ctx_attention_grad g{};
    g.fwd = call(first, end), g.d_o = d_o.mat(), g.delta = delta.data(), g.dq = dq.mat(), g.dk = dk.mat(first, end - first), g.dv = dv.mat(first, end - first);
    status = backend->attention_backward(device, &g);
  }
  char where[200];
  std::snprintf(where, sizeof where, "heads %d/%d of %d, q %lld@%lld, k %lld@%lld, %s%s, o %s, d_o %s, %d blocks", p.heads, p.kv_heads, p.head_dim, (long long)p.q_rows, (long long)p.q_index,
                (long long)p.k_rows, (long long)p.k_index, p.causal ? "causal" : "full", p.start.empty() ? "" : " documents", half_o ? "bf16" : "fp32", half_g ? "bf16" : "fp32", blocks);
  expect(status == CTX_OK, backend->last_error(device), where, status);
  backend->destroy(device);
  if (status != CTX_OK) return;
  const double off = o.error(want.o);
  bool many = false; // of queries that weigh several keys
  for (double l : want.lse) many = many || l > 2;
  expect(off <= 5e-3, "o", where, off);
  if (!half_o && many && p.q_rows > 30) expect(off > 1e-5, "o, which is as exact as fp32 makes it", where, off);
  double worst = 0;
  for (size_t i = 0; i < lse.size(); i++) worst = std::max(worst, lse[i] == want.lse[i] ? 0 : std::isnan(lse[i]) ? INFINITY : std::fabs(lse[i] - want.lse[i]));
  expect(worst <= 1e-4, "lse", where, worst);
  const struct {
    const char *name;
    Rounded &mine;
    const Numbers &want;
  } gradients[] = {{"dq", dq, want.dq}, {"dk", dk, want.dk}, {"dv", dv, want.dv}};
  for (const auto &g : gradients) {
    const double e = g.mine.error(g.want, START);
    expect(e <= 1e-2, g.name, where, e);
  }
}

} // namespace

int main(int argc, char **argv) {
  const bool few = argc == 3 && std::strcmp(argv[2], "few") == 0; // where each takes long: what looks for races
  if (argc != 2 && !few) return 2;
  backend = open_backend(argv[1]);
  const int heads[][2] = {{1, 1}, {4, 2}};
  const int64_t lengths[] = {1, 64, 65, 150};
  int turn = 0;
  for (int head_dim : {64, 128})
    for (const auto &h : heads)
      for (int64_t q_rows : lengths) {
        turn++;
        if (few && (turn % 2 == 0 || q_rows == 1)) continue;
        Problem p;
        p.heads = h[0], p.kv_heads = h[1], p.head_dim = head_dim, p.q_rows = p.k_rows = q_rows, p.causal = turn % 4 != 0;
        if (turn % 5 == 0) p.k_rows = 100, p.q_index = 40, p.k_index = turn % 10 == 0 ? 90 : 10; // some queries see no key of these
        if (turn % 2) p.start = reference::documents(rng, p.q_index, p.q_rows, 60);
        reference::fill(p, rng);
        for (Numbers *x : {&p.q, &p.k, &p.v, &p.d_o}) round_to_bf16(*x);
        solve_and_compare(p, turn % 3 == 0, turn % 3 != 1, 1);
        if (p.k_rows > 60) solve_and_compare(p, false, true, 3);
      }
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures > 0;
}
