// attention_backward.cc: dQ, dK, dV of attention from the whole row's lse and delta.
//
// A unit of work is a block of keys of one key-value head. It walks over the query tiles that see any of them, for every query head that
// shares the keys, and keeps dK and dV in its own memory:
//
//   S = Q K^T        dP = dO V^T        P = 2^(scale log2(e) S - log2(e) lse)        dS = P (dP - delta)
//   dV += P^T dO     dK += scale dS^T Q                dQ += scale dS K
//
// dQ is shared by all units of a head. Each query tile takes its contributions in the order of the key blocks: a unit waits for its
// turn (`turns`, one counter per query head and tile), which units started in order seldom have to. So there are no partial sums to
// store or reduce, and the bits don't depend on the number of threads.
//
// FLOPs 10 head_dim per visible pair. Bytes per unit and query tile: Q, dO read, dQ read and written, 16 head_dim bytes a row for
// 10 head_dim BACKWARD_KEYS FLOPs, 60 FLOPs a byte.
//
// defines: backward_units, backward_turns, backward_workspace, start_turns, backward_unit
#include "attention_parts.h"
#include "attention_tile.h"

#include <thread>
#include <utility>

namespace ctx_cpu {

namespace {

constexpr float LOG2E = 1.44269504f;
constexpr int64_t KEYS = BACKWARD_KEYS, ROWS = BACKWARD_ROWS;

int64_t query_tiles(int64_t q_rows) { return (q_rows + ROWS - 1) / ROWS; }

// Query rows [begin, end) that see any of the keys [c0, c1).
struct Rows {
  int64_t begin, end;
};
Rows rows_that_see(const ctx_attention &a, int64_t c0, int64_t c1) {
  const int64_t begin = a.causal ? std::clamp<int64_t>(a.k_index + c0 - a.q_index, 0, a.q.rows) : 0;
  const int64_t end = a.start ? std::upper_bound(a.start, a.start + a.q.rows, a.k_index + c1 - 1) - a.start : a.q.rows;
  return {begin, end};
}

// Waits until every earlier key block has added to this query tile. Units are taken in order, so whoever must come first is running.
bool wait_turn(const ctx_device &device, const Turn &turn, int32_t block) {
  for (int spins = 0; turn.load(std::memory_order_acquire) != block; spins++) {
    if (device.cancelled()) return false;
    if (spins > 1000) std::this_thread::yield();
  }
  return true;
}

// One row: s becomes P, dp becomes dS / scale, over columns [c0, c1).
template <bool MASKED>
CTX_INLINE void gradient_row(float *s, float *dp, int64_t c0, int64_t c1, Keys seen, float scale, float lse, float delta) {
  if (lse == -INFINITY) { // the row sees nothing at all
    std::fill(s + c0, s + c1, 0.0f);
    std::fill(dp + c0, dp + c1, 0.0f);
    return;
  }
  const vf a = set1(scale * LOG2E), b = set1(-lse * LOG2E);
  for (int64_t c = c0; c < c1; c += W) {
    vf x = fma(load(s + c), a, b);
    if constexpr (MASKED) x = hide(x, c, seen, 0.0f); // an invisible score may lie far above lse
    vf p = exp2v(x);
    if constexpr (MASKED) p = hide(p, c, seen, 0.0f);
    store(s + c, p);
    store(dp + c, p * (load(dp + c) - delta));
  }
}

// C[keys][head_dim] += A^T B over query rows, skipping the rows that can't see a register tile's keys: rows[m] for keys m .. m + MR.
void multiply_transposed(int64_t keys, int64_t head_dim, const Rows *rows, const float *A, const float *B, float *C, int64_t width) {
  for (int64_t n = 0; n < head_dim; n += NR)
    for (int64_t m = 0; m < keys; m += MR) {
      const auto [begin, end] = rows[m / MR];
      const float *const a = A + begin * KEYS + m, *const b = B + begin * width + n;
      float *const c = C + m * width + n;
      if (head_dim - n >= NR) microkernel<Single, true>(end - begin, a, 1, KEYS, b, width, c, width);
      else edge_tile<Single, true>(MR, round_up(head_dim - n, W), end - begin, a, 1, KEYS, b, width, c, width);
    }
}

// y[rows][n] += alpha x[rows][width]
CTX_INLINE void add_rows(float *y, int64_t ld, const float *x, int64_t width, int64_t rows, int64_t n, float alpha) {
  const vf s = set1(alpha);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < n; j += W) {
      float *const to = y + i * ld + j;
      store_up_to(to, fma(s, load(x + i * width + j), load_up_to(to, n - j)), n - j);
    }
}

// A unit's memory, carved from the thread's workspace.
struct Buffers {
  float *kt, *vt, *k, *dk, *dv; // [KEYS] keys: K^T and V^T panels, K panels, sums
  float *q, *d_o, *dq;          // [ROWS] query rows
  float *p, *ds;                // [ROWS][KEYS]
  float *stage;                 // [max(ROWS, KEYS)][head_dim]: rows of bf16, widened
  Buffers(float *work, int64_t hd) {
    const int64_t width = round_up(hd, NR);
    const auto take = [&](int64_t n) { return std::exchange(work, work + n); };
    kt = take(KEYS * hd), vt = take(KEYS * hd), k = take(KEYS * width), dk = take(KEYS * width), dv = take(KEYS * width);
    q = take(ROWS * width), d_o = take(ROWS * width), dq = take(ROWS * width);
    p = take(ROWS * KEYS), ds = take(ROWS * KEYS), stage = work;
  }
};

// P, dS and dQ / scale of query rows [i0, i0 + rows) against the keys [key0, key0 + n), strip by strip.
void query_tile(const ctx_attention_grad &g, const Buffers &w, int64_t head, int64_t i0, int64_t rows, int64_t key0, int64_t n) {
  const ctx_attention &a = g.fwd;
  const int64_t hd = a.head_dim, width = round_up(hd, W);
  const float *const lse = a.lse + head * a.q.rows, *const delta = g.delta + head * a.q.rows;
  const RowsF32 q = read_rows(a.q, i0, head * hd, rows, hd, w.stage);
  copy_rows(w.q, width, q.data, q.ld, rows, hd, 1.0f);
  const RowsF32 d_o = read_rows(g.d_o, i0, head * hd, rows, hd, w.stage);
  copy_rows(w.d_o, width, d_o.data, d_o.ld, rows, hd, 1.0f);
  const int64_t next = std::min(ROWS, a.q.rows - i0 - rows);
  prefetch_rows(a.q, i0 + rows, head * hd, next, hd);
  prefetch_rows(g.d_o, i0 + rows, head * hd, next, hd);
  prefetch_rows(g.dq, i0, head * hd, rows, hd);

  for (int64_t r0 = 0; r0 < rows; r0 += STRIP) {
    const int64_t strip = std::min(STRIP, rows - r0), i = i0 + r0;
    const auto here = [&](Keys k) { return Keys{std::max<int64_t>(k.begin - key0, 0), std::min(k.end - key0, n)}; };
    const Keys any = here(visible_keys(a, i, i + strip)), all = here(seen_by_all(a, i, i + strip));
    const int64_t c0 = any.empty() ? 0 : any.begin / NR * NR, c1 = any.empty() ? 0 : round_up(any.end, NR);
    float *const p = w.p + r0 * KEYS, *const ds = w.ds + r0 * KEYS;

    multiply<Single, false>(strip, c1 - c0, hd, w.q + r0 * width, width, 1, w.kt + c0 * hd, NR * hd, NR, p + c0, KEYS);
    multiply<Single, false>(strip, c1 - c0, hd, w.d_o + r0 * width, width, 1, w.vt + c0 * hd, NR * hd, NR, ds + c0, KEYS);
    const bool masked = all.begin > c0 || c1 > all.end;
    for (int64_t r = 0; r < strip; r++) {
      float *const p_row = p + r * KEYS, *const ds_row = ds + r * KEYS;
      if (masked)
        gradient_row<true>(p_row, ds_row, c0, c1, here(visible_keys(a, i + r)), a.scale, lse[i + r], delta[i + r]);
      else
        gradient_row<false>(p_row, ds_row, c0, c1, all, a.scale, lse[i + r], delta[i + r]);
      for (float *row : {p_row, ds_row}) { // dV and dK read whole register tiles of keys
        std::fill(row, row + c0, 0.0f);
        std::fill(row + c1, row + KEYS, 0.0f);
      }
    }
    multiply<Single, false>(strip, hd, c1 - c0, ds + c0, KEYS, 1, w.k + c0 * NR, KEYS * NR, NR, w.dq + r0 * width, width);
  }
}

} // namespace

