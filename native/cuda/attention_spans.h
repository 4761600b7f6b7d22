// attention_spans.h: which keys a query sees and which queries see a key, and from that which tiles a tile must visit and which of those need a
// mask. Plain functions, the same on the host, where test/cuda/layout_test.cc holds them against every pair.
//
// Query i (a row of q) sees keys [max(0, start[i] - k_index), causal ? q_index + i - k_index + 1 : k_rows). Because start never decreases, both
// ends of these spans never decrease with i, so a key is seen by one span of queries, and the same holds for those: one code serves both
// directions. "Line" below is a query whose span is of keys, or a key whose span is of queries.
//
// defines: Span, Visibility, TileSpan, tiles_of
#pragma once
#include "../include/ctx_backend.h"
#include "layout_sm90.h"

namespace ctx_cuda {

struct Span { // [begin, end); empty if end <= begin
  int begin, end;
  CTX_HD constexpr bool has(int i) const { return begin <= i && i < end; }
  CTX_HD constexpr bool empty() const { return end <= begin; }
};

CTX_HD constexpr int least(int a, int b) { return a < b ? a : b; }
CTX_HD constexpr int most(int a, int b) { return a < b ? b : a; }
CTX_HD constexpr int tile_count(int rows, int tile) { return (rows + tile - 1) / tile; }

// Rows of a call and where they stand; all indices below 2^31.
struct Visibility {
  int q_rows, k_rows;
  int k_index, ahead; // ahead = q_index - k_index
  const int32_t *start;
  bool causal;

  explicit Visibility(const ctx_attention &a)
      : q_rows(int(a.q.rows)), k_rows(int(a.k.rows)), k_index(int(a.k_index)), ahead(int(a.q_index - a.k_index)), start(a.start), causal(a.causal != 0) {}

  CTX_HD constexpr Span keys_of(int query) const { return {start ? most(start[query] - k_index, 0) : 0, causal ? most(0, least(ahead + query + 1, k_rows)) : k_rows}; }
  // Reads start about log2 q_rows times.
  CTX_HD constexpr Span queries_of(int key) const {
    int begin = causal ? most(key - ahead, 0) : 0, end = q_rows;
    if (start) // the first query whose document begins after the key
      for (int low = least(begin, q_rows); low < end;) {
        const int middle = low + (end - low) / 2;
        if (start[middle] <= k_index + key) low = middle + 1;
        else end = middle;
      }
    return {begin, end};
  }
};

// Tiles [begin, end) hold all that a range of lines sees; of those, every line sees all of [full_begin, full_end).
struct TileSpan {
  int begin, end, full_begin, full_end;
  CTX_HD constexpr int count() const { return end - begin; }
  CTX_HD constexpr bool has(int t) const { return begin <= t && t < end; }
  CTX_HD constexpr bool full(int t) const { return full_begin <= t && t < full_end; }
};

// For lines whose first and last span are these.
CTX_HD constexpr TileSpan tiles_of(Span first, Span last, int tile) {
  const int begin = first.begin, end = last.end;
  if (end <= begin) return {0, 0, 0, 0};
  return {begin / tile, tile_count(end, tile), tile_count(last.begin, tile), most(first.end, 0) / tile};
}

} // namespace ctx_cuda
