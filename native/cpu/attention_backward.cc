// attention_backward.cc: dQ, dK, dV of attention from the whole row's lse and delta.
//
// A unit of work is a block of keys of one key-value head. It walks over the query tiles that see any of them, for every query head that
// shares the keys, and keeps dK and dV in its own memory:
//
//   S = Q K^T        dP = dO V^T        P = 2^(scale log2(e) S - log2(e) lse)        dS = P (dP - delta)
//   dV += P^T dO     dK += scale dS^T Q                dQ += scale dS K
//
// Where words are pairs of bf16 (words.h), P, dS and dO are rounded to bf16 for these products; the sums are fp32.
//
// dQ is shared by all units of a head. Each query tile takes its contributions in the order of the key blocks: a unit waits for its
// turn (`turns`, one counter per query head and tile), which units started in order seldom have to. So there are no partial sums to
// store or reduce, and the bits don't depend on the number of threads.
//
// FLOPs 10 head_dim per visible pair. Bytes per unit and query tile: Q, dO read, dQ read and written, 16 head_dim bytes a row for
// 10 head_dim BACKWARD_KEYS FLOPs, 60 FLOPs a byte.
//
// defines: backward_terms, backward_units, start_turns, backward_unit
#include "attention_parts.h"
#include "attention_tile.h"

#include <thread>
#include <utility>

