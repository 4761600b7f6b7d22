// attention_forward.cc: O = softmax(scale Q K^T) V and its log-sum-exp, by key tiles with the online softmax (Milakov & Gimelshein 2018).
//
// A unit of work is a block of query rows of a few heads that share a key-value head. For each tile of keys, packed once per unit:
//
//   S = scale log2(e) Q K^T            m' = max(m, row max S)          P = 2^(S - m')
//   O = 2^(m - m') O + P V             l = 2^(m - m') l + row sum P
//
// and at the end o = O / l, lse = ln(2) (m + log2 l). A merge starts from the carried (o, lse) as O = o, l = 1, m = log2(e) lse.
//
// Where words are pairs of bf16 (words.h), P is rounded to bf16 for P V; l sums it before it is rounded.
//
// FLOPs 4 head_dim per visible pair. Bytes from memory per unit: its Q and O once, K and V of all visible keys once:
// 2 head_dim 4 bytes a key for 4 head_dim FORWARD_ROWS FLOPs, 96 FLOPs a byte.
//
// defines: forward_units, forward_unit
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

// One row of the online softmax over some columns of s = S / scale: its words of P take the place of its first numbers, from
// s + words(columns.c0) on; m, l and the row of O follow. `scale` includes log2(e).
template <class E> CTX_INLINE void softmax_row(float *s, const Columns &columns, Keys seen, float scale, float &m, float &l, float *o, int64_t width) {
  vf top0 = set1(-INFINITY), top1 = top0;
  columns.each([&](auto masked, int64_t c) __attribute__((always_inline)) {
    const vf x0 = load(s + c), x1 = load(s + c + W);
    top0 = vmax(masked ? hide(x0, c, seen, -INFINITY) : x0, top0);
    top1 = vmax(masked ? hide(x1, c + W, seen, -INFINITY) : x1, top1);
  });
  const float top = reduce_max(vmax(top0, top1)), best = top == -INFINITY ? m : std::max(m, top * scale);
  if (best == -INFINITY) { // nothing seen so far, or nothing but NaN, which a maximum passes over
    for (int64_t c = std::max(columns.c0, seen.begin); c < std::min(columns.c1, seen.end); c++)
      if (s[c] != s[c]) l = NAN;
    std::fill(s + words<E>(columns.c0), s + words<E>(columns.c1), 0.0f); // 2^(-inf + inf) must not be formed
    return;
  }
  if (best > m) {
    const float factor = exp2f(m - best);
    for (int64_t d = 0; d < width; d += W) store(o + d, load(o + d) * factor);
    l *= factor;
    m = best;
  }
  const vf a = set1(scale), b = set1(-best);
  vf sum0 = zero(), sum1 = zero();
  columns.each([&](auto masked, int64_t c) __attribute__((always_inline)) {
    vf x0 = fma(load(s + c), a, b), x1 = fma(load(s + c + W), a, b);
    if (masked) x0 = hide(x0, c, seen, -INFINITY), x1 = hide(x1, c + W, seen, -INFINITY); // an invisible score may be NaN, or lie far above
    vf p0 = exp2_of<E>(x0), p1 = exp2_of<E>(x1);
    if (masked) p0 = hide(p0, c, seen, 0.0f), p1 = hide(p1, c + W, seen, 0.0f);
    E::put_along(s + words<E>(c), p0, p1);
    sum0 += p0;
    sum1 += p1;
  });
  l += reduce_add(sum0 + sum1);
}

