// scratch.h: how matrix products and attention are cut into blocks, and so how much scratch memory of the device (ctx_device::reserve) they
// take. Plain arithmetic over the shape of the register tile, so that whoever counts memory can ask for any instruction set, or for the most
// that any takes: gemm_scratch, attention_scratch.
//
// defines: ceil_div, round_up, TileShape, TILES, KC, MC, NC, A_ROW, GemmCut, STRIP, PAD, BACKWARD_ROWS, forward_rows, forward_keys,
//          backward_keys, forward_floats, backward_floats, decode_*, ScratchSize, gemm_scratch, attention_scratch
#pragma once
#include <algorithm>
#include <cstdint>

namespace ctx_cpu {

inline constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline constexpr int64_t round_up(int64_t x, int64_t to) { return ceil_div(x, to) * to; }

// A register tile (microkernel.h): numbers in a vector; rows and columns of C.
struct TileShape {
  int64_t lanes, rows, columns;
  bool operator==(const TileShape &) const = default;
};
constexpr TileShape TILES[] = {{4, 6, 8}, {8, 6, 16}, {16, 6, 64}}; // portable, AVX2, AVX-512

// ---- matrix products (gemm.cc) ----

// Blocking, in words of 4 bytes.     | lives in | bytes (AVX2 / AVX-512)
constexpr int64_t KC = 512;           // B panel KC x NR   | L2 | 32 KB / 128 KB of 512 KB / 1 MB
constexpr int64_t MC = 144;           // A block MC x KC   | L2 | 295 KB
constexpr int64_t NC = 2048;          // B block KC x NC   | L3 | 4 MB
constexpr int64_t DEEP = 4;           // B block of a whole sum: at most this many times as much
constexpr int64_t A_ROW = KC + 16;    // distance of packed rows of A: not a power of two, so that they don't fall on each other in L1
constexpr int64_t MIN_COLUMNS = 128;  // narrowest strip of C worth an item
constexpr int64_t MAX_COLUMNS = 512;  // widest strip of a bf16 C: MC x 512 sums in fp32 | L2 | 295 KB

// How C [M, N] = op(A) [M, K] op(B) [K, N] is cut; `kc` divides K into blocks of equal length, from K alone. `terms`: numbers in a word.
// `beside`: sums are formed beside a bf16 C, over all of K.
struct GemmCut {
  TileShape tile;
  int64_t terms, kc, pass, nc, mc, strips_target;
  bool beside;

  GemmCut(TileShape tile, int64_t M, int64_t N, int64_t K, int64_t terms, bool beside, int threads) : tile(tile), terms(terms), beside(beside) {
    kc = round_up(ceil_div(K, ceil_div(K, KC * terms)), 16 * terms);
    pass = beside ? round_up(K, kc) : kc;
    const int64_t widest = std::clamp<int64_t>(DEEP * KC * NC / (pass / terms) / tile.columns * tile.columns, tile.columns, NC);
    nc = round_up(ceil_div(N, ceil_div(N, widest)), tile.columns);
    // Row blocks in a multiple of the thread count, all about equally high; then strips, until there are a few items per thread. A product
    // too narrow for a strip a thread is cut into more blocks.
    const int64_t row_blocks = std::max(ceil_div(M, MC), std::min(ceil_div(threads, std::max<int64_t>(1, nc / MIN_COLUMNS)), ceil_div(M, tile.rows)));
    mc = round_up(ceil_div(M, row_blocks < threads ? row_blocks : round_up(row_blocks, threads)), tile.rows);
    strips_target = ceil_div(threads == 1 ? 1 : 4 * threads, ceil_div(M, mc));
  }

  // Columns of an item, of n.
  int64_t strip(int64_t n) const {
    int64_t strips = std::clamp<int64_t>(strips_target, 1, std::max<int64_t>(1, n / MIN_COLUMNS));
    if (beside) strips = std::max(strips, ceil_div(n, MAX_COLUMNS));
    return round_up(ceil_div(n, strips), tile.columns);
  }