namespace ctx_cpu {

namespace {

constexpr float LOG2E = 1.44269504f;
constexpr int64_t KEYS = BACKWARD_KEYS, STRIDE = KEYS + PAD;

// Query rows at a time.
template <class E> constexpr int64_t ROWS = E::TERMS * BACKWARD_ROWS;

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

// What a row of S and dP needs to become P and dS / scale.
struct Row {
  Keys seen;
  float lse, delta;
};

// TERMS rows of S and dP, STRIDE apart, over some columns: p and ds get the words of P and dS across the rows; in pairs, the words of dS
// along each row take the place of the first numbers of dp, from dp + words(columns.c0) on.
template <class E> CTX_INLINE void gradient_rows(const float *s, float *dp, float *p, float *ds, const Columns &columns, const Row *rows, float scale) {
  constexpr int64_t TERMS = E::TERMS;
  vf lse[TERMS], delta[TERMS];
  for (int64_t r = 0; r < TERMS; r++) lse[r] = set1(-rows[r].lse * LOG2E), delta[r] = set1(rows[r].delta);
  const vf a = set1(scale * LOG2E);
  columns.each([&](auto masked, int64_t c) __attribute__((always_inline)) {
    vf weight[2][TERMS], slope[2][TERMS];
#pragma GCC unroll 2
    for (int64_t h = 0; h < 2; h++)
#pragma GCC unroll 2
      for (int64_t r = 0; r < TERMS; r++) {
        const int64_t at = c + h * W;
        vf x = fma(load(s + r * STRIDE + at), a, lse[r]);
        if (masked) x = hide(x, at, rows[r].seen, 0.0f); // an invisible score may lie far above lse
        const vf e = exp2_of<E>(x), d = e * (load(dp + r * STRIDE + at) - delta[r]);
        weight[h][r] = masked ? hide(e, at, rows[r].seen, 0.0f) : e;
        slope[h][r] = masked ? hide(d, at, rows[r].seen, 0.0f) : d;
      }
#pragma GCC unroll 2
    for (int64_t h = 0; h < 2; h++) {
      E::put_across(p + c + h * W, weight[h]);
      E::put_across(ds + c + h * W, slope[h]);
    }
    if constexpr (TERMS > 1)
#pragma GCC unroll 2
      for (int64_t r = 0; r < TERMS; r++) E::put_along(dp + r * STRIDE + words<E>(c), slope[0][r], slope[1][r]);
  });
}

// C[keys][head_dim] += A^T . B over query rows, skipping the rows that can't see a register tile's keys: rows[m] for keys m .. m + MR.
// A and B hold words across the rows.
template <class E> void multiply_transposed(int64_t keys, int64_t head_dim, const Rows *rows, const float *A, const float *B, float *C, int64_t width) {
  for (int64_t n = 0; n < head_dim; n += NR)
    for (int64_t m = 0; m < keys; m += MR) {
      const int64_t begin = rows[m / MR].begin / E::TERMS, end = words<E>(rows[m / MR].end);
      const float *const a = A + begin * STRIDE + m, *const b = B + begin * width + n;
      float *const c = C + m * width + n;
      if (head_dim - n >= NR) microkernel<E, true>(end - begin, a, 1, STRIDE, b, width, c, width);
      else edge_tile<E, true>(MR, round_up(head_dim - n, W), end - begin, a, 1, STRIDE, b, width, c, width);
    }
}

// y[rows][n] += alpha x[rows][width]
CTX_INLINE void add_rows(float *y, int64_t ld, const float *x, int64_t width, int64_t rows, int64_t n, float alpha) {
  const vf s = set1(alpha);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < n; j += W) {
      float *const to = y + i * ld + j;
      put(to, fma(s, load(x + i * width + j), get(to, n - j)), n - j);
    }
}

// A unit's memory, carved from the thread's scratch (backward_floats in scratch.h). "Along" and "across" as in words.h: where a word is one number they are the same.
template <class E> struct Buffers {
  float *kt, *vt, *k, *dk, *dv; // [KEYS] keys: K^T and V^T panels, K panels, sums
  float *q, *d_o;               // words of query rows, across
  float *q_along, *d_o_along;   // and along
  float *dq;                    // [ROWS][width]
  float *p, *ds;                // [words of ROWS][STRIDE], across
  float *s, *dp;                // [STRIP][STRIDE]
  Buffers(float *work, int64_t hd) {
    const int64_t width = round_up(hd, NR), depth = words<E>(hd), rows = words<E>(ROWS<E>);
    const auto take = [&](int64_t n) { return std::exchange(work, work + n); };
    kt = take(KEYS * depth), vt = take(KEYS * depth), k = take(words<E>(KEYS) * width), dk = take(KEYS * width), dv = take(KEYS * width);
    q = take(rows * width), d_o = take(rows * width), dq = take(ROWS<E> * width);
    q_along = E::TERMS == 1 ? q : take(ROWS<E> * depth), d_o_along = E::TERMS == 1 ? d_o : take(ROWS<E> * depth);
    p = take(rows * STRIDE), ds = take(rows * STRIDE), s = take(STRIP * STRIDE), dp = work;
  }
};

// Rows [row, row + rows) of one head of x, across and along, down to whole register tiles.
template <class E, class T> void pack_queries(float *across, float *along, int64_t width, const ctx_mat &x, int64_t row, int64_t rows, int64_t col, int64_t hd) {
  pack_panel_rows<E>(across, (int)width, at<T>(x, row, col), x.ld, rows, hd);
  if constexpr (E::TERMS > 1) pack_rows<E>(along, words<E>(hd), at<T>(x, row, col), x.ld, rows, hd);
  const int64_t depth = E::TERMS == 1 ? width : words<E>(hd);
  std::fill(along + rows * depth, along + round_up(rows, MR) * depth, 0.0f);
}

// P, dS and dQ / scale of query rows [i0, i0 + rows) against the keys [key0, key0 + n), strip by strip.
template <class E, class T> void query_tile(const ctx_attention_grad &g, const Buffers<E> &w, int64_t head, int64_t i0, int64_t rows, int64_t key0, int64_t n) {
  const ctx_attention &a = g.fwd;
  constexpr int64_t TERMS = E::TERMS;
  const int64_t hd = a.head_dim, width = round_up(hd, W), depth = words<E>(hd), distance = TERMS == 1 ? width : depth;
  const float *const lse = a.lse + head * a.q.rows, *const delta = g.delta + head * a.q.rows;
  pack_queries<E, T>(w.q, w.q_along, width, a.q, i0, rows, head * hd, hd);
  with_types([&]<class G>(G) { pack_queries<E, G>(w.d_o, w.d_o_along, width, g.d_o, i0, rows, head * hd, hd); }, g.d_o);
  const int64_t next = std::min(ROWS<E>, a.q.rows - i0 - rows);
  prefetch_rows(a.q, i0 + rows, head * hd, next, hd);
  prefetch_rows(g.d_o, i0 + rows, head * hd, next, hd);
  prefetch_rows(g.dq, i0, head * hd, rows, hd);

  for (int64_t r0 = 0; r0 < rows; r0 += STRIP) {
    const int64_t strip = std::min(STRIP, rows - r0), i = i0 + r0;
    const auto here = [&](Keys k) { return Keys{std::max<int64_t>(k.begin - key0, 0), std::min(k.end - key0, n)}; };
    const Keys any = here(visible_keys(a, i, i + strip)), all = here(seen_by_all(a, i, i + strip));
    const Columns c(any, all);

    multiply<E, false>(strip, c.c1 - c.c0, depth, w.q_along + r0 * distance, distance, 1, w.kt + c.c0 * depth, NR * depth, NR, w.s + c.c0, STRIDE);
    multiply<E, false>(strip, c.c1 - c.c0, depth, w.d_o_along + r0 * distance, distance, 1, w.vt + c.c0 * depth, NR * depth, NR, w.dp + c.c0, STRIDE);
    for (int64_t r = 0; r < strip; r += TERMS) {
      Row of[TERMS];
      Columns of_rows = c;
      for (int64_t t = 0; t < TERMS; t++) {
        const bool there = r + t < strip && lse[i + r + t] != -INFINITY; // else the row is not there, or sees nothing at all
        of[t] = there ? Row{here(visible_keys(a, i + r + t)), lse[i + r + t], delta[i + r + t]} : Row{{0, 0}, 0, 0};
        if (!there) of_rows.plain = {c.c1, c.c1};
      }
      float *const p = w.p + (r0 + r) / TERMS * STRIDE, *const ds = w.ds + (r0 + r) / TERMS * STRIDE;
      gradient_rows<E>(w.s + r * STRIDE, w.dp + r * STRIDE, p, ds, of_rows, of, a.scale);
      for (float *row : {p, ds}) { // dV and dK read whole register tiles of keys
        std::fill(row, row + c.c0, 0.0f);
        std::fill(row + c.c1, row + KEYS, 0.0f);
      }
    }
    const float *const along = TERMS == 1 ? w.ds + r0 * STRIDE : w.dp;
    multiply<E, false>(strip, hd, words<E>(c.c1 - c.c0), along + words<E>(c.c0), STRIDE, 1, w.k + words<E>(c.c0) * NR, words<E>(KEYS) * NR, NR, w.dq + r0 * width, width);
  }
}

// See backward_unit; T: what q, k and v are stored as.
template <class T> void backward(const ctx_device &device, const ctx_attention_grad &g, int64_t unit, float *work, Turn *turns) {
  using E = WordsOf<T>;
  const ctx_attention &a = g.fwd;
  const int64_t hd = a.head_dim, width = round_up(hd, W), sharing = a.heads / a.kv_heads, tiles = ceil_div(a.q.rows, ROWS<E>);
  const int64_t block = unit / a.kv_heads, kv_head = unit % a.kv_heads;
  const int64_t c0 = block * KEYS, n = std::min(KEYS, a.k.rows - c0);
  const Rows seen_by = rows_that_see(a, c0, c0 + n);
  if (seen_by.begin >= seen_by.end) return;

  const Buffers<E> w(work, hd);
  const T *const k = at<T>(a.k, c0, kv_head * hd), *const v = at<T>(a.v, c0, kv_head * hd);
  pack_transposed<E>(w.vt, v, a.v.ld, n, hd);
  pack_transposed<E>(w.kt, k, a.k.ld, n, hd);
  pack_values<E>(w.k, k, a.k.ld, n, KEYS, hd);
  std::fill(w.dk, w.dk + KEYS * width, 0.0f);
  std::fill(w.dv, w.dv + KEYS * width, 0.0f);

  for (int64_t head = kv_head * sharing; head < (kv_head + 1) * sharing; head++)
    for (int64_t t = seen_by.begin / ROWS<E>; t * ROWS<E> < seen_by.end; t++) {
      if (device.cancelled()) return;
      const int64_t i0 = t * ROWS<E>, rows = std::min(ROWS<E>, a.q.rows - i0);
      query_tile<E, T>(g, w, head, i0, rows, c0, n);

      Rows of_keys[KEYS / MR];
      for (int64_t m = 0; m < n; m += MR) {
        const Rows r = rows_that_see(a, c0 + m, std::min(c0 + m + MR, a.k.rows));
        const int64_t begin = std::clamp<int64_t>(r.begin - i0, 0, rows);
        of_keys[m / MR] = {begin, std::clamp<int64_t>(r.end - i0, begin, rows)};
      }
      multiply_transposed<E>(n, hd, of_keys, w.p, w.d_o, w.dv, width);
      multiply_transposed<E>(n, hd, of_keys, w.ds, w.q, w.dk, width);

      Turn &turn = turns[head * tiles + t];
      if (!wait_turn(device, turn, (int32_t)block)) return;
      add_rows((float *)g.dq.data + i0 * g.dq.ld + head * hd, g.dq.ld, w.dq, width, rows, hd, a.scale);
      turn.store((int32_t)block + 1, std::memory_order_release);
    }

  add_rows((float *)g.dk.data + c0 * g.dk.ld + kv_head * hd, g.dk.ld, w.dk, width, n, hd, a.scale);
  add_rows((float *)g.dv.data + c0 * g.dv.ld + kv_head * hd, g.dv.ld, w.dv, width, n, hd, 1.0f);
}

} // namespace

int64_t backward_terms(const ctx_attention &a) { return a.q.dtype == CTX_F32 ? WordsOf<float>::TERMS : WordsOf<Bf16>::TERMS; }

int64_t backward_units(const ctx_attention &a) { return ceil_div(a.k.rows, KEYS) * a.kv_heads; }

// The first key block that will add to each query tile.
void start_turns(const ctx_attention &a, Turn *turns) {
  const int64_t rows = backward_terms(a) * BACKWARD_ROWS, tiles = ceil_div(a.q.rows, rows);
  for (int64_t h = 0; h < a.heads; h++)
    for (int64_t t = 0; t < tiles; t++) turns[h * tiles + t].store((int32_t)(visible_keys(a, t * rows).begin / KEYS));
}

// Units are numbered key block by key block, heads inside: with causal attention the longest come first, and a unit's
// predecessors in `turns` all have lower numbers.
void backward_unit(const ctx_device &device, const ctx_attention_grad &g, int64_t unit, float *work, Turn *turns) {
  with_types([&]<class T>(T) { backward<T>(device, g, unit, work, turns); }, g.fwd.q);
}

} // namespace ctx_cpu
