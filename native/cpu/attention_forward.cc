// attention_forward.cc: O = softmax(scale Q K^T) V and its log-sum-exp, by key tiles with the online softmax (Milakov & Gimelshein 2018).
//
// A unit of work is a block of query rows of a few heads that share a key-value head. For each tile of keys, packed once per unit:
//
//   S = (scale log2(e) Q) K^T          m' = max(m, row max S)          P = 2^(S - m')
//   O = 2^(m - m') O + P V             l = 2^(m - m') l + row sum P
//
// and at the end o = O / l, lse = ln(2) (m + log2 l). A merge starts from the carried (o, lse) as O = o, l = 1, m = log2(e) lse.
//
// FLOPs 4 head_dim per visible pair. Bytes from memory per unit: its Q and O once, K and V of all visible keys once:
// 2 head_dim 4 bytes a key for 4 head_dim FORWARD_ROWS FLOPs, 96 FLOPs a byte.
//
// defines: forward_units, forward_workspace, forward_unit
#include "attention_parts.h"
#include "attention_tile.h"

namespace ctx_cpu {

namespace {

constexpr float LOG2E = 1.44269504f, LN2 = 0.693147181f;

// How the call is cut. Heads that share keys are taken together, as many as leave a strip of rows to each.
struct Blocks {
  int64_t together, rows, per_head, groups;
  explicit Blocks(const ctx_attention &a) {
    const int64_t sharing = a.heads / a.kv_heads;
    together = std::min(sharing, FORWARD_ROWS / STRIP);
    while (sharing % together) together--;
    rows = FORWARD_ROWS / together / STRIP * STRIP;
    per_head = (a.q.rows + rows - 1) / rows;
    groups = a.heads / together;
  }
};

// One row of the online softmax over columns [c0, c1) of s, whole panels: s becomes P; m, l and the row of O follow.
template <bool MASKED>
CTX_INLINE void softmax_row(float *s, int64_t c0, int64_t c1, Keys seen, float &m, float &l, float *o, int64_t width) {
  vf top = set1(m);
  for (int64_t c = c0; c < c1; c += W) {
    vf x = load(s + c);
    if constexpr (MASKED) store(s + c, x = hide(x, c, seen, -INFINITY));
    top = vmax(top, x);
  }
  const float best = reduce_max(top);
  if (best == -INFINITY) { // nothing seen so far, or nothing but NaN, which a maximum passes over
    for (int64_t c = std::max(c0, seen.begin); c < std::min(c1, seen.end); c++)
      if (s[c] != s[c]) l = NAN;
    std::fill(s + c0, s + c1, 0.0f); // 2^(-inf + inf) must not be formed
    return;
  }
  if (best > m) {
    const float factor = exp2f(m - best);
    for (int64_t d = 0; d < width; d += W) store(o + d, load(o + d) * factor);
    l *= factor;
    m = best;
  }
  vf sum = zero();
  for (int64_t c = c0; c < c1; c += W) {
    vf p = exp2v(load(s + c) - best);
    if constexpr (MASKED) p = hide(p, c, seen, 0.0f);
    store(s + c, p);
    sum += p;
  }
  l += reduce_add(sum);
}

} // namespace

int64_t forward_units(const ctx_attention &a) {
  const Blocks b(a);
  return b.per_head * b.groups;
}

int64_t forward_workspace(int64_t head_dim) {
  const int64_t width = round_up(head_dim, NR);
  return FORWARD_KEYS * (head_dim + width) + FORWARD_ROWS * (head_dim + width + 2) + STRIP * FORWARD_KEYS + 64 + std::max(FORWARD_ROWS, FORWARD_KEYS) * head_dim;
}

// Units are numbered from the last rows to the first: with causal attention the longest come first.
void forward_unit(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work) {
  const Blocks b(a);
  const int64_t hd = a.head_dim, width = round_up(hd, W);
  const int64_t i0 = (b.per_head - 1 - unit / b.groups) * b.rows, rows = std::min(b.rows, a.q.rows - i0);
  const int64_t head0 = unit % b.groups * b.together, kv_head = head0 / (a.heads / a.kv_heads);
  const Keys keys = visible_keys(a, i0, i0 + rows);
  if (keys.empty() && a.merge) return;

  float *const kt = work, *const v = kt + FORWARD_KEYS * hd, *const q = v + FORWARD_KEYS * round_up(hd, NR);
  float *const o = q + FORWARD_ROWS * hd, *const s = o + FORWARD_ROWS * width;
  float *const m = s + STRIP * FORWARD_KEYS, *const l = m + FORWARD_ROWS, *const stage = l + FORWARD_ROWS + 64;

  for (int64_t g = 0; g < b.together; g++) {
    const int64_t head = head0 + g, at = g * b.rows;
    const RowsF32 q_rows = read_rows(a.q, i0, head * hd, rows, hd, stage);
    copy_rows(q + at * hd, hd, q_rows.data, q_rows.ld, rows, hd, a.scale * LOG2E);
    if (a.merge)
      copy_rows(o + at * width, width, ctx_cpu::at<float>(a.o, i0, head * hd), a.o.ld, rows, hd, 1.0f);
    else
      std::fill(o + at * width, o + (at + round_up(rows, MR)) * width, 0.0f);
    for (int64_t r = 0; r < rows; r++) {
      m[at + r] = a.merge ? a.lse[head * a.q.rows + i0 + r] * LOG2E : -INFINITY;
      l[at + r] = m[at + r] == -INFINITY ? 0.0f : 1.0f;
    }
  }

  for (int64_t tile = keys.begin; tile < keys.end; tile += FORWARD_KEYS) {
    if (device.cancelled()) return;
    const int64_t n = std::min(FORWARD_KEYS, keys.end - tile);
    const RowsF32 k_rows = read_rows(a.k, tile, kv_head * hd, n, hd, stage);
    pack_transposed(kt, k_rows.data, k_rows.ld, n, hd);
    const RowsF32 v_rows = read_rows(a.v, tile, kv_head * hd, n, hd, stage);
    pack_values(v, v_rows.data, v_rows.ld, n, FORWARD_KEYS, hd);
    const int64_t next = std::min(FORWARD_KEYS, keys.end - tile - n);
    prefetch_rows(a.k, tile + n, kv_head * hd, next, hd);
    prefetch_rows(a.v, tile + n, kv_head * hd, next, hd);

    for (int64_t g = 0; g < b.together; g++)
      for (int64_t r0 = 0; r0 < rows; r0 += STRIP) {
        const int64_t at = g * b.rows + r0, strip = std::min(STRIP, rows - r0);
        const auto here = [&](Keys k) { return Keys{std::max<int64_t>(k.begin - tile, 0), std::min(k.end - tile, n)}; };
        const Keys any = here(visible_keys(a, i0 + r0, i0 + r0 + strip)), all = here(seen_by_all(a, i0 + r0, i0 + r0 + strip));
        if (any.empty()) continue;
        const int64_t c0 = any.begin / NR * NR, c1 = round_up(any.end, NR);

        multiply<Single, false>(strip, c1 - c0, hd, q + at * hd, hd, 1, kt + c0 * hd, NR * hd, NR, s + c0, FORWARD_KEYS);
        if (all.begin <= c0 && c1 <= all.end)
          for (int64_t r = 0; r < strip; r++)
            softmax_row<false>(s + r * FORWARD_KEYS, c0, c1, all, m[at + r], l[at + r], o + (at + r) * width, width);
        else
          for (int64_t r = 0; r < strip; r++)
            softmax_row<true>(s + r * FORWARD_KEYS, c0, c1, here(visible_keys(a, i0 + r0 + r)), m[at + r], l[at + r],
                              o + (at + r) * width, width);
        multiply<Single, true>(strip, hd, c1 - c0, s + c0, FORWARD_KEYS, 1, v + c0 * NR, FORWARD_KEYS * NR, NR, o + at * width, width);
      }
  }

  for (int64_t g = 0; g < b.together; g++)
    for (int64_t r = 0; r < rows; r++) {
      const int64_t at = g * b.rows + r;
      const float weight = l[at] == 0.0f ? 0.0f : 1.0f / l[at];
      with_types([&]<class O>(O) {
        O *const row = ctx_cpu::at<O>(a.o, i0 + r, (head0 + g) * hd);
        for (int64_t d = 0; d < hd; d += W) put(row + d, load(o + at * width + d) * weight, hd - d);
      }, a.o);
      a.lse[(head0 + g) * a.q.rows + i0 + r] = l[at] == 0.0f ? -INFINITY : (m[at] + log2f(l[at])) * LN2;
    }
}

} // namespace ctx_cpu
