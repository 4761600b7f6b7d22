// gemm.cc: C = alpha op(A) op(B) + beta C, fp32, row-major views, all four transpose combinations.
//
// op(A) [M, K], op(B) [K, N], C [M, N]; 2 M N K FLOPs. The loops are those of Goto & van de Geijn 2008 (BLIS names):
//
//   for each block of NC columns, for each block of KC of the sum:      B block packed into panels of NR columns, shared
//     for each block of MC rows (an item of the thread pool):           A block packed into tiles of MR rows, one per thread
//       for each panel, for each tile: microkernel                      C tile in registers, B panel in L1, A block in L2
//
// The sum over K is never cut by thread and its blocks depend on K alone, so any thread count gives the same bits. Scratch does
// not grow with the matrices: NC * KC floats in all, MC * KC per thread.
#include <algorithm>

#include "device.h"
#include "gemm_rows.h"
#include "microkernel.h"
#include "operations.h"

namespace ctx_cpu {
namespace {

using namespace ctx_simd;

// Blocking, in elements.  | lives in | bytes (AVX2 / AVX-512)
constexpr int64_t KC = 256;         // B panel KC x NR  | L1 | 16 KB of 32 / 32 KB of 48
constexpr int64_t MC = 24 * MR;     // A block MC x KC  | L2 | 147 KB of 512 / 295 KB of 1024+
constexpr int64_t NC = 4096;        // B block KC x NC  | L3 | 4 MB
constexpr int64_t MIN_COLUMNS = 128; // narrowest strip of C worth packing an A block for

struct Product {
  int64_t M, N, K;
  const float *a;
  int64_t am, ak; // op(A)[m][k] = a[m * am + k * ak]; one of them is 1
  const float *b;
  int64_t bk, bn; // op(B)[k][n] = b[k * bk + n * bn]; one of them is 1
  float *c;
  int64_t ldc;
  float alpha;
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

constexpr int TILE_VECTORS = (MR + W - 1) / W;
constexpr int64_t TILE_SLACK = TILE_VECTORS * W - MR; // a tile's last store runs over by this much

// Packs `rows` <= MR rows of alpha * op(A), kc columns, into dst[kc][MR]; missing rows are 0 or whatever lies beside them.
CTX_INLINE void pack_tile(float *dst, const float *a, int64_t am, int64_t ak, int64_t rows, int64_t kc, float alpha) {
  const vf scale = set1(alpha);
  if (am == 1) { // columns are contiguous: each k is one short copy
    for (int64_t k = 0; k < kc; k++)
      for (int v = 0; v < TILE_VECTORS; v++) {
        const float *p = a + k * ak + v * W;
        store(dst + k * MR + v * W, scale * load_n(p, rows - v * W));
      }
    return;
  }
  for (int64_t k = 0; k < kc; k += W) { // rows are contiguous: transpose W columns at a time
    vf r[TILE_VECTORS][W];
    for (int v = 0; v < TILE_VECTORS; v++) {
      for (int i = 0; i < W; i++) {
        const int64_t m = v * W + i;
        const float *p = a + m * am + k;
        r[v][i] = m >= rows || m >= MR ? ctx_simd::zero() : scale * (kc - k >= W ? load(p) : load_n(p, kc - k));
      }
      transpose(r[v]);
    }
    for (int i = 0; i < W && k + i < kc; i++) // ascending: each store's overhang is overwritten by the next
      for (int v = 0; v < TILE_VECTORS; v++) store(dst + (k + i) * MR + v * W, r[v][i]);
  }
}

// Packs panel p (NR columns) of the block of op(B) at (k0, n0), kc x nc.
CTX_INLINE void pack_panel(float *dst, const Product &g, int64_t k0, int64_t n0, int64_t kc, int64_t n) {
  const float *b = g.b + k0 * g.bk + n0 * g.bn;
  if (g.bn == 1) pack_panel_rows(dst, NR, b, g.bk, kc, n);
  else pack_panel_columns(dst, NR, b, g.bn, kc, n);
}

// C[m0 .. m0+mc, n0 .. n0+nc] (+)= A block * B panels.
template <bool ACC>
void block(const Product &g, float *tiles, const float *panels, int64_t m0, int64_t mc, int64_t n0, int64_t nc, int64_t k0, int64_t kc) {
  for (int64_t m = 0; m < mc; m += MR)
    pack_tile(tiles + m * kc, g.a + (m0 + m) * g.am + k0 * g.ak, g.am, g.ak, std::min<int64_t>(MR, mc - m), kc, g.alpha);
  for (int64_t n = 0; n < nc; n += NR)
    for (int64_t m = 0; m < mc; m += MR) {
      float *c = g.c + (m0 + m) * g.ldc + n0 + n;
      const int64_t rows = std::min<int64_t>(MR, mc - m);
      for (int64_t i = 0; i < rows; i++) __builtin_prefetch(c + i * g.ldc, 1);
      microkernel_rows<MR, NV, ACC>(rows, kc, tiles + m * kc, 1, MR, panels + n * kc, NR, c, g.ldc, std::min<int64_t>(NR, nc - n));
    }
}

void multiply(ctx_device *device, const Product &g, bool accumulate) {
  const int threads = device->pool.threads();
  const int64_t kc_max = round_up(ceil_div(g.K, ceil_div(g.K, KC)), W);  // blocks of equal length
  const int64_t nc_max = round_up(ceil_div(g.N, ceil_div(g.N, NC)), NR);
  // Row blocks in a multiple of the thread count, all about equally high; then strips, until there are a few items per thread.
  const int64_t row_blocks = ceil_div(g.M, MC), target = threads == 1 ? 1 : 4 * threads;
  const int64_t mc_max = round_up(ceil_div(g.M, row_blocks < threads ? row_blocks : round_up(row_blocks, threads)), MR);

  for (int64_t n0 = 0; n0 < g.N; n0 += nc_max) {
    const int64_t nc = std::min(nc_max, g.N - n0), panels = ceil_div(nc, NR);
    for (int64_t k0 = 0; k0 < g.K; k0 += kc_max) {
      const int64_t kc = std::min(kc_max, g.K - k0);
      float *packed = device->shared.data();
      device->pool.parallel_for(panels, [&](int64_t p, int) {
        pack_panel(packed + p * NR * kc, g, k0, n0 + p * NR, kc, std::min<int64_t>(NR, nc - p * NR));
      });
      const int64_t blocks = ceil_div(g.M, mc_max);
      const int64_t strips = std::clamp<int64_t>(ceil_div(target, blocks), 1, std::max<int64_t>(1, nc / MIN_COLUMNS));
      const int64_t strip = round_up(ceil_div(nc, strips), NR);
      device->pool.parallel_for(blocks * strips, [&](int64_t item, int thread) {
        const int64_t m = item / strips * mc_max, n = item % strips * strip;
        if (n >= nc || device->cancelled()) return;
        const auto run = k0 > 0 || accumulate ? block<true> : block<false>;
        run(g, device->scratch[thread].data(), packed + n * kc, m, std::min(mc_max, g.M - m), n0 + n, std::min(strip, nc - n), k0, kc);
      });
      if (device->cancelled()) return;
    }
  }
}

} // namespace

ctx_status gemm(ctx_device *device, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c) {
  CTX_TRY(check_f32(device, "gemm: a", a));
  CTX_TRY(check_f32(device, "gemm: b", b));
  CTX_TRY(check_f32(device, "gemm: c", c));
  const int64_t M = trans_a ? a.cols : a.rows, K = trans_a ? a.rows : a.cols;
  const int64_t kb = trans_b ? b.cols : b.rows, N = trans_b ? b.rows : b.cols;
  if (kb != K || c.rows != M || c.cols != N)
    return fail(device, CTX_ERR_ARGUMENT, "gemm: op(a) is %lld x %lld, op(b) %lld x %lld, c %lld x %lld", (long long)M, (long long)K, (long long)kb, (long long)N, (long long)c.rows, (long long)c.cols);
  if (M == 0 || N == 0) return CTX_OK;

  if (beta == 0 && (K == 0 || alpha == 0)) return zero(device, c);
  if (beta != 0 && beta != 1) CTX_TRY(scale(device, c, beta));
  if (K == 0 || alpha == 0) return CTX_OK;
  const Product g{M, N, K, static_cast<const float *>(a.data), trans_a ? 1 : a.ld, trans_a ? a.ld : 1,
                  static_cast<const float *>(b.data), trans_b ? 1 : b.ld, trans_b ? b.ld : 1, static_cast<float *>(c.data), c.ld, alpha};

  if (M <= GEMM_ROWS && trans_b && !trans_a) {
    gemm_rows(device, M, N, K, g.a, a.ld, g.b, b.ld, g.c, c.ld, alpha, beta != 0);
  } else {
    CTX_TRY(device->reserve(KC * NC, MC * KC + TILE_SLACK));
    multiply(device, g, beta != 0);
  }
  return finish(device, "gemm");
}

} // namespace ctx_cpu
