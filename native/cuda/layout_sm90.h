// layout_sm90.h: where numbers are on a Hopper GPU: in shared memory as TMA lays them down, in the registers of a warpgroup, and what the
// 64-bit descriptor says with which wgmma finds an operand. Plain functions, the same on the host, where they are tested against each other.
//
// A tile [rows][cols] of bf16 is cut into blocks of 64 columns; a block's rows are 128 bytes each and follow each other. TMA's 128-byte
// swizzle then exchanges the 16-byte pieces of each row: piece p of row r goes to p xor r mod 8. Tiles begin at multiples of 1024 bytes, so r
// mod 8 are bits 7-9 of the address.
//
// An operand of wgmma is [64 or N outer][16 of k]. It lies K-major when k runs along a tile's rows (A of A B^T, and B), MN-major when k
// counts the rows (B of A B).
//
// Written after the PTX ISA (matrix descriptor, wgmma fragments, tensor map swizzle); no part of it has been run on a GPU yet. Checked on
// the CPU: test/cuda/layout_test.cc, and every kernel over host/sm90.h.
//
// defines: swizzled, in_row, Tile, SumTile, Descriptor, descriptor, operand_address, fragment_row, fragment_column, K_STEP, BOX_ROWS, BLOCK_SHARED
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define CTX_HD __host__ __device__ __forceinline__
#else
#define CTX_HD inline
#endif

namespace ctx_cuda::sm90 {

constexpr int BLOCK = 64;        // columns of a block
constexpr int ROW_BYTES = 128;   // of a block
constexpr int ATOM_ROWS = 8;     // rows after which the swizzle repeats
constexpr int ATOM_BYTES = ATOM_ROWS * ROW_BYTES;
constexpr int K_STEP = 16;       // k of one wgmma of bf16
constexpr int BOX_ROWS = 256;    // that TMA brings at once, at most
constexpr uint32_t BLOCK_SHARED = 227 * 1024; // a block's shared memory, at most
static_assert(BLOCK * 2 == ROW_BYTES, "with a swizzle of 128 bytes a box is 128 bytes wide, at most");

CTX_HD constexpr uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }
// The same for a byte of a row of a block; kept apart from where the block is, of which a kernel then needs no copy for each.
CTX_HD constexpr uint32_t in_row(int row, uint32_t byte) { return byte ^ uint32_t(row % ATOM_ROWS) * 16; }

// A tile [rows][cols] of bf16 in shared memory.
template <int ROWS_, int COLS_> struct Tile {
  static constexpr int ROWS = ROWS_, COLS = COLS_, BLOCKS = COLS / BLOCK;
  static constexpr uint32_t BLOCK_BYTES = ROWS * ROW_BYTES, BYTES = BLOCKS * BLOCK_BYTES;
  static_assert(ROWS % ATOM_ROWS == 0 && COLS % BLOCK == 0);
  static_assert(BLOCK_BYTES / 16 <= 0x3fff, "from block to block is a field of a descriptor");
  uint32_t address; // a multiple of ATOM_BYTES

  // The i-th of tiles that follow each other.
  CTX_HD constexpr Tile operator[](int i) const { return {address + uint32_t(i) * BYTES}; }
  CTX_HD constexpr uint32_t block(int b) const { return address + uint32_t(b) * BLOCK_BYTES; }
  CTX_HD constexpr Tile<ROWS, BLOCK> columns(int b) const { return {block(b)}; } // 64 of them, a block as a tile
  // Where number (row, col) lies.
  CTX_HD constexpr uint32_t at(int row, int col) const { return block(col / BLOCK) + uint32_t(row) * ROW_BYTES + in_row(row, uint32_t(col % BLOCK) * 2); }
};

// A tile [64][64] of fp32 sums as TMA takes them: two blocks of 32 columns, rows of 128 bytes, swizzled alike.
struct SumTile {
  static constexpr int ROWS = 64, COLS = 64, BLOCKS = 2, BLOCK_COLS = ROW_BYTES / 4;
  static constexpr uint32_t BLOCK_BYTES = ROWS * ROW_BYTES, BYTES = BLOCKS * BLOCK_BYTES;
  uint32_t address; // a multiple of ATOM_BYTES

