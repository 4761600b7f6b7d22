// layout_test.cc: what the Hopper kernels take for granted about places: the swizzle, descriptors, fragments (layout_sm90.h), and which tiles
// a tile visits (attention_spans.h). Each formula is held against another way to say the same. Usage: layout_test
#include "../attention/reference.h"

#include <set>

#include "../../native/cuda/attention_spans.h"

using namespace ctx_cuda;
using namespace ctx_cuda::sm90;

namespace {

std::mt19937 rng(7);

void swizzle() {
  std::set<uint32_t> seen;
  for (uint32_t a = 0; a < 4096; a++) {
    const uint32_t row = a / 128, piece = a % 128 / 16;
    check(swizzled(a) == row * 128 + (piece ^ row % 8) * 16 + a % 16, "swizzled(%u) is %u", a, swizzled(a));
    check(swizzled(swizzled(a)) == a, "the swizzle is its own inverse, but not at %u", a);
    seen.insert(swizzled(a));
  }
  check(seen.size() == 4096, "the swizzle maps two addresses to one");
}

// A box of 64 columns as TMA writes it, piece by piece, against where a tile says a number is.
template <int R, int C> void tile() {
  const Tile<R, C> t = {5 * ATOM_BYTES};
  std::set<uint32_t> seen;
  for (int col = 0; col < C; col++)
    for (int row = 0; row < R; row++) {
      const uint32_t box = t.address + uint32_t(col / 64) * R * 128, piece = uint32_t(col % 64 / 8) ^ uint32_t(row % 8);
      check(t.at(row, col) == box + uint32_t(row) * 128 + piece * 16 + uint32_t(col % 8) * 2, "tile %dx%d: (%d, %d) is at %u", R, C, row, col, t.at(row, col));
      check(t.at(row, col) >= t.address && t.at(row, col) + 2 <= t[1].address, "tile %dx%d: (%d, %d) is outside", R, C, row, col);
      seen.insert(t.at(row, col));
    }
  check(seen.size() == size_t(R) * C, "tile %dx%d: two numbers in one place", R, C);
}

// Where TMA puts number (row, column) of a box of 64 columns of bf16 at a multiple of 1024 bytes, with its 128-byte swizzle: the row is 128 bytes,
// and its 16-byte pieces are exchanged by its number (CUDA's table of CU_TENSOR_MAP_SWIZZLE_128B, row for row).
uint32_t by_tma(uint32_t box, int row, int column) {
  static constexpr int PIECES[8][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4},
                                       {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2}, {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
  return box + 128 * uint32_t(row) + 16 * uint32_t(PIECES[row % 8][column / 8]) + 2 * uint32_t(column % 8);
}

// A tile of sums is two boxes of 32 columns of fp32, of which a piece of 16 bytes holds four.
void sum_tile() {
  const SumTile t = {3 * ATOM_BYTES};
  std::set<uint32_t> seen;
  for (int row = 0; row < t.ROWS; row++)
    for (int col = 0; col < t.COLS; col++) {
      const uint32_t box = t.address + uint32_t(col / 32) * 64 * 128, there = by_tma(box, row, col % 32 * 2);
      check(t.at(row, col) == there, "tile of sums: (%d, %d) is at %u, TMA takes it from %u", row, col, t.at(row, col), there);
      check(t.at(row, col) >= t.block(col / 32) && t.at(row, col) + 4 <= t.block(col / 32) + t.BLOCK_BYTES, "tile of sums: (%d, %d) is outside", row, col);
      seen.insert(t.at(row, col));
    }
  check(seen.size() == size_t(t.ROWS) * t.COLS && t[1].address == t.address + 2 * 64 * 128, "tiles of sums overlap");
  // 16 threads store pairs of numbers at a time, of four rows. In their own columns those of odd rows would meet the others' in 16 banks, so they
  // store the pair of registers 8 on, which is 16 columns away.
  for (int half = 0; half < 128; half += 16)
    for (int i = 0; i < BLOCK / 2; i += 2) {
      std::set<uint32_t> banks;
      for (int thread = half; thread < half + 16; thread++) {
        const int row = fragment_row(thread, i), other = row % 2 ? i ^ 8 : i;
        check(fragment_column(thread, other) == (fragment_column(thread, i) ^ row % 2 * 16) && fragment_row(thread, other) == row, "register %d of thread %d is not 16 columns away", other, thread);
        for (int e = 0; e < 2; e++) banks.insert(t.at(row, fragment_column(thread, other) + e) / 4 % 32);
      }
      check(banks.size() == 32, "register %d of threads from %d: %zu banks", i, half, banks.size());
    }
}

// Where wgmma looks for number (outer, k) of an operand, from the bits of a descriptor alone, by the PTX ISA (9.7.15.5.1: matrix descriptor, canonical
// layouts): shapes and strides in numbers of 16 bits, T = 8 of which are 128 bits, then Swizzle<3, 4, 3> of the address.
//   K-major   ((8, m), (T, 2)) : ((8T, SBO), (1, T))          MN-major   ((T, 8, m), (8, 2)) : ((1, T, LBO), (8T, SBO))
uint32_t by_isa(uint64_t bits, bool mn_major, int outer, int k) {
  constexpr int T = 8;
  const uint32_t start = uint32_t(bits & 0x3fff) * 16;
  const int leading = int(bits >> 16 & 0x3fff) * 8, stride = int(bits >> 32 & 0x3fff) * 8; // 16 bytes are 8 numbers
  const int at = mn_major ? outer % T + outer / T % 8 * T + outer / T / 8 * leading + k % 8 * 8 * T + k / 8 * stride : outer % 8 * 8 * T + outer / 8 * stride + k % T + k / T * T;
  const uint32_t address = start + 2 * uint32_t(at), bits_7_to_9 = address / 128 % 8;
  return address ^ bits_7_to_9 * 16;
}

// The fields that are not used are zero, the base offset among them, which is right since the swizzle's pattern begins where addresses are
// multiples of 1024; the mode is 128-byte swizzle.
void check_fields(uint64_t bits) {
  check((bits & ~(0x3fffull | 0x3fffull << 16 | 0x3fffull << 32)) == 1ull << 62, "descriptor %llx has bits beside its fields", (unsigned long long)bits);
}

// What wgmma reads as number (outer, k) of an operand is that number of the tile: as layout_sm90.h has it, and where TMA puts it and the ISA looks.
template <int R, int C> void operands() {
  for (const uint32_t address : {1024u, 200u * 1024}) {
    const Tile<R, C> t = {address};
    const auto agree = [&](Descriptor d, bool mn_major, int outer, int k, int row, int col) {
      const uint32_t there = by_tma(address + uint32_t(col / 64) * R * 128, row, col % 64);
      check(by_isa(d.bits, mn_major, outer, k) == there, "%s-major %dx%d at %u: (%d, %d) of the operand is not (%d, %d) of the tile", mn_major ? "MN" : "K", R, C, address, outer, k, row, col);
      check(operand_address(d, mn_major, outer, k) == there && t.at(row, col) == there, "layout_sm90.h has (%d, %d) of %dx%d elsewhere", row, col, R, C);
      check_fields(d.bits);
    };
    for (int step = 0; step < C / K_STEP; step++)
      for (int from = 0; from < R; from += 64)
        for (int row = from; row < R; row++)
          for (int k = 0; k < K_STEP; k++)
            agree(k_major(t, from, step), false, row - from, k, row, step * K_STEP + k);
    for (int step = 0; step < R / K_STEP; step++)
      for (int col = 0; col < C; col++)
        for (int k = 0; k < K_STEP; k++)
          agree(mn_major(t, step), true, col, k, step * K_STEP + k, col);
  }
}

void descriptors() {
  // Fields by the PTX ISA's table: address, leading and stride offset in units of 16 bytes from bits 0, 16 and 32, swizzle mode 1 from bit 62.
  const Descriptor d = descriptor(0x2c00, 0x4000, 0x400);
  check(d.bits == (0x2c0ull | 0x400ull << 16 | 0x40ull << 32 | 1ull << 62), "descriptor bits are %llx", (unsigned long long)d.bits);
  check(d.start() == 0x2c00 && d.leading() == 0x4000 && d.stride() == 0x400 && (d + 96).start() == 0x2c60, "descriptor fields are not what was put in");
  const Descriptor last = descriptor(227 * 1024 - 16, 16, 1024);
  check(last.start() == 227 * 1024 - 16, "a descriptor does not reach all of shared memory");
}

template <int N> void fragments() {
  std::set<std::pair<int, int>> seen;
  for (int thread = 0; thread < 128; thread++)
    for (int j = 0; j < N / 8; j++)
      for (int e = 0; e < 4; e++) {
        const int row = 16 * (thread / 32) + thread % 32 / 4 + 8 * (e >> 1), col = 8 * j + 2 * (thread % 4) + (e & 1), i = 4 * j + e;
        check(fragment_row(thread, i) == row && fragment_column(thread, i) == col, "register %d of thread %d is (%d, %d)", i, thread, fragment_row(thread, i), fragment_column(thread, i));
        check(row == fragment_row(thread, 2 * (i / 2 % 2)), "register %d is not in the row that its bit 1 names", i);
        check(col == fragment_column(thread, 0) + fragment_column(0, i), "columns are not the thread's plus the register's");
        seen.insert({row, col});
      }
  check(seen.size() == size_t(64 * N), "an accumulator of %d columns has two registers for one number", N);
  // Packed two by two, an accumulator is the left side of the next product.
  for (int thread = 0; thread < 128; thread++)
    for (int c = 0; c < N / K_STEP; c++)
      for (int r = 0; r < 4; r++)
        for (int h = 0; h < 2; h++) {
          const int i = 8 * c + 2 * r + h;
          check(fragment_row(thread, i) == a_row(thread, r) && fragment_column(thread, i) == K_STEP * c + a_k(thread, r, h), "register %d of thread %d meets the wrong k", i, thread);
        }
}

// Every pair of a random call: spans say what is visible, and tiles visited hold all of it and are called full only when they are.
void spans() {
  for (int n = 0; n < 3000; n++) {
    reference::Problem p;
    p.q_rows = reference::between(rng, 1, 90), p.k_rows = reference::between(rng, 1, 90);
    p.q_index = reference::between(rng, 0, 60), p.k_index = reference::between(rng, 0, 60);
    p.causal = reference::between(rng, 0, 2) > 0;
    if (reference::between(rng, 0, 2)) p.start = reference::documents(rng, p.q_index, p.q_rows, reference::between(rng, 1, 60));
    ctx_attention call{};
    call.q.rows = p.q_rows, call.k.rows = p.k_rows, call.q_index = p.q_index, call.k_index = p.k_index, call.causal = p.causal;
    call.start = p.start.empty() ? nullptr : p.start.data();
    const Visibility sees(call);
    const std::string what = reference::describe(p);
    const int q_rows = int(p.q_rows), k_rows = int(p.k_rows);
    for (int i = 0; i < q_rows; i++)
      for (int j = 0; j < k_rows; j++) {
        check(sees.keys_of(i).has(j) == p.sees(i, j), "%s: query %d, key %d", what.c_str(), i, j);
        check(sees.queries_of(j).has(i) == p.sees(i, j), "%s: key %d, query %d", what.c_str(), j, i);
      }
    const int own = int(reference::between(rng, 1, 24)), pass = int(reference::between(rng, 1, 24));
    const auto tiles = [&](bool keys, int lines, int others) { // keys: lines are queries
      for (int first = 0; first < lines; first += own) {
        const int last = least(first + own, lines) - 1;
        const TileSpan t = keys ? tiles_of(sees.keys_of(first), sees.keys_of(last), pass) : tiles_of(sees.queries_of(first), sees.queries_of(last), pass);
        check(t.begin >= 0 && t.begin <= t.end && t.end <= tile_count(others, pass), "%s: tiles [%d, %d) of %d", what.c_str(), t.begin, t.end, tile_count(others, pass));
        for (int tile = 0; tile < tile_count(others, pass); tile++) {
          bool any = false, all = (tile + 1) * pass <= others;
          for (int line = first; line <= last; line++)
            for (int other = tile * pass; other < least((tile + 1) * pass, others); other++) {
              const bool visible = keys ? p.sees(line, other) : p.sees(other, line);
              any = any || visible, all = all && visible;
            }
          const bool visited = t.begin <= tile && tile < t.end;
          check(visited || !any, "%s: tile %d of lines from %d is not visited", what.c_str(), tile, first);
          if (visited) check(t.full(tile) == all, "%s: tile %d of lines from %d is %sfull", what.c_str(), tile, first, all ? "" : "not ");
        }
      }
    };
    tiles(true, q_rows, k_rows);
    tiles(false, k_rows, q_rows);
  }
}

} // namespace

int main() {
  swizzle();
  tile<64, 64>(), tile<128, 128>(), tile<192, 64>(), tile<64, 128>();
  operands<64, 64>(), operands<64, 128>(), operands<128, 64>(), operands<128, 128>(), operands<192, 64>();
  sum_tile();
  descriptors();
  fragments<64>(), fragments<128>();
  spans();
  std::printf("layout: %d checks, %d failures\n", checks, failures);
  return failures ? 1 : 0;
}
