// gemm.cc: C = alpha op(A) op(B) + beta C, row-major views of fp32 or bf16, all four transpose combinations.
//
// op(A) [M, K], op(B) [K, N], C [M, N]; 2 M N K FLOPs. The loops are those of Goto & van de Geijn 2008 (BLIS names):
//
//   for each block of NC columns, for each pass over the sum:           B block packed into panels of NR columns, shared
//     for each block of MC rows and strip of columns (an item of the thread pool):
//       for each block of KC of the pass:                               A block packed into tiles of MR rows, one per thread
//         for each panel, for each tile: microkernel                    C tile in registers, B panel in L1, A block in L2
//
// If any of the three is bf16, both operands are rounded to bf16 as they are packed, and multiplied and summed in fp32. A pass is one
// block of the sum; into a bf16 C it is the whole sum, formed beside C and rounded once.
//
// The sum over K is never cut by thread and its blocks depend on K alone, so any thread count gives the same bits. Scratch does
// not grow with the matrices, but with K where C is bf16 and K > DEEP * KC * NC / NR.
#include <algorithm>

#include "gemm_rows.h"
#include "microkernel.h"
#include "operations.h"
#include "packing.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

// Blocking, in elements.  | lives in | bytes (AVX2 / AVX-512)
constexpr int64_t KC = 256;         // B panel KC x NR  | L1 | 16 KB of 32 / 32 KB of 48
constexpr int64_t MC = 24 * MR;     // A block MC x KC  | L2 | 147 KB of 512 / 295 KB of 1024+
constexpr int64_t NC = 4096;        // B block KC x NC  | L3 | 4 MB
constexpr int64_t DEEP = 4;         // B block of a whole sum: at most this many times as much
constexpr int64_t MIN_COLUMNS = 128; // narrowest strip of C worth packing an A block for
constexpr int64_t MAX_COLUMNS = 512; // widest strip of a bf16 C: MC x 512 sums in fp32 | L2 | 295 KB / 590 KB

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

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

constexpr int TILE_VECTORS = (MR + W - 1) / W;
constexpr int64_t TILE_SLACK = TILE_VECTORS * W - MR; // a tile's last store runs over by this much

// Packs `rows` <= MR rows of alpha * op(A), kc columns, into dst[kc][MR]; missing rows are 0 or whatever lies beside them.
template <class T, bool ROUND> CTX_INLINE void pack_tile(float *dst, const T *a, int64_t am, int64_t ak, int64_t rows, int64_t kc, float alpha) {
  const vf scale = set1(alpha);
  if (am == 1) { // columns are contiguous: each k is one short copy
    for (int64_t k = 0; k < kc; k++)
      for (int v = 0; v < TILE_VECTORS; v++) {
        const T *p = a + k * ak + v * W;
        store(dst + k * MR + v * W, scale * operand<T, ROUND>(p, rows - v * W));
      }
    return;
  }
  for (int64_t k = 0; k < kc; k += W) { // rows are contiguous: transpose W columns at a time
    vf r[TILE_VECTORS][W];
    for (int v = 0; v < TILE_VECTORS; v++) {
      for (int i = 0; i < W; i++) {
        const int64_t m = v * W + i;
        r[v][i] = m >= rows || m >= MR ? ctx_simd::zero() : scale * operand<T, ROUND>(a + m * am + k, kc - k);
      }
      transpose(r[v]);
    }
    for (int i = 0; i < W && k + i < kc; i++) // ascending: each store's overhang is overwritten by the next
      for (int v = 0; v < TILE_VECTORS; v++) store(dst + (k + i) * MR + v * W, r[v][i]);
  }
}

// Packs panel p (NR columns) of the block of op(B) at (k0, n0), kc x n.
template <class T, bool ROUND> void pack_panel(float *dst, const Operand &b, int64_t k0, int64_t n0, int64_t kc, int64_t n) {
  const T *from = static_cast<const T *>(b.data) + k0 * b.row + n0 * b.column;
  if (b.column == 1) pack_panel_rows<T, ROUND>(dst, NR, from, b.row, kc, n);
  else pack_panel_columns<T, ROUND>(dst, NR, from, b.column, kc, n);
}

template <class T, bool ROUND> void pack_block(float *tiles, const Operand &a, int64_t m0, int64_t mc, int64_t k0, int64_t kc, float alpha) {
  const T *from = static_cast<const T *>(a.data) + m0 * a.row + k0 * a.column;
  for (int64_t m = 0; m < mc; m += MR) pack_tile<T, ROUND>(tiles + m * kc, from + m * a.row, a.row, a.column, std::min<int64_t>(MR, mc - m), kc, alpha);
}

// c[0 .. mc, 0 .. nc] (+)= A block * B panels.
template <bool ACC> void block(const float *tiles, const float *panels, int64_t mc, int64_t nc, int64_t kc, float *c, int64_t ldc) {
  for (int64_t n = 0; n < nc; n += NR)
    for (int64_t m = 0; m < mc; m += MR) {
      float *tile = c + m * ldc + n;
      const int64_t rows = std::min<int64_t>(MR, mc - m);
      for (int64_t i = 0; i < rows; i++) __builtin_prefetch(tile + i * ldc, 1);
      microkernel_rows<MR, NV, ACC>(rows, kc, tiles + m * kc, 1, MR, panels + n * kc, NR, tile, ldc, std::min<int64_t>(NR, nc - n));
    }
}

