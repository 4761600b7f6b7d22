// zigzag.h: which tokens a ring rank holds, and which blocks of queries and keys meet at each step. Pure integer arithmetic.
//
// The sequence of `tokens` tokens is cut into 2P chunks. Rank r holds chunks r and 2P-1-r, so that an early chunk (few visible
// keys) and a late one (many) are together and every rank has the same causal work (zigzag: zhuzilin/ring-flash-attention; Llama 3,
// Dubey et al. 2024, section 3.3.2). Keys and values travel rank -> rank + 1: at step t rank r holds those of rank (r - t) mod P.
//
// defines: ZigzagChunk, zigzag_chunk, zigzag_chunk_of, zigzag_half, zigzag_local, zigzag_local_max, zigzag_source, zigzag_meets
#pragma once
#include <cstdint>

namespace ctx {

// Tokens [begin, begin + length) of the whole sequence.
struct ZigzagChunk {
  int64_t begin, length;
};

// Chunk c of 2 * world. Chunks differ by at most one token; all have tokens / (2 world) when that divides.
inline ZigzagChunk zigzag_chunk(int64_t tokens, int world, int c) {
  const int64_t n = 2 * (int64_t)world;
  const int64_t begin = tokens / n * c + tokens % n * c / n, end = tokens / n * (c + 1) + tokens % n * (c + 1) / n;
  return {begin, end - begin};
}

// The chunk that is half 0 or 1 of rank's local rows.
inline int zigzag_chunk_of(int rank, int world, int half) { return half == 0 ? rank : 2 * world - 1 - rank; }

// Half 0 or 1 of rank's local rows: half 0 lies at local row 0, half 1 follows it.
inline ZigzagChunk zigzag_half(int64_t tokens, int world, int rank, int half) {
  return zigzag_chunk(tokens, world, zigzag_chunk_of(rank, world, half));
}

// Local rows of a rank.
inline int64_t zigzag_local(int64_t tokens, int world, int rank) {
  return zigzag_half(tokens, world, rank, 0).length + zigzag_half(tokens, world, rank, 1).length;
}

// The most local rows any rank has.
inline int64_t zigzag_local_max(int64_t tokens, int world) {
  int64_t most = 0;
  for (int r = 0; r < world; r++) {
    const int64_t n = zigzag_local(tokens, world, r);
    if (n > most) most = n;
  }
  return most;
}

// The rank whose keys and values `rank` holds at step t.
inline int zigzag_source(int rank, int world, int t) { return ((rank - t) % world + world) % world; }

// Does half a of rank's queries meet half b of source's keys? Causal: chunks of later tokens are skipped, which leaves the diagonal
// blocks at t = 0, and two full blocks of C x C at every other step, on every rank.
inline bool zigzag_meets(int rank, int source, int world, int a, int b, bool causal) {
  return !causal || zigzag_chunk_of(source, world, b) <= zigzag_chunk_of(rank, world, a);
}

} // namespace ctx
