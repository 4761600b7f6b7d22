// attention_bwd_fused_sm90.cu: attention backward on a Hopper GPU's tensor cores in one kernel, bf16, head_dim 128.
//
//   P = exp(scale Q K^T - lse);  dP = dO V^T;  dS = P (dP - delta);   dV += P^T dO,  dK += scale dS^T Q,  dQ += scale dS K
//
// 10 d FLOPs for each visible query, key and head: five products, each once. A block owns OWN keys of a key-value head and walks the queries
// that see them, tile by tile, in each tile all query heads that share the keys. dK and dV stay in registers and are written once. dQ is made of what
// all blocks of keys contribute: each adds its piece to dq, in L2, by TMA. P, dS and dO are rounded to bf16 to be multiplied, all sums are fp32.
//
// Order. By default blocks take turns at each tile of dq, in the order of their keys, so that every sum has one order and results repeat bit for bit
// (ORDERED). A block waits for the one before it alone, whose number it took an instant earlier, so that is running or done; and all walk from
// the last queries to the first, all heads of a tile before the next. So blocks that began together pass over the same tiles at the
// same pace, each a little behind the one before, and the wait is over once they are apart. (Walks from the diagonal on, or head by head, would make
// the short walks of the last keys wait for the long ones of the first at every head.) The first keys, which under a causal mask have most to do, begin
// first. With any_order no one waits.
//
// Why these tiles. Of 64K registers two computing warpgroups have 240 a thread. dK and dV are 128 of those, S^T and dP^T of 64 keys x 64 queries 64, P
// rounded to bf16 16, and then dS another 16; dQ, 32, takes the place of S^T. 80 queries would be 24 more, and do not divide the blocks of 64
// columns that dS is stored in. In shared memory: K, V 64 KiB; two stages of Q and dO 64; dS^T twice 32; dQ 32. Not for head_dim 64: 128 queries, which
// then make blocks as large, are 64 registers more than dK and dV are fewer, and ptxas spills; that is for attention_bwd_sm90.cu.
//
// What it costs, of one tile of 128 keys x 64 queries, in clocks of a multiprocessor:
//   products          10 x 128 x 64 x 128 FLOPs at 4096 a clock                                                                    2560
//   shared memory     read for products 256 KiB, Q and dO in 32, dS 16, dQ in and out 64; 128 bytes a clock                         2944
//   exponentials      128 x 64 at 16 a clock, beside products of the other warpgroup                                                 512
//   L2                32 KiB of sums, 32 of Q and dO: at 500 TFLOP/s on 132 multiprocessors 3.1 TB/s, half of it sums
//   instructions      485 of each computing warp, two of which share a quarter's one a clock                                          970
// So shared memory sets the pace, at no more than 0.87 of the tensor cores' peak. A turn is three trips to L2, one after the other: whose turn it
// is, the sums, and the fence after which the next block may see them. That can be as long as a tile, so two threads add, each every second piece,
// beside each other and the products that follow. All of these are counted, none measured.
//
// dS^T goes through shared memory because dQ needs keys where wgmma sums; everything else has it in registers. It is there twice, so that one
// barrier a tile suffices: who writes the n-th has seen that all have done with the (n-2)-th.
//
// Seen so far: on the CPU, over host/sm90.h, against float64 (test/cuda). It compiles for sm_90a without a spill; it has not run on a GPU.
#include "attention_bwd_sm90.cuh"

namespace ctx_cuda {
namespace {

using namespace sm90;

constexpr int BOTH = 1;   // the named barrier of the computing warpgroups
constexpr int ADDERS = 2; // threads that add pieces of dQ to dq, in turn

constexpr int D = 128, COLS = 64; // COLS: queries of a tile

// Shared memory.
struct Fused {
  using Owned = Tile<OWN, D>;
  using Passing = Tile<COLS, D>;
  using Scores = Tile<OWN, COLS>;
  Owned k, v;
  Passing q, d_o; // STAGES of each
  Scores ds;      // dS^T, two of them
  SumTile dq;     // of each warpgroup 64 columns
  uint32_t own_full;
  Stages<STAGES> q_stages, d_o_stages;
  uint32_t dq_bars;
  float *statistics; // [STAGES][2][COLS]: lse in exponents of two, delta