// How a product is cut; `kc` divides K into blocks of equal length.
struct Cut {
  int64_t kc, pass, nc, mc, strips_target;
  Cut(const Product &g, int threads) {
    kc = round_up(ceil_div(g.K, ceil_div(g.K, KC)), W);
    pass = g.c.dtype == CTX_BF16 ? round_up(g.K, kc) : kc;
    const int64_t widest = std::clamp<int64_t>(DEEP * KC * NC / pass / NR * NR, NR, NC);
    nc = round_up(ceil_div(g.N, ceil_div(g.N, widest)), NR);
    // Row blocks in a multiple of the thread count, all about equally high; then strips, until there are a few items per thread.
    const int64_t row_blocks = ceil_div(g.M, MC);
    mc = round_up(ceil_div(g.M, row_blocks < threads ? row_blocks : round_up(row_blocks, threads)), MR);
    strips_target = threads == 1 ? 1 : 4 * threads;
  }
};

// Columns [n0, n0 + nc) of C (+)= the part [first, last) of the sum.
template <class TA, class TB, bool ROUND>
void multiply_part(ctx_device *device, const Product &g, const Cut &cut, int64_t n0, int64_t nc, int64_t first, int64_t last) {
  const bool beside = g.c.dtype == CTX_BF16;
  float *const packed = device->shared.data();
  const int64_t panels = ceil_div(nc, NR), width = panels * NR;
  device->pool.parallel_for(panels * ceil_div(last - first, cut.kc), [&](int64_t i, int) {
    const int64_t p = i % panels, k0 = first + i / panels * cut.kc, kc = std::min(cut.kc, last - k0);
    pack_panel<TB, ROUND>(packed + (k0 - first) * width + p * NR * kc, g.b, k0, n0 + p * NR, kc, std::min<int64_t>(NR, nc - p * NR));
  });
  const int64_t blocks = ceil_div(g.M, cut.mc);
  int64_t strips = std::clamp<int64_t>(ceil_div(cut.strips_target, blocks), 1, std::max<int64_t>(1, nc / MIN_COLUMNS));
  if (beside) strips = std::max(strips, ceil_div(nc, MAX_COLUMNS));
  const int64_t strip = round_up(ceil_div(nc, strips), NR);
  device->pool.parallel_for(blocks * strips, [&](int64_t item, int thread) {
    const int64_t m = item / strips * cut.mc, n = item % strips * strip;
    if (n >= nc) return;
    const int64_t mc = std::min(cut.mc, g.M - m), columns = std::min(strip, nc - n);
    float *const tiles = device->scratch[thread].data(), *const sums = tiles + MC * KC + TILE_SLACK;
    float *const c = beside ? sums : at<float>(g.c, m, n0 + n);
    const int64_t ldc = beside ? strip : g.c.ld;
    if (beside && g.accumulate)
      for (int64_t i = 0; i < mc; i++) vectors(columns, [&](int64_t j, int64_t left) { put(c + i * ldc + j, get(at<Bf16>(g.c, m + i, n0 + n + j), left), left); });
    for (int64_t k0 = first; k0 < last; k0 += cut.kc) {
      if (device->cancelled()) return;
      const int64_t kc = std::min(cut.kc, last - k0);
      pack_block<TA, ROUND>(tiles, g.a, m, mc, k0, kc, g.alpha);
      const auto run = k0 > 0 || g.accumulate ? block<true> : block<false>;
      run(tiles, packed + (k0 - first) * width + n * kc, mc, columns, kc, c, ldc);
    }
    if (beside)
      for (int64_t i = 0; i < mc; i++) vectors(columns, [&](int64_t j, int64_t left) { put(at<Bf16>(g.c, m + i, n0 + n + j), get(c + i * ldc + j, left), left); });
  });
}

// The kernels for the dtypes of A and B.
template <class TA, class TB, bool ROUND> void multiply(ctx_device *device, const Product &g, const Cut &cut) {
  for (int64_t n0 = 0; n0 < g.N; n0 += cut.nc)
    for (int64_t first = 0; first < g.K; first += cut.pass) {
      multiply_part<TA, TB, ROUND>(device, g, cut, n0, std::min(cut.nc, g.N - n0), first, std::min(first + cut.pass, g.K));
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
  const Cut cut(g, device->pool.threads());
  const int64_t panels = std::max(KC * NC, cut.pass * cut.nc);
  CTX_TRY(device->reserve(panels, MC * KC + TILE_SLACK + (c.dtype == CTX_BF16 ? MC * MAX_COLUMNS : 0)));
  if (!round) multiply<float, float, false>(device, g, cut);
  else with_types([&]<class TA, class TB>(TA, TB) { multiply<TA, TB, true>(device, g, cut); }, a, b);
  return finish(device, "gemm");
}

} // namespace ctx_cpu