int64_t backward_units(const ctx_attention &a) { return (a.k.rows + KEYS - 1) / KEYS * a.kv_heads; }

int64_t backward_turns(int64_t q_rows, int64_t heads) { return query_tiles(q_rows) * heads; }

int64_t backward_workspace(int64_t head_dim) {
  const int64_t width = round_up(head_dim, NR);
  return KEYS * (2 * head_dim + 3 * width) + ROWS * (3 * width + 2 * KEYS) + std::max(ROWS, KEYS) * head_dim;
}

// The first key block that will add to each query tile.
void start_turns(const ctx_attention &a, Turn *turns) {
  const int64_t tiles = query_tiles(a.q.rows);
  for (int64_t h = 0; h < a.heads; h++)
    for (int64_t t = 0; t < tiles; t++) turns[h * tiles + t].store((int32_t)(visible_keys(a, t * ROWS).begin / KEYS));
}

// Units are numbered key block by key block, heads inside: with causal attention the longest come first, and a unit's
// predecessors in `turns` all have lower numbers.
void backward_unit(const ctx_device &device, const ctx_attention_grad &g, int64_t unit, float *work, Turn *turns) {
  const ctx_attention &a = g.fwd;
  const int64_t hd = a.head_dim, width = round_up(hd, W), sharing = a.heads / a.kv_heads, tiles = query_tiles(a.q.rows);
  const int64_t block = unit / a.kv_heads, kv_head = unit % a.kv_heads;
  const int64_t c0 = block * KEYS, n = std::min(KEYS, a.k.rows - c0);
  const Rows seen_by = rows_that_see(a, c0, c0 + n);
  if (seen_by.begin >= seen_by.end) return;

  const Buffers w(work, hd);
  const RowsF32 v = read_rows(a.v, c0, kv_head * hd, n, hd, w.stage);
  pack_transposed(w.vt, v.data, v.ld, n, hd);
  const RowsF32 k = read_rows(a.k, c0, kv_head * hd, n, hd, w.stage);
  pack_transposed(w.kt, k.data, k.ld, n, hd);
  pack_values(w.k, k.data, k.ld, n, KEYS, hd);
  std::fill(w.dk, w.dk + KEYS * width, 0.0f);
  std::fill(w.dv, w.dv + KEYS * width, 0.0f);

  for (int64_t head = kv_head * sharing; head < (kv_head + 1) * sharing; head++)
    for (int64_t t = seen_by.begin / ROWS; t * ROWS < seen_by.end; t++) {
      if (device.cancelled()) return;
      const int64_t i0 = t * ROWS, rows = std::min(ROWS, a.q.rows - i0);
      query_tile(g, w, head, i0, rows, c0, n);

      Rows of_keys[KEYS / MR];
      for (int64_t m = 0; m < n; m += MR) {
        const Rows r = rows_that_see(a, c0 + m, std::min(c0 + m + MR, a.k.rows));
        const int64_t begin = std::clamp<int64_t>(r.begin - i0, 0, rows);
        of_keys[m / MR] = {begin, std::clamp<int64_t>(r.end - i0, begin, rows)};
      }
      multiply_transposed(n, hd, of_keys, w.p, w.d_o, w.dv, width);
      multiply_transposed(n, hd, of_keys, w.ds, w.q, w.dk, width);

      Turn &turn = turns[head * tiles + t];
      if (!wait_turn(device, turn, (int32_t)block)) return;
      add_rows((float *)g.dq.data + i0 * g.dq.ld + head * hd, g.dq.ld, w.dq, width, rows, hd, a.scale);
      turn.store((int32_t)block + 1, std::memory_order_release);
    }

  add_rows((float *)g.dk.data + c0 * g.dk.ld + kv_head * hd, g.dk.ld, w.dk, width, n, hd, a.scale);
  add_rows((float *)g.dv.data + c0 * g.dv.ld + kv_head * hd, g.dv.ld, w.dv, width, n, hd, 1.0f);
}

} // namespace ctx_cpu
