// scratch.h: how a matrix product is cut into blocks, and how much scratch memory the operations of this backend take for it.
//
// defines: KC, MC, NC, A_ROW, GemmCut
#pragma once
#include <algorithm>
#include <cstdint>

#include "microkernel.h"

namespace ctx_cpu {

// Blocking, in words of 4 bytes.     | lives in | bytes (AVX2 / AVX-512)
constexpr int64_t KC = 512;           // B panel KC x NR   | L2 | 32 KB / 128 KB of 512 KB / 1 MB
constexpr int64_t MC = 144;           // A block MC x KC   | L2 | 295 KB
constexpr int64_t NC = 2048;          // B block KC x NC   | L3 | 4 MB
constexpr int64_t DEEP = 4;           // B block of a whole sum: at most this many times as much
constexpr int64_t A_ROW = KC + 16;    // distance of packed rows of A: not a power of two, so that they don't fall on each other in L1
constexpr int64_t MIN_COLUMNS = 128;  // narrowest strip of C worth an item
constexpr int64_t MAX_COLUMNS = 512;  // widest strip of a bf16 C: MC x 512 sums in fp32 | L2 | 295 KB

// How C [M, N] = op(A) [M, K] op(B) [K, N] is cut; `kc` divides K into blocks of equal length, from K alone. `terms`: numbers in a word.
// `beside`: sums are formed beside a bf16 C.
struct GemmCut {
  int64_t terms, kc, pass, nc, mc, strips_target;
  bool beside;

  GemmCut(int64_t M, int64_t N, int64_t K, int64_t terms, bool beside, int threads) : terms(terms), beside(beside) {
    kc = round_up(ceil_div(K, ceil_div(K, KC * terms)), 16 * terms);
    pass = beside ? round_up(K, kc) : kc;
    const int64_t widest = std::clamp<int64_t>(DEEP * KC * NC / (pass / terms) / NR * NR, NR, NC);
    nc = round_up(ceil_div(N, ceil_div(N, widest)), NR);
    // Row blocks in a multiple of the thread count, all about equally high; then strips, until there are a few items per thread.
    const int64_t row_blocks = ceil_div(M, MC);
    mc = round_up(ceil_div(M, row_blocks < threads ? row_blocks : round_up(row_blocks, threads)), MR);
    strips_target = ceil_div(threads == 1 ? 1 : 4 * threads, ceil_div(M, mc));
  }

  // Columns of an item, of n.
  int64_t strip(int64_t n) const {
    int64_t strips = std::clamp<int64_t>(strips_target, 1, std::max<int64_t>(1, n / MIN_COLUMNS));
    if (beside) strips = std::max(strips, ceil_div(n, MAX_COLUMNS));
    return round_up(ceil_div(n, strips), NR);
  }

  int64_t shared_floats() const { return pass / terms * nc; }
  int64_t thread_floats() const { return MC * A_ROW + (beside ? MC * MAX_COLUMNS : 0); }
};

} // namespace ctx_cpu
