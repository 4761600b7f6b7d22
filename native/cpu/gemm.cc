// gemm.cc: C = alpha op(A) op(B) + beta C, row-major views of fp32 or bf16, all four transpose combinations.
//
// op(A) [M, K], op(B) [K, N], C [M, N]; 2 M N K FLOPs. The loops are those of Goto & van de Geijn 2008 (BLIS names):
//
//   for each block of NC columns, for each pass over the sum:           B block packed into panels of NR columns, shared
//     for each block of MC rows and strip of columns (an item of the thread pool):
//       for each block of KC of the pass:                               A block: where it lies, or packed, one per thread
//         for each panel, for each tile: microkernel                    C tile in registers, B panel and A block in L2
//
// If any of the three is bf16, both operands are rounded to bf16 as they are packed, and multiplied as Bf16Words (words.h); sums are fp32.
// A pass is one block of the sum; into a bf16 C it is the whole sum, formed beside C and rounded once.
//
// The sum over K is never cut by thread and its blocks depend on K alone, so any thread count gives the same bits. How C is cut and how
// much scratch that takes: scratch.h.
#include <algorithm>

#include "gemm_rows.h"
#include "microkernel.h"
#include "operations.h"
#include "packing.h"
#include "scratch.h"

namespace ctx_cpu {
namespace {

struct Operand {
  const void *data;
  int64_t row, column; // distances in elements; one of them is 1
};

struct Product {
  int64_t M, N, K;
  Operand a, b; // op(A)[m][k], op(B)[k][n]
  ctx_mat c;
  float alpha;
  bool accumulate;
};

// A block of op(A) as the microkernel reads it: word k of row m at words[m / group * step + m % group * am + k * ak].
struct Rows {
  const float *words;
  int64_t am, ak, group, step;
  const float *at(int64_t m) const { return words + m / group * step + m % group * am; }
};

// Rows [m0, m0 + mc), terms [k0, k0 + kc) of op(A): where they are if they lie in words, else copied into `packed`. Where op(A) is a
// transpose, its columns keep lying side by side, in groups of a few tiles.
template <class E, class T> Rows block_of_a(float *packed, const Operand &a, int64_t m0, int64_t mc, int64_t k0, int64_t kc) {
  constexpr int64_t GROUP = 8 * MR; // a multiple of W as well
  static_assert(GROUP % W == 0 && MC % GROUP == 0, "groups are whole vectors and whole tiles");
  const T *const from = static_cast<const T *>(a.data) + m0 * a.row + k0 * a.column;
  const int64_t length = words<E>(kc);
  if (a.column != 1) {
    for (int64_t m = 0; m < mc; m += GROUP) pack_panel_rows<E>(packed + m * length, GROUP, from + m, a.column, kc, mc - m);
    return {packed, 1, GROUP, GROUP, GROUP * length};
  }
  if (E::lies_in_words(from, a.row, kc)) return {reinterpret_cast<const float *>(from), a.row / E::TERMS, 1, mc, 0};
  pack_rows<E>(packed, A_ROW, from, a.row, mc, kc);
  return {packed, A_ROW, 1, mc, 0};
}

// Packs panel p (NR columns) of the block of op(B) at (k0, n0), kc x n.
template <class E, class T> void pack_panel(float *dst, const Operand &b, int64_t k0, int64_t n0, int64_t kc, int64_t n) {
  const T *from = static_cast<const T *>(b.data) + k0 * b.row + n0 * b.column;
  if (b.column == 1) pack_panel_rows<E>(dst, NR, from, b.row, kc, n);
  else pack_panel_columns<E>(dst, NR, from, b.column, kc, n);
}

// c[0 .. mc, 0 .. nc] (+)= alpha A block * B panels, over `length` words.
template <class E, bool ACC> void block(const Rows &a, const float *panels, int64_t mc, int64_t nc, int64_t length, float alpha, float *c, int64_t ldc) {
  for (int64_t n = 0; n < nc; n += NR)
    for (int64_t m = 0; m < mc; m += MR) {
      float *const tile = c + m * ldc + n;
      const float *const panel = panels + n * length;
      const int64_t rows = std::min<int64_t>(MR, mc - m), columns = std::min<int64_t>(NR, nc - n);
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j += 16) __builtin_prefetch(tile + i * ldc + j, 1);
      if (rows == MR && columns == NR) microkernel<E, ACC>(length, a.at(m), a.am, a.ak, panel, NR, tile, ldc, alpha);
      else edge_tile<E, ACC>(rows, columns, length, a.at(m), a.am, a.ak, panel, NR, tile, ldc, alpha);
    }
}

// Columns [n0, n0 + nc) of C (+)= the part [first, last) of the sum.
template <class E, class TA, class TB>
void multiply_part(ctx_device *device, const Product &g, const GemmCut &cut, int64_t n0, int64_t nc, int64_t first, int64_t last) {
  const bool beside = g.c.dtype == CTX_BF16;
  float *const packed = device->shared.data();
  const int64_t panels = ceil_div(nc, NR), width = panels * NR;
  device->pool.parallel_for(panels * ceil_div(last - first, cut.kc), [&](int64_t i, int) {
    const int64_t p = i % panels, k0 = first + i / panels * cut.kc, kc = std::min(cut.kc, last - k0);
    float *const panel = packed + words<E>(k0 - first) * width + p * NR * words<E>(kc);
    pack_panel<E, TB>(panel, g.b, k0, n0 + p * NR, kc, std::min<int64_t>(NR, nc - p * NR));
  });
  const int64_t strip = cut.strip(nc), strips = ceil_div(nc, strip);
  device->pool.parallel_for(ceil_div(g.M, cut.mc) * strips, [&](int64_t item, int thread) {
    const int64_t m = item / strips * cut.mc, n = item % strips * strip;
    const int64_t mc = std::min(cut.mc, g.M - m), columns = std::min(strip, nc - n);
    float *const tiles = device->scratch[thread].data(), *const sums = tiles + MC * A_ROW;
    float *const c = beside ? sums : at<float>(g.c, m, n0 + n);
    const int64_t ldc = beside ? strip : g.c.ld;
    if (beside && g.accumulate)
      for (int64_t i = 0; i < mc; i++) vectors(columns, [&](int64_t j, int64_t left) { put(c + i * ldc + j, get(at<Bf16>(g.c, m + i, n0 + n + j), left), left); });
    for (int64_t k0 = first; k0 < last; k0 += cut.kc) {
      if (device->cancelled()) return;
      const int64_t kc = std::min(cut.kc, last - k0);
      const Rows rows = block_of_a<E, TA>(tiles, g.a, m, mc, k0, kc);
      const auto run = k0 > 0 || g.accumulate ? block<E, true> : block<E, false>;
      run(rows, packed + words<E>(k0 - first) * width + n * words<E>(kc), mc, columns, words<E>(kc), g.alpha, c, ldc);
    }
    if (beside)
      for (int64_t i = 0; i < mc; i++) vectors(columns, [&](int64_t j, int64_t left) { put(at<Bf16>(g.c, m + i, n0 + n + j), get(c + i * ldc + j, left), left); });
  });
}

// The kernels for the dtypes of A and B.
template <class E, class TA, class TB> void multiply(ctx_device *device, const Product &g, const GemmCut &cut) {
  for (int64_t n0 = 0; n0 < g.N; n0 += cut.nc)
    for (int64_t first = 0; first < g.K; first += cut.pass) {
      multiply_part<E, TA, TB>(device, g, cut, n0, std::min(cut.nc, g.N - n0), first, std::min(first + cut.pass, g.K));
      if (device->cancelled()) return;
    }
}

} // namespace