// See forward_unit; T: what q, k and v are stored as.
template <class T> void forward(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work) {
  using E = WordsOf<T>;
  const Blocks b(a);
  const int64_t hd = a.head_dim, depth = words<E>(hd), width = round_up(hd, W), KEYS = forward_keys(TILE, hd);
  const int64_t i0 = (b.per_head - 1 - unit / b.groups) * b.rows, rows = std::min(b.rows, a.q.rows - i0);
  const int64_t head0 = unit % b.groups * b.together, kv_head = head0 / (a.heads / a.kv_heads);
  const Keys keys = visible_keys(a, i0, i0 + rows);
  if (keys.empty() && a.merge) return;

  float *const kt = work, *const v = kt + KEYS * depth, *const q = v + words<E>(KEYS) * round_up(hd, NR);
  float *const o = q + FORWARD_ROWS * depth, *const s = o + FORWARD_ROWS * width;
  float *const m = s + STRIP * (KEYS + PAD), *const l = m + FORWARD_ROWS;

  for (int64_t g = 0; g < b.together; g++) {
    const int64_t head = head0 + g, at = g * b.rows;
    pack_rows<E>(q + at * depth, depth, ctx_cpu::at<T>(a.q, i0, head * hd), a.q.ld, rows, hd);
    std::fill(q + (at + rows) * depth, q + (at + round_up(rows, MR)) * depth, 0.0f);
    if (a.merge) pack_panel_rows<Single>(o + at * width, (int)width, ctx_cpu::at<float>(a.o, i0, head * hd), a.o.ld, rows, hd);
    std::fill(o + (at + (a.merge ? rows : 0)) * width, o + (at + round_up(rows, MR)) * width, 0.0f);
    for (int64_t r = 0; r < rows; r++) {
      m[at + r] = a.merge ? a.lse[head * a.q.rows + i0 + r] * LOG2E : -INFINITY;
      l[at + r] = m[at + r] == -INFINITY ? 0.0f : 1.0f;
    }
  }

  const int64_t strips = b.together * ceil_div(rows, STRIP);
  for (int64_t tile = keys.begin; tile < keys.end; tile += KEYS) {
    if (device.cancelled()) return;
    const int64_t n = std::min(KEYS, keys.end - tile);
    pack_transposed<E>(kt, ctx_cpu::at<T>(a.k, tile, kv_head * hd), a.k.ld, n, hd);
    pack_values<E>(v, ctx_cpu::at<T>(a.v, tile, kv_head * hd), a.v.ld, n, KEYS, hd);
    const int64_t ahead = ceil_div(KEYS, strips); // keys of the next tile that each strip asks for
    int64_t next = tile + n;

    for (int64_t g = 0; g < b.together; g++)
      for (int64_t r0 = 0; r0 < rows; r0 += STRIP) {
        const int64_t asked = std::min(ahead, keys.end - next);
        prefetch_rows(a.k, next, kv_head * hd, asked, hd);
        prefetch_rows(a.v, next, kv_head * hd, asked, hd);
        next += asked;

        const int64_t at = g * b.rows + r0, strip = std::min(STRIP, rows - r0);
        const auto here = [&](Keys k) { return Keys{std::max<int64_t>(k.begin - tile, 0), std::min(k.end - tile, n)}; };
        const Keys any = here(visible_keys(a, i0 + r0, i0 + r0 + strip)), all = here(seen_by_all(a, i0 + r0, i0 + r0 + strip));
        if (any.empty()) continue;
        const Columns c(any, all);

        multiply<E, false>(strip, c.c1 - c.c0, depth, q + at * depth, depth, 1, kt + c.c0 * depth, NR * depth, NR, s + c.c0, KEYS + PAD);
        for (int64_t r = 0; r < strip; r++)
          softmax_row<E>(s + r * (KEYS + PAD), c, here(visible_keys(a, i0 + r0 + r)), a.scale * LOG2E, m[at + r], l[at + r],
                         o + (at + r) * width, width);
        multiply<E, true>(strip, hd, words<E>(c.c1 - c.c0), s + words<E>(c.c0), KEYS + PAD, 1, v + words<E>(c.c0) * NR, words<E>(KEYS) * NR, NR,
                          o + at * width, width);
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

} // namespace

int64_t forward_units(const ctx_attention &a) {
  const Blocks b(a);
  return b.per_head * b.groups;
}

// Units are numbered from the last rows to the first: with causal attention the longest come first.
void forward_unit(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work) {
  with_types([&]<class T>(T) { forward<T>(device, a, unit, work); }, a.q);
}

} // namespace ctx_cpu
