// attention_bwd_fused_sm90.cu: attention backward on a Hopper GPU's tensor cores in one kernel, bf16, head_dim 64 and 128.
//
//   P = exp(scale Q K^T - lse);  dP = dO V^T;  dS = P (dP - delta);   dV += P^T dO,  dK += scale dS^T Q,  dQ += scale dS K
//
// 10 d FLOPs for each visible query, key and head: five products, each once. A block owns OWN keys of a key-value head and walks the queries
// that see them, tile by tile, in each tile all query heads that share the keys. dK and dV stay in registers and are written once. dQ is made of what
// all blocks of keys contribute: each adds its piece to dq, in L2, by TMA. P, dS and dO are rounded to bf16 to be multiplied, all sums are fp32.
//
// Order. By default blocks take turns at each tile of dq, in the order of their keys, so that every sum has one order and results repeat bit for bit
// (ORDERED). A block waits for the one before it alone, whose number was taken before its own, so that is running or done; and all walk from
// the last queries to the first, all heads of a tile before the next. So blocks that began together pass over the same tiles at the
// same pace, each a little behind the one before, and the wait is over once they are apart. (Walks from the diagonal on, or head by head, would make
// the short walks of the last keys wait for the long ones of the first at every head.) With any_order no one waits.
//
// Numbers go by key-value heads first: the first keys of all, which under a causal mask have most to do, then the next. So the last blocks to begin
// are the shortest, and fewer stand behind each other at a tile when all begin. By a model of 132 multiprocessors that take blocks in this order,
// the share of time that they idle, heads of 64, causal, where a turn takes 0.8 of a tile's time to pass on; in brackets, head after head:
//   tokens           4K              8K              16K             32K
//   32/8 heads       10% (41%)       3.0% (23%)      0.9% (5.6%)     0.4% (1.8%)
//   any order        0.1% (37%)      0.4% (19%)      0.4% (1.0%)     0.3% (0.3%)
// What is read of Q and dO and added to dq then serves 132 / kv_heads blocks from L2 and not 132: with 8 key-value heads it comes from memory at
// 0.3 TB/s where products run at 500 TFLOP/s, with 32 at 1.2.
//
// Why these tiles. Of 64K registers two computing warpgroups have 240 a thread. What a warpgroup of 64 keys holds of a tile of COLS queries:
//                                                                                    head_dim 128, 64 queries    head_dim 64, 128 queries
//   dK and dV                                                                               128                          64
//   S^T, then P^T, and dP^T                                                                  64                         128
//   P rounded to bf16, before dP^T is waited for                                             16                          16
// 208 of both, and at 237 ptxas is done. (dS in bf16 takes P's place, dQ, 32, that of S^T.) For heads of 64 that is so because P and dS are made 64
// queries at a time: all of P in bf16 beside P would be 224, and spills 72 bytes. So the products of one half run beside the exponentials of the other.
// Halves also keep dS^T in blocks of 64 columns, as it is stored. Both widths then are the same FLOPs a tile, and both warpgroups make a SumTile
// of dQ each: of 128 columns 64, of 128 queries 64.
// Not: fewer queries for heads of 64, which would read K and V once more for the same FLOPs; 256 keys a block, which would halve sums in L2, but
// dK and dV would be 128, S^T and dP^T of 64 queries 128 more; three warpgroups of 160 registers, 64 queries: 128 accumulators, P and dS leave none.
// Shared memory, in KiB: K, V 64 or 32; two stages of Q and dO 64; dS^T twice 32 or 64; dQ 32: 192 either way.
//
// What it costs, of one tile of 128 keys, in clocks of a multiprocessor:
//                                                                                    head_dim 128, 64 queries    head_dim 64, 128 queries
//   products          10 x 128 x 64 x 128 FLOPs at 4096 a clock                             2560                        2560
//   shared memory     read for products 256 or 224 KiB, Q and dO in 32, dS 16 or 32,
//                     dQ in and out 64; 128 bytes a clock                                   2944                        2816
//   exponentials      at 16 a clock, beside products                                         512                        1024
//   instructions      of each of four schedulers, tiles that need no mask (SASS)             970                        1290
//   L2                32 KiB of sums, 32 of Q and dO: at 500 TFLOP/s on 132 multiprocessors 3.1 TB/s, half of it sums
// So shared memory sets the pace, at no more than 0.87 or 0.91 of the tensor cores' peak. A turn is three trips to L2, one after the other: whose turn
// it is, the sums, and the fence after which the next block may see them. That can be as long as a tile, so two threads add, each every second piece,
// beside each other and the products that follow. All of these are counted, none measured.
//
// dS^T goes through shared memory because dQ needs keys where wgmma sums; everything else has it in registers. It is there twice, so that one
// barrier a tile suffices: who writes the n-th has seen that all have done with the (n-2)-th.
//
// Seen so far: on the CPU, over host/sm90.h, against float64 (test/cuda). It compiles for sm_90a without a spill, and the SASS has products and
// exponentials in this order, for heads of 64 the second half's exponentials between the products of dK of the first; it has not run on a GPU.
#include "attention_bwd_sm90.cuh"

