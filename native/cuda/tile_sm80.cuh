// tile_sm80.cuh: tiles of bf16 in shared memory and products of them, 16 rows a warp (ptx_sm80.cuh).
//
// A tile is rows of D numbers whose 16-byte pieces are permuted by the row (^ row % 8), so that eight rows of a column lie in different banks.
//
// defines: WARPS, THREADS, Tile, Sum, multiply, accumulate
#pragma once
#include "ptx_sm80.cuh"
#include "reduce.cuh"

namespace ctx_cuda::sm80 {

constexpr int WARPS = 4, THREADS = WARPS * WARP; // of a block

// ROWS rows of D numbers in shared memory.
template <int D> struct Tile {
  Bf16 *data;
  static constexpr int PIECES = D / 8;
  __device__ Bf16 *at(int row, int piece) const { return data + row * D + ((piece ^ (row & 7)) * 8); }

  // Rows [first, first + ROWS) of a head, zeros beyond `rows`: asked for, not there yet. A thread has the same piece of every row that it brings; of a
  // row beyond the last no byte is read, wherever its address is.
  template <int ROWS> __device__ void bring(const Rows<Bf16> &x, int64_t first, int64_t rows, int64_t column) const {
    constexpr int APART = THREADS / PIECES; // of a thread's rows
    static_assert(THREADS % PIECES == 0 && ROWS % APART == 0);
    const int r = int(threadIdx.x / PIECES), piece = int(threadIdx.x % PIECES), there = int(rows - first < ROWS ? rows - first : ROWS);
    const Bf16 *from = x.at(first + r, column + piece * 8);
#pragma unroll
    for (int n = 0; n < ROWS; n += APART, from += APART * x.ld) cp_async(at(r + n, piece), from, r + n < there);
  }
  // The same of fp32 numbers, rounded on their way, and there at once.
  template <int ROWS> __device__ void bring(const Rows<float> &x, int64_t first, int64_t rows, int64_t column) const {
    for (int n = 0; n < ROWS * PIECES / THREADS; n++) {
      const int e = int(threadIdx.x) + n * THREADS, r = e / PIECES, piece = e % PIECES;
      Pack<Bf16, 8> pack = {};
      if (first + r < rows)
        for (int i = 0; i < 8; i++) store(pack.at[i], *x.at(first + r, column + piece * 8 + i));
      *reinterpret_cast<Pack<Bf16, 8> *>(at(r, piece)) = pack;
    }
  }

  // Fragments: of rows [row, row + 16) and columns [16 k, 16 k + 16) as a left operand,
  __device__ void left(uint32_t (&a)[4], int row, int k) const {
    const int l = int(threadIdx.x) % WARP;
    ldmatrix(a, at(row + l % 16, 2 * k + l / 16));
  }
  // the same as a right operand whose columns are the rows: r[0], r[1] of the first eight, r[2], r[3] of the others,
  __device__ void right(uint32_t (&r)[4], int row, int k) const {
    const int l = int(threadIdx.x) % WARP;
    ldmatrix(r, at(row + l % 8 + l / 16 * 8, 2 * k + l / 8 % 2));
  }
  // and rows [row, row + 16), columns [16 n, 16 n + 16) as a right operand: r[0], r[1] of the first eight columns.
  __device__ void right_along_rows(uint32_t (&r)[4], int row, int n) const {
    const int l = int(threadIdx.x) % WARP;
    ldmatrix_trans(r, at(row + l % 16, 2 * n + l / 16));
  }
};

// sum [16, COLUMNS] of a warp; sum[n] holds columns [8 n, 8 n + 8).
template <int COLUMNS> struct Sum {
  float at[COLUMNS / 8][4];
  __device__ void clear() {
#pragma unroll
    for (auto &x : at) x[0] = x[1] = x[2] = x[3] = 0;
  }
};

// sum = rows [row, row + 16) of x times y^T, over D.
template <int D, int COLUMNS> __device__ __forceinline__ void multiply(Sum<COLUMNS> &sum, const Tile<D> &x, int row, const Tile<D> &y) {
  sum.clear();
#pragma unroll
  for (int k = 0; k < D / 16; k++) {
    uint32_t a[4];
    x.left(a, row, k);
#pragma unroll
    for (int n = 0; n < COLUMNS / 16; n++) {
      uint32_t b[4];
      y.right(b, 16 * n, k);
      mma(sum.at[2 * n], a, b[0], b[1]);
      mma(sum.at[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// sum += p y, with p [16, K] as it lies in the registers, rounded.
template <int D, int K> __device__ __forceinline__ void accumulate(Sum<D> &sum, const Sum<K> &p, const Tile<D> &y) {
#pragma unroll
  for (int k = 0; k < K / 16; k++) {
    const uint32_t a[4] = {pack(p.at[2 * k][0], p.at[2 * k][1]), pack(p.at[2 * k][2], p.at[2 * k][3]), pack(p.at[2 * k + 1][0], p.at[2 * k + 1][1]), pack(p.at[2 * k + 1][2], p.at[2 * k + 1][3])};
#pragma unroll
    for (int n = 0; n < D / 16; n++) {
      uint32_t b[4];
      y.right_along_rows(b, 16 * k, n);
      mma(sum.at[2 * n], a, b[0], b[1]);
      mma(sum.at[2 * n + 1], a, b[2], b[3]);
    }
  }
}

} // namespace ctx_cuda::sm80