  CTX_HD constexpr SumTile operator[](int i) const { return {address + uint32_t(i) * BYTES}; }
  CTX_HD constexpr uint32_t block(int b) const { return address + uint32_t(b) * BLOCK_BYTES; }
  CTX_HD constexpr uint32_t at(int row, int col) const { return block(col / BLOCK_COLS) + uint32_t(row) * ROW_BYTES + in_row(row, uint32_t(col % BLOCK_COLS) * 4); }
};

// bits 0-13 start / 16, 16-29 leading offset / 16, 32-45 stride offset / 16, 62-63: 1 = 128-byte swizzle.
struct Descriptor {
  uint64_t bits;
  // The operand `bytes` further on.
  CTX_HD constexpr Descriptor operator+(uint32_t bytes) const { return {bits + (bytes >> 4)}; }
  CTX_HD constexpr uint32_t start() const { return uint32_t(bits & 0x3fff) << 4; }
  CTX_HD constexpr uint32_t leading() const { return uint32_t(bits >> 16 & 0x3fff) << 4; }
  CTX_HD constexpr uint32_t stride() const { return uint32_t(bits >> 32 & 0x3fff) << 4; }
};
CTX_HD constexpr Descriptor descriptor(uint32_t start, uint32_t leading, uint32_t stride) {
  return {uint64_t(start >> 4 & 0x3fff) | uint64_t(leading >> 4 & 0x3fff) << 16 | uint64_t(stride >> 4 & 0x3fff) << 32 | uint64_t(1) << 62};
}

// Rows [row, …) of a tile as an operand [row][k], k along the columns from 16 step on. The hardware reads no leading offset here. The row is part
// of the start, and the step is added: a number that the compiler knows, so that a kernel keeps no offset for each step.
template <int R, int C> CTX_HD constexpr Descriptor k_major(Tile<R, C> t, int row, int step) {
  return descriptor(t.address + uint32_t(row) * ROW_BYTES, 16, ATOM_BYTES) + (uint32_t(step / (BLOCK / K_STEP)) * t.BLOCK_BYTES + uint32_t(step % (BLOCK / K_STEP)) * K_STEP * 2);
}
// All columns of a tile as an operand [column][k], k along the rows from 16 step on; leading: from block to block.
template <int R, int C> CTX_HD constexpr Descriptor mn_major(Tile<R, C> t, int step) {
  return descriptor(t.address, t.BLOCK_BYTES, ATOM_BYTES) + uint32_t(step) * K_STEP * ROW_BYTES;
}

// Where wgmma looks for number (outer, k), k < 16, of an operand.
CTX_HD constexpr uint32_t operand_address(Descriptor d, bool mn_major, int outer, int k) {
  return mn_major ? swizzled(d.start() + uint32_t(outer / BLOCK) * d.leading() + uint32_t(outer % BLOCK) * 2 + uint32_t(k / ATOM_ROWS) * d.stride() + uint32_t(k % ATOM_ROWS) * ROW_BYTES)
                  : swizzled(d.start() + uint32_t(outer / ATOM_ROWS) * d.stride() + uint32_t(outer % ATOM_ROWS) * ROW_BYTES + uint32_t(k) * 2);
}

// An accumulator [64][N] is N / 2 registers of each of 128 threads: register i of a thread is row fragment_row, column fragment_column.
CTX_HD constexpr int fragment_row(int thread, int i) { return thread / 32 * 16 + thread % 32 / 4 + (i & 2 ? 8 : 0); }
CTX_HD constexpr int fragment_column(int thread, int i) { return i / 4 * 8 + thread % 4 * 2 + (i & 1); }

// An operand A [64][16] from registers is 4 registers of two bf16, the lower half first: half h (0, 1) of register r is row a_row, k a_k.
// Packing registers 8 c … 8 c + 7 of an accumulator two by two makes the A of columns [16 c, 16 c + 16).
CTX_HD constexpr int a_row(int thread, int r) { return thread / 32 * 16 + thread % 32 / 4 + (r & 1 ? 8 : 0); }
CTX_HD constexpr int a_k(int thread, int r, int h) { return (r & 2 ? 8 : 0) + thread % 4 * 2 + h; }

} // namespace ctx_cuda::sm90