  int64_t shared_floats() const { return pass / terms * nc; }
  int64_t thread_floats() const { return MC * A_ROW + (beside ? MC * MAX_COLUMNS : 0); }
};

// ---- attention (attention_*.cc) ----

// Tile sizes, each with what it must fit (bytes at head_dim 64, in fp32; half where words are pairs of bf16). Multiples of tile rows and
// columns.
//
//                      portable  AVX2  AVX-512    what lies where
//   STRIP                 24      24      24      rows of S, softmax and O at a time: S 14 KiB in L1, 50 KiB in L2 with AVX-512
//   forward_keys         128     128     512      keys packed at a time: K and V 64 (256) KiB, in L2; fewer for longer heads
//   forward_rows         192     192     384      query rows over which one packing is shared: Q and O 96 (192) KiB, in L2
//   backward_keys         96      96     192      keys of a unit: K, K^T, V^T, dK, dV 120 (240) KiB, in L2
//   BACKWARD_ROWS         96      96      96      words of query rows at a time: P and dS 84 (156) KiB, Q, dO, dQ 72 KiB, in L2
constexpr int64_t STRIP = 24;
constexpr int64_t PAD = 16; // rows of S are this much longer than their keys, so that they don't fall on each other in L1
constexpr int64_t BACKWARD_ROWS = 96;
constexpr int64_t forward_rows(TileShape t) { return t.lanes == 16 ? 384 : 192; }
constexpr int64_t forward_keys(TileShape t, int64_t head_dim) {
  return t.lanes == 16 ? std::clamp<int64_t>(512 * 64 / head_dim / t.columns * t.columns, 128, 512) : 128;
}
constexpr int64_t backward_keys(TileShape t) { return t.lanes == 16 ? 192 : 96; }

// Per thread.
constexpr int64_t forward_floats(TileShape t, int64_t head_dim) {
  const int64_t width = round_up(head_dim, t.columns), keys = forward_keys(t, head_dim), rows = forward_rows(t);
  return keys * (head_dim + width) + rows * (head_dim + width + 2) + STRIP * (keys + PAD);
}
constexpr int64_t backward_floats(TileShape t, int64_t terms, int64_t head_dim) {
  const int64_t width = round_up(head_dim, t.columns), depth = ceil_div(head_dim, terms), keys = backward_keys(t);
  const int64_t query_rows = terms * BACKWARD_ROWS;
  const int64_t of_keys = keys * (2 * depth + 2 * width) + ceil_div(keys, terms) * width;
  const int64_t of_queries = 2 * BACKWARD_ROWS * width + query_rows * width + (terms == 1 ? 0 : 2 * query_rows * depth);
  return of_keys + of_queries + 2 * (BACKWARD_ROWS + STRIP) * (keys + PAD);
}
// Shared by all threads: counters, a float's size each.
constexpr int64_t backward_turns(int64_t terms, int64_t q_rows, int64_t heads) { return ceil_div(q_rows, terms * BACKWARD_ROWS) * heads; }

// One query row: key segments and keys at a time; per thread, and shared by all: a partial result of each segment and head.
constexpr int64_t DECODE_SEGMENTS = 32, DECODE_KEYS = 64;
constexpr int64_t decode_floats(TileShape t, int64_t heads, int64_t head_dim) {
  return heads * (head_dim + DECODE_KEYS) + DECODE_KEYS * (round_up(head_dim, t.columns) + 2 * head_dim);
}
constexpr int64_t decode_partials(TileShape t, int64_t heads, int64_t head_dim) { return DECODE_SEGMENTS * heads * (round_up(head_dim, t.columns) + 2); }

// ---- the most that any instruction set takes ----

// Bytes of scratch. A device keeps the largest of each that was ever asked for.
struct ScratchSize {
  int64_t shared, per_thread;
  int64_t bytes(int threads) const { return shared + threads * per_thread; }
};

// Of one product C [M, N] = op(A) [M, K] op(B) [K, N]; `bf16_c`: C is bf16.
inline ScratchSize gemm_scratch(int64_t M, int64_t N, int64_t K, bool bf16_c) {
  ScratchSize most = {0, 0};
  if (M == 0 || N == 0 || K == 0) return most;
  for (const TileShape &tile : TILES)
    for (const int64_t terms : {1, 2}) {
      const GemmCut cut(tile, M, N, K, terms, bf16_c, 1); // scratch does not depend on the number of threads
      most.shared = std::max(most.shared, 4 * cut.shared_floats());
      most.per_thread = std::max(most.per_thread, 4 * cut.thread_floats());
    }
  return most;
}

// Of one call with q_rows query rows; `backward`: of its gradient as well.
inline ScratchSize attention_scratch(int64_t q_rows, int64_t heads, int64_t head_dim, bool backward) {
  ScratchSize most = {0, 0};
  for (const TileShape &tile : TILES) {
    most.shared = std::max(most.shared, q_rows == 1 ? 4 * decode_partials(tile, heads, head_dim) : 0);
    most.per_thread = std::max(most.per_thread, 4 * (q_rows == 1 ? decode_floats(tile, heads, head_dim) : forward_floats(tile, head_dim)));
    if (!backward) continue;
    for (const int64_t terms : {1, 2}) {
      most.shared = std::max(most.shared, 4 * backward_turns(terms, q_rows, heads));
      most.per_thread = std::max(most.per_thread, 4 * backward_floats(tile, terms, head_dim));
    }
  }
  return most;
}

} // namespace ctx_cpu