ctx_status gemm(ctx_device *device, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c) {
  CTX_TRY(check_activation(device, "gemm: a", a));
  CTX_TRY(check_activation(device, "gemm: b", b));
  CTX_TRY(check_activation(device, "gemm: c", c));
  const int64_t M = trans_a ? a.cols : a.rows, K = trans_a ? a.rows : a.cols;
  const int64_t kb = trans_b ? b.cols : b.rows, N = trans_b ? b.rows : b.cols;
  if (kb != K || c.rows != M || c.cols != N)
    return fail(device, CTX_ERR_ARGUMENT, "gemm: op(a) is %lld x %lld, op(b) %lld x %lld, c %lld x %lld", (long long)M, (long long)K, (long long)kb, (long long)N, (long long)c.rows, (long long)c.cols);
  if (M == 0 || N == 0) return CTX_OK;

  if (beta == 0 && (K == 0 || alpha == 0)) return zero(device, c);
  if (beta != 0 && beta != 1) CTX_TRY(scale(device, c, beta));
  if (K == 0 || alpha == 0) return CTX_OK;
  const bool round = a.dtype == CTX_BF16 || b.dtype == CTX_BF16 || c.dtype == CTX_BF16;

  if (M <= GEMM_ROWS && trans_b && !trans_a) {
    gemm_rows(device, a, b, c, alpha, beta != 0, round);
    return finish(device, "gemm");
  }
  const Product g{M, N, K, {a.data, trans_a ? 1 : a.ld, trans_a ? a.ld : 1}, {b.data, trans_b ? 1 : b.ld, trans_b ? b.ld : 1}, c, alpha, beta != 0};
  const GemmCut cut(TILE, M, N, K, round ? Bf16Words::TERMS : 1, c.dtype == CTX_BF16, device->pool.threads());
  CTX_TRY(device->reserve(cut.shared_floats(), cut.thread_floats()));
  if (!round) multiply<Single, float, float>(device, g, cut);
  else with_types([&]<class TA, class TB>(TA, TB) { multiply<Bf16Words, TA, TB>(device, g, cut); }, a, b);
  return finish(device, "gemm");
}

} // namespace ctx_cpu
