// attention_decode.cc: attention of one query row, as when text is generated with a KV cache. Bound by memory: K and V are read once, in
// order, for all query heads that share them, and the keys are cut into segments so that every thread has some.
//
//   partial (m, l, o) of a segment = (max s, sum 2^(s - m), sum 2^(s - m) v)           s in base 2
//   merged: M = max m, o = sum 2^(m - M) o / sum 2^(m - M) l, lse = ln(2) (M + log2 sum 2^(m - M) l)
//
// FLOPs 4 head_dim heads keys; bytes 8 head_dim kv_heads keys. Segments don't depend on the number of threads, nor do the bits.
//
// defines: decode_units, decode_unit, decode_merge
#include "attention_parts.h"
#include "attention_tile.h"

namespace ctx_cpu {

namespace {

constexpr float LOG2E = 1.44269504f, LN2 = 0.693147181f;
constexpr int64_t SEGMENTS = DECODE_SEGMENTS; // at most; of at least 512 keys
constexpr int64_t KEYS = DECODE_KEYS;         // at a time: 16 KiB of K at head_dim 64, still in L1 when the next query head comes

int64_t segment_keys(int64_t keys) { return std::max<int64_t>(512, round_up((keys + SEGMENTS - 1) / SEGMENTS, KEYS)); }
int64_t segments(int64_t keys) { return (keys + segment_keys(keys) - 1) / segment_keys(keys); }

// A partial result: o[head_dim], padded; then m and l.
int64_t partial_width(int64_t head_dim) { return round_up(head_dim, NR) + 2; }

float dot(const float *x, const float *y, int64_t n) {
  vf sum = zero();
  for (int64_t d = 0; d < n; d += W) sum = fma(get(x + d, n - d), get(y + d, n - d), sum);
  return reduce_add(sum);
}

// A block of rows in fp32.
struct RowsF32 {
  const float *data;
  int64_t ld;
};

// Elements [row, row + rows) x [col, col + n) of x: where they are if x is fp32, else widened into `stage` [rows][n].
RowsF32 read_rows(const ctx_mat &x, int64_t row, int64_t col, int64_t rows, int64_t n, float *stage) {
  if (x.dtype == CTX_F32) return {at<float>(x, row, col), x.ld};
  pack_rows<Single>(stage, n, at<Bf16>(x, row, col), x.ld, rows, n);
  return {stage, n};
}

} // namespace

int64_t decode_units(const ctx_attention &a) {
  const Keys seen = visible_keys(a, 0);
  return seen.empty() ? 0 : segments(seen.end - seen.begin) * a.kv_heads;
}

void decode_unit(const ctx_device &device, const ctx_attention &a, int64_t unit, float *work, float *partials) {
  const int64_t hd = a.head_dim, sharing = a.heads / a.kv_heads, kv_head = unit % a.kv_heads, segment = unit / a.kv_heads;
  const Keys seen = visible_keys(a, 0);
  const int64_t step = segment_keys(seen.end - seen.begin);
  const int64_t begin = seen.begin + segment * step, end = std::min(seen.end, begin + step);

  const int64_t width = partial_width(hd), padded = width - 2;
  float *const q = work, *const p = q + a.heads * hd, *const packed = p + a.heads * KEYS, *const k_stage = packed + KEYS * round_up(hd, NR),
        *const v_stage = k_stage + KEYS * hd;
  float *const o = partials + (segment * a.heads + kv_head * sharing) * width;
  const RowsF32 q_row = read_rows(a.q, 0, kv_head * sharing * hd, 1, sharing * hd, q);
  for (int64_t d = 0; d < sharing * hd; d++) q[d] = q_row.data[d] * (a.scale * LOG2E);
  for (int64_t g = 0; g < sharing; g++) {
    std::fill(o + g * width, o + g * width + padded, 0.0f);
    o[g * width + padded] = -INFINITY;
    o[g * width + padded + 1] = 0.0f;
  }

  for (int64_t tile = begin; tile < end; tile += KEYS) {
    if (device.cancelled()) return;
    const int64_t n = std::min(KEYS, end - tile);
    const RowsF32 k_rows = read_rows(a.k, tile, kv_head * hd, n, hd, k_stage), v_rows = read_rows(a.v, tile, kv_head * hd, n, hd, v_stage);
    const float *const k = k_rows.data, *const v = v_rows.data;

    for (int64_t j = 0; j < n; j++)
      for (int64_t g = 0; g < sharing; g++) p[g * KEYS + j] = dot(q + g * hd, k + j * k_rows.ld, hd);

    for (int64_t g = 0; g < sharing; g++) {
      float &m = o[g * width + padded], &l = o[g * width + padded + 1];
      vf top = set1(m);
      for (int64_t j = 0; j < n; j += W) top = vmax(select_first(n - j, load(p + g * KEYS + j), set1(m)), top);
      const float best = reduce_max(top);
      if (best > m) {
        const float factor = exp2f(m - best);
        for (int64_t d = 0; d < padded; d += W) store(o + g * width + d, load(o + g * width + d) * factor);
        l *= factor;
        m = best;
      }
      vf sum = zero();
      for (int64_t j = 0; j < n; j += W) {
        const vf e = select_first(n - j, exp2v(load(p + g * KEYS + j) - m), zero());
        store(p + g * KEYS + j, e);
        sum += e;
      }
      l += reduce_add(sum);
    }

    for (int64_t d = 0; d < hd; d += NR) {
      const bool whole = hd - d >= NR; // otherwise the panel would read past the row
      if (!whole) pack_panel_rows<Single>(packed, NR, v + d, v_rows.ld, n, hd - d);
      for (int64_t g = 0; g < sharing; g += MR)
        edge_tile<Single, true>(std::min<int64_t>(MR, sharing - g), std::min<int64_t>(NR, round_up(hd - d, W)), n, p + g * KEYS, KEYS, 1,
                                whole ? v + d : packed, whole ? v_rows.ld : NR, o + g * width + d, width);
    }
  }
}

void decode_merge(const ctx_attention &a, const float *partials) {
  const int64_t hd = a.head_dim, width = partial_width(hd), padded = width - 2;
  const Keys seen = visible_keys(a, 0);
  const int64_t count = seen.empty() ? 0 : segments(seen.end - seen.begin);
  for (int64_t h = 0; h < a.heads; h++) {
    const auto partial = [&](int64_t s) { return partials + (s * a.heads + h) * width; };
    const float carried = a.merge ? a.lse[h] * LOG2E : -INFINITY;
    float m = carried;
    bool nothing = carried == -INFINITY; // l is NaN where all scores were
    for (int64_t s = 0; s < count; s++) {
      m = std::max(m, partial(s)[padded]);
      nothing &= partial(s)[padded + 1] == 0.0f;
    }
    if (nothing) {
      with_types([&]<class O>(O) { std::fill_n(at<O>(a.o, 0, h * hd), hd, O{}); }, a.o);
      a.lse[h] = -INFINITY;
      continue;
    }
    float l = exp2f(carried - m);
    for (int64_t s = 0; s < count; s++) l += exp2f(partial(s)[padded] - m) * partial(s)[padded + 1];
    with_types([&]<class O>(O) {
      O *const o = at<O>(a.o, 0, h * hd);
      for (int64_t d = 0; d < hd; d += W) {
        vf sum = a.merge ? get(o + d, hd - d) * exp2f(carried - m) : ctx_simd::zero();
        for (int64_t s = 0; s < count; s++) sum = fma(load(partial(s) + d), set1(exp2f(partial(s)[padded] - m)), sum);
        put(o + d, sum / l, hd - d);
      }
    }, a.o);
    a.lse[h] = (m + log2f(l)) * LN2;
  }
}

} // namespace ctx_cpu