namespace ctx_cuda {
namespace {

using namespace sm90;

constexpr int BOTH = 1;   // the named barrier of the computing warpgroups
constexpr int ADDERS = 2; // threads that add pieces of dQ to dq, in turn

// The sizes, and shared memory.
template <int D> struct Fused {
  static constexpr int COLS = WARPGROUPS * SumTile::ROWS * SumTile::COLS / D; // queries of a tile, so that each warpgroup has a SumTile of their dQ to make
  static constexpr int BLOCKS = COLS / BLOCK;                                // of queries of a tile
  using Owned = Tile<OWN, D>;
  using Passing = Tile<COLS, D>;
  using Scores = Tile<OWN, COLS>;
  Owned k, v;
  Passing q, d_o; // STAGES of each
  Scores ds;      // dS^T, two of them
  SumTile dq;     // of each warpgroup one
  uint32_t own_full;
  Stages<STAGES> q_stages, d_o_stages;
  uint32_t dq_bars;
  float *statistics; // [STAGES][2][COLS]: lse in exponents of two, delta

  static constexpr uint32_t TILE_BYTES = 2 * Owned::BYTES + 2 * STAGES * Passing::BYTES + 2 * Scores::BYTES + WARPGROUPS * SumTile::BYTES;
  static constexpr uint32_t BYTES = ATOM_BYTES + TILE_BYTES + 2 * STAGES * COLS * 4 + 8 + 2 * Stages<STAGES>::BYTES + WARPGROUPS * Stages<ADDERS>::BYTES;
  static_assert(BYTES <= BLOCK_SHARED);

  // Which queries, and which of a head's D columns, a warpgroup makes dQ of: 64 of each.
  CTX_HD static constexpr int query_block(int w) { return w % BLOCKS; }
  CTX_HD static constexpr int head_block(int w) { return w / BLOCKS; }

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

template <int D, bool ORDERED>
__global__ void __launch_bounds__(THREADS, 1)
    fused_kernel(const CTX_GRID_CONSTANT TensorMap q_map, const CTX_GRID_CONSTANT TensorMap d_o_map, const CTX_GRID_CONSTANT TensorMap k_map, const CTX_GRID_CONSTANT TensorMap v_map,
                 const CTX_GRID_CONSTANT TensorMap dq_map, const BackwardCall a, const Order order, Rows<float> dk_rows, Rows<float> dv_rows) {
#if CTX_SM90_CODE
  using F = Fused<D>;
  constexpr int COLS = F::COLS;
  const F at(shared_memory<char>());

  if (threadIdx.x == 0) {
    prefetch(&q_map), prefetch(&d_o_map), prefetch(&k_map), prefetch(&v_map), prefetch(&dq_map);
    at.init();
    if (ORDERED) {
      reinterpret_cast<uint32_t *>(at.statistics)[0] = take_number(order.next);
      seen_write(at.statistics, 4);
    }
  }
  __syncthreads();
  const int number = ORDERED ? int(reinterpret_cast<const uint32_t *>(at.statistics)[0]) : int(blockIdx.x);
  if (ORDERED) seen_read(at.statistics, 4);
  __syncthreads(); // all have read it
  const int kv_head = number % a.kv_heads, block = number / a.kv_heads, first_key = block * OWN;
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
          add(&dq_map, at.dq[w], tile * COLS + F::query_block(w) * BLOCK, head * D + F::head_block(w) * BLOCK);
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
      const typename F::Passing q = at.q[n % STAGES], d_o = at.d_o[n % STAGES];
      const typename F::Scores ds_tile = at.ds[n % 2];
      const float *const lse = at.statistics + n % STAGES * 2 * COLS + fragment_column(lane, 0), *const delta = lse + COLS;
      Accumulator<COLS> p, ds; // first S^T and dP^T
      Operand<BLOCK> p_bf16[F::BLOCKS], ds_bf16[F::BLOCKS];
      at.q_stages.wait_full(n);
      mma_ABt(p, at.k, 64 * w, q);
      at.d_o_stages.wait_full(n);
      mma_ABt(ds, at.v, 64 * w, d_o);

      wgmma_wait<1>(); // S^T
      hold(p.at);
#pragma unroll
      for (int b = 0; b < F::BLOCKS; b++) {
        auto p_b = p.columns(b), ds_b = ds.columns(b);
        weights_of(p_b, scale, lse + b * BLOCK);
        if (ragged || !tiles.full(tile)) mask(p_b, seen, tile * COLS + b * BLOCK, 0);
        p_bf16[b].round(p_b);
        mma_AB(dv, p_bf16[b], d_o, b * BLOCK); // beside what follows
        if (b == 0) {
          wgmma_wait<1>(); // dP^T
          hold(ds.at);
        }
        score_gradients_of(ds_b, p_b, delta + b * BLOCK);
        ds_bf16[b].round(ds_b);
        store(ds_tile.columns(b), 64 * w, ds_bf16[b]);
        if (b + 1 < F::BLOCKS) mma_AB(dk, ds_bf16[b], q, b * BLOCK); // beside the next block
      }
      fence_async();
      named_sync(BOTH, WARPGROUPS * WARPGROUP);

      Accumulator<BLOCK> dq;
      mma_AtB(dq, ds_tile.columns(F::query_block(w)), at.k.columns(F::head_block(w)));
      mma_AB(dk, ds_bf16[F::BLOCKS - 1], q, (F::BLOCKS - 1) * BLOCK);
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

template <int D> ctx_status run(ctx_device *device, const ctx_attention_grad &g) {
  using F = Fused<D>;
  const ctx_attention &a = g.fwd;
  const int blocks = tile_count(int(a.k.rows), OWN);
  const bool ordered = !g.any_order;
  const uint32_t tiles = uint32_t(tile_count(int(a.q.rows), F::COLS));
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
  const auto kernel = ordered ? fused_kernel<D, true> : fused_kernel<D, false>;
  CTX_TRY(allow(device, kernel, F::BYTES));
  TensorMap q, of_o, k, v, dq;
  CTX_TRY(make_map(device, "attention_backward: q", a.q, F::COLS, &q));
  CTX_TRY(make_map(device, "attention_backward: d_o", d_o, F::COLS, &of_o));
  CTX_TRY(make_map(device, "attention_backward: k", a.k, OWN, &k));
  CTX_TRY(make_map(device, "attention_backward: v", a.v, OWN, &v));
  CTX_TRY(make_map(device, "attention_backward: dq", g.dq, SumTile::ROWS, &dq));
  launch(device, kernel, dim3(unsigned(blocks * a.kv_heads)), dim3(THREADS), F::BYTES, q, of_o, k, v, dq, BackwardCall{Visibility(a), a.heads / a.kv_heads, a.kv_heads, blocks, a.scale, a.lse, g.delta}, order,
         Rows<float>(g.dk), Rows<float>(g.dv));
  return CTX_OK;
}

} // namespace

ctx_status hopper_backward(ctx_device *device, const ctx_attention_grad &g) {
  ctx_status status = CTX_OK;
  with_head_dim(g.fwd.head_dim, [&](auto d) { status = run<decltype(d)::value>(device, g); });
  return status;
}

} // namespace ctx_cuda