  static constexpr uint32_t TILE_BYTES = 2 * Owned::BYTES + 2 * STAGES * Passing::BYTES + 2 * Scores::BYTES + WARPGROUPS * SumTile::BYTES;
  static constexpr uint32_t BYTES = ATOM_BYTES + TILE_BYTES + 2 * STAGES * COLS * 4 + 8 + 2 * Stages<STAGES>::BYTES + WARPGROUPS * Stages<ADDERS>::BYTES;
  static_assert(BYTES <= BLOCK_SHARED && COLS == SumTile::ROWS && D == WARPGROUPS * SumTile::COLS);

  __device__ __forceinline__ explicit Fused(char *memory) {
    const uint32_t start = anew(shared_address(memory)), first = (start + ATOM_BYTES - 1) / ATOM_BYTES * ATOM_BYTES;
    k = {first};
    v = k[1];
    q = {v.address + Owned::BYTES};
    d_o = q[STAGES];
    ds = {d_o.address + STAGES * Passing::BYTES};
    dq = {ds.address + 2 * Scores::BYTES};
    statistics = reinterpret_cast<float *>(memory + (first - start) + TILE_BYTES);
    own_full = first + TILE_BYTES + 2 * STAGES * COLS * 4;
    q_stages = {own_full + 8};
    d_o_stages = {q_stages.bars + q_stages.BYTES};
    dq_bars = d_o_stages.bars + d_o_stages.BYTES;
  }
  // The pieces of dQ pass through one place, but each of the threads that add them has barriers of its own: it sees the phases of its pieces alone.
  __device__ __forceinline__ Stages<ADDERS> dq_stages(int w) const { return {dq_bars + uint32_t(w) * Stages<ADDERS>::BYTES}; }
  __device__ void init() const {
    barrier_init(own_full, 1);
    q_stages.init(1 + WARP, 4 * WARPGROUPS); // and the statistics
    d_o_stages.init(1, 4 * WARPGROUPS);
    for (int w = 0; w < WARPGROUPS; w++) dq_stages(w).init(4, 1);
    barrier_init_fence();
  }
};

// In global memory, zeros at first.
struct Order {
  uint32_t *next;  // the number that the next block takes
  uint32_t *turns; // [heads][tiles]: the block of keys whose turn it is
  uint32_t tiles;  // of queries
};

template <bool ORDERED>
__global__ void __launch_bounds__(THREADS, 1)
    fused_kernel(const CTX_GRID_CONSTANT TensorMap q_map, const CTX_GRID_CONSTANT TensorMap d_o_map, const CTX_GRID_CONSTANT TensorMap k_map, const CTX_GRID_CONSTANT TensorMap v_map,
                 const CTX_GRID_CONSTANT TensorMap dq_map, const BackwardCall a, const Order order, Rows<float> dk_rows, Rows<float> dv_rows) {
#if CTX_SM90_CODE
  using F = Fused;
  const F at(shared_memory<char>());

  if (threadIdx.x == 0) {
    prefetch(&q_map), prefetch(&d_o_map), prefetch(&k_map), prefetch(&v_map), prefetch(&dq_map);
    at.init();
    if (ORDERED) reinterpret_cast<uint32_t *>(at.statistics)[0] = take_number(order.next);
  }
  __syncthreads();
  const int number = ORDERED ? int(reinterpret_cast<const uint32_t *>(at.statistics)[0]) : int(blockIdx.x);
  __syncthreads(); // all have read it
  const int kv_head = number / a.blocks, block = number % a.blocks, first_key = block * OWN;
  const auto tiles_seen = [&](int first) { return tiles_of(a.sees.queries_of(first), a.sees.queries_of(least(first + OWN, a.sees.k_rows) - 1), COLS); };
  const TileSpan tiles = tiles_seen(first_key);
  // visit(n, tile, head) for the n-th tile of queries.
  const auto walk = [&](const auto &visit) {
    int n = 0;
#pragma unroll 1
    for (int tile = tiles.end - 1; tile >= tiles.begin; tile--)
#pragma unroll 1
      for (int head = kv_head * a.group; head < (kv_head + 1) * a.group; head++) visit(n++, tile, head);
  };

  if (threadIdx.x < WARPGROUP) {
    fewer_registers<LOADING>();
    if (threadIdx.x < WARP) { // loads
      if (one_of_warp() && tiles.count() > 0) {
        barrier_expect(at.own_full, 2 * F::Owned::BYTES);
        load(at.k, &k_map, at.own_full, first_key, kv_head * D, EVICT_FIRST);
        load(at.v, &v_map, at.own_full, first_key, kv_head * D, EVICT_FIRST);
        walk([&](int n, int tile, int head) {
          load_next(at.q, &q_map, at.q_stages, n, tile * COLS, head * D);
          load_next(at.d_o, &d_o_map, at.d_o_stages, n, tile * COLS, head * D);
        });
      }
    } else if (threadIdx.x < 2 * WARP) { // lse and delta
      walk([&](int n, int tile, int head) {
        float *const lse = at.statistics + n % STAGES * 2 * COLS;
        at.q_stages.wait_empty(n);
        fill_statistics<COLS>(lse, lse + COLS, a, head, tile * COLS);
        barrier_arrive(at.q_stages.full(n));
      });
    } else if (one_of_warp()) { // adds what the others make of dQ: every second piece
      const int own = int(threadIdx.x) / WARP % ADDERS;
      const int shared = ORDERED && block > 0 ? tiles_seen(first_key - OWN).end : 0; // the tiles up to here the block before has too, which begins no later
      walk([&](int n, int tile, int head) {
        if (n % ADDERS != own) return;
        const uint32_t turn = uint32_t(head) * order.tiles + uint32_t(tile);
        if (ORDERED && tile < shared) wait_turn(order.turns + turn, uint32_t(block));
#pragma unroll
        for (int w = 0; w < WARPGROUPS; w++) {
          at.dq_stages(w).wait_full(n);
          add(&dq_map, at.dq[w], tile * COLS, head * D + 64 * w);
          bulk_commit();
        }
        bulk_wait_read<1>();
        barrier_arrive(at.dq_stages(0).empty(n));
        bulk_wait_read<0>();
        barrier_arrive(at.dq_stages(1).empty(n));
        if (ORDERED) {
          bulk_wait<0>();
          pass_turn(order.turns + anew(turn), uint32_t(block + 1)); // an index meanwhile: there are 24 registers
        }
      });
      bulk_wait<0>();
    }
  } else { // compute
    more_registers<COMPUTING>();
    const int w = computing_warpgroup(), lane = int(threadIdx.x) % WARPGROUP;
    const float scale = a.scale * LOG2_E;
    const bool ragged = first_key + OWN > a.sees.k_rows; // rows that are no keys have scores of 0, and no P
    int row[2];
    Span seen[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      row[h] = first_key + 64 * w + fragment_row(lane, 2 * h);
      seen[h] = row[h] < a.sees.k_rows ? a.sees.queries_of(row[h]) : Span{0, 0};
    }

    Accumulator<D> dk, dv;
    clear(dk);
    clear(dv);
    if (tiles.count() > 0) barrier_wait(at.own_full, 0);
    walk([&](int n, int tile, int) {
      const F at(shared_memory<char>()); // worked out anew: there are no registers to keep it in
      const F::Passing q = at.q[n % STAGES], d_o = at.d_o[n % STAGES];
      const F::Scores ds_tile = at.ds[n % 2];
      const float *const lse = at.statistics + n % STAGES * 2 * COLS + fragment_column(lane, 0), *const delta = lse + COLS;
      Accumulator<COLS> p, ds; // first S^T and dP^T
      Operand<COLS> p_bf16, ds_bf16;
      at.q_stages.wait_full(n);
      mma_ABt(p, at.k, 64 * w, q);
      at.d_o_stages.wait_full(n);
      mma_ABt(ds, at.v, 64 * w, d_o);

      wgmma_wait<1>(); // S^T
      hold(p.at);
      weights_of(p, scale, lse);
      if (ragged || !tiles.full(tile)) mask(p, seen, tile * COLS, 0);
      p_bf16.round(p);
      mma_AB(dv, p_bf16, d_o); // beside what follows
      wgmma_wait<1>(); // dP^T
      hold(ds.at);
      score_gradients_of(ds, p, delta);
      ds_bf16.round(ds);
      store(ds_tile, 64 * w, ds_bf16);
      fence_async();
      named_sync(BOTH, WARPGROUPS * WARPGROUP);

      Accumulator<BLOCK> dq;
      mma_AtB(dq, ds_tile.columns(0), at.k.columns(w));
      mma_AB(dk, ds_bf16, q);
      wgmma_wait<2>(); // dV
      hold(dv.at);
      at.d_o_stages.release(n);
      wgmma_wait<1>(); // dQ
      hold(dq.at);
      at.dq_stages(w).wait_empty(n + ADDERS - 1); // the piece before
      store(at.dq[w], dq, a.scale);
      fence_async();
      at.dq_stages(w).hand_over(n);
      wgmma_wait<0>(); // dK
      hold(dk.at);
      at.q_stages.release(n);
    });
    add_to(dk_rows, dk, a.scale, row, a.sees.k_rows, kv_head * D, lane);
    add_to(dv_rows, dv, 1, row, a.sees.k_rows, kv_head * D, lane);
  }
#else
  __trap();
#endif
}

} // namespace

ctx_status hopper_backward(ctx_device *device, const ctx_attention_grad &g) {
  const ctx_attention &a = g.fwd;
  const int blocks = tile_count(int(a.k.rows), OWN);
  const bool ordered = !g.any_order;
  const uint32_t tiles = uint32_t(tile_count(int(a.q.rows), COLS));
  const size_t numbers = ordered ? 1 + size_t(a.heads) * tiles : 0;
  ctx_mat d_o;
  void *behind;
  CTX_TRY(readable(device, g.d_o, 4 * numbers, &d_o, &behind));
  Order order{};
  if (ordered) {
    order.next = static_cast<uint32_t *>(behind);
    order.turns = order.next + 1;
    order.tiles = tiles;
    CTX_CUDA(device, "attention_backward", cudaMemsetAsync(behind, 0, 4 * numbers, device->stream));
  }
  const auto kernel = ordered ? fused_kernel<true> : fused_kernel<false>;
  CTX_TRY(allow(device, kernel, Fused::BYTES));
  TensorMap q, of_o, k, v, dq;
  CTX_TRY(make_map(device, "attention_backward: q", a.q, COLS, &q));
  CTX_TRY(make_map(device, "attention_backward: d_o", d_o, COLS, &of_o));
  CTX_TRY(make_map(device, "attention_backward: k", a.k, OWN, &k));
  CTX_TRY(make_map(device, "attention_backward: v", a.v, OWN, &v));
  CTX_TRY(make_map(device, "attention_backward: dq", g.dq, SumTile::ROWS, &dq));
  launch(device, kernel, dim3(unsigned(blocks * a.kv_heads)), dim3(THREADS), Fused::BYTES, q, of_o, k, v, dq, BackwardCall{Visibility(a), a.heads / a.kv_heads, blocks, a.scale, a.lse, g.delta}, order,
         Rows<float>(g.dk), Rows<float>(g.dv));
  return CTX_OK;
}

} // namespace ctx_cuda
