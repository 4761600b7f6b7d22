// attention_bwd_sm90.cu: attention backward on a Hopper GPU's tensor cores, bf16, head_dim 64 and 128.
//
//   P = exp(scale Q K^T - lse);  dP = dO V^T;  dS = P (dP - delta);   dV += P^T dO,  dK += scale dS^T Q,  dQ += scale dS K
//
// 10 d FLOPs for each visible query, key and head, of which this does 14: two kernels, each of which forms P and dS. One owns keys and
// makes dK and dV, the other owns queries and makes dQ, so that no two blocks write the same number and every sum has one order: results
// repeat bit for bit, with no atomics and no block waiting for another. It is for what attention_bwd_fused_sm90.cu, which does 10 d, does not
// take: a dq that TMA cannot add to. P, dS and dO are rounded to bf16 to be multiplied, all sums are fp32.
//
// As in the forward pass, a thread of the first warpgroup loads tiles ahead and the two others compute, 64 rows each. Scores are formed with
// the owned side as rows: S^T = K Q^T for keys, S = Q K^T for queries. P and dS then are where wgmma wants the left side of the products that
// follow, and need no shared memory. A block of keys walks all query heads that share its key-value head, in order.
//
// Not done, since registers do not suffice (ptxas C7512): leaving dV and dK of one tile to run beside the scores of the next.
//
// Seen so far: on the CPU, over host/sm90.h, against float64 (test/cuda). It compiles for sm_90a without a spill; it has not run on a GPU.
#include "attention_bwd_sm90.cuh"

namespace ctx_cuda {
namespace {

using namespace sm90;

// Shared memory of both kernels: two tiles of what the block owns (K and V, or Q and dO), STAGES pairs of what passes by, COLS at a time (Q
// and dO, or K and V), and for queries that pass by their lse and delta.
template <int D, int COLS_> struct Backward {
  static constexpr int COLS = COLS_;
  using Owned = Tile<OWN, D>;
  using Passing = Tile<COLS, D>;
  Owned own_a, own_b;
  Passing pass_a, pass_b; // STAGES of each
  uint32_t own_full;
  Stages<STAGES> stages_a, stages_b;
  float *statistics; // [STAGES][2][COLS]: lse in exponents of two, delta

  static constexpr uint32_t TILE_BYTES = 2 * Owned::BYTES + 2 * STAGES * Passing::BYTES;
  static constexpr uint32_t BYTES = ATOM_BYTES + TILE_BYTES + 2 * STAGES * COLS * 4 + 8 + 2 * Stages<STAGES>::BYTES;
  static_assert(BYTES <= BLOCK_SHARED);

  __device__ explicit Backward(char *memory) {
    const uint32_t start = shared_address(memory), first = (start + ATOM_BYTES - 1) / ATOM_BYTES * ATOM_BYTES;
    own_a = {first};
    own_b = {own_a.address + Owned::BYTES};
    pass_a = {own_b.address + Owned::BYTES};
    pass_b = pass_a[STAGES];
    statistics = reinterpret_cast<float *>(memory + (first - start) + TILE_BYTES);
    own_full = first + TILE_BYTES + 2 * STAGES * COLS * 4;
    stages_a = {own_full + 8};
    stages_b = {stages_a.bars + stages_a.BYTES};
  }
  // a_producers: threads that arrive for a filling of the first of each pair.
  __device__ void init(int a_producers) const {
    barrier_init(own_full, 1);
    stages_a.init(a_producers, 4 * WARPGROUPS);
    stages_b.init(1, 4 * WARPGROUPS);
    barrier_init_fence();
  }
};

// Queries that pass by a block of keys.
template <int D> using ForKeys = Backward<D, D == 128 ? 64 : 128>;

// Block (key-value head, OWN keys).
template <int D>
__global__ void __launch_bounds__(THREADS, 1) dkv_kernel(const CTX_GRID_CONSTANT TensorMap q_map, const CTX_GRID_CONSTANT TensorMap d_o_map, const CTX_GRID_CONSTANT TensorMap k_map,
                                                         const CTX_GRID_CONSTANT TensorMap v_map, const BackwardCall a, Rows<float> dk_rows, Rows<float> dv_rows) {
#if CTX_SM90_CODE
  using B = ForKeys<D>;
  const B at(shared_memory<char>());
  const int kv_head = int(blockIdx.x) / a.blocks, first_key = int(blockIdx.x) % a.blocks * OWN; // under a causal mask the first keys have most to do
  const TileSpan tiles = tiles_of(a.sees.queries_of(first_key), a.sees.queries_of(least(first_key + OWN, a.sees.k_rows) - 1), B::COLS);
  const int steps = tiles.count() * a.group;
  const auto head_of = [&](int n) { return kv_head * a.group + n / tiles.count(); };
  const auto tile_of = [&](int n) { return tiles.begin + n % tiles.count(); };

  if (threadIdx.x == 0) {
    prefetch(&q_map), prefetch(&d_o_map), prefetch(&k_map), prefetch(&v_map);
    at.init(1 + WARP);
  }
  __syncthreads();

  if (threadIdx.x < WARPGROUP) { // loads
    fewer_registers<LOADING>();
    if (threadIdx.x < WARP) {
      if (one_of_warp() && steps > 0) {
        barrier_expect(at.own_full, 2 * B::Owned::BYTES);
        load(at.own_a, &k_map, at.own_full, first_key, kv_head * D, EVICT_FIRST);
        load(at.own_b, &v_map, at.own_full, first_key, kv_head * D, EVICT_FIRST);
        for (int n = 0; n < steps; n++) {
          const int query = tile_of(n) * B::COLS, column = head_of(n) * D;
          load_next(at.pass_a, &q_map, at.stages_a, n, query, column);
          load_next(at.pass_b, &d_o_map, at.stages_b, n, query, column);
        }
      }
    } else if (threadIdx.x < 2 * WARP) { // lse and delta
      for (int n = 0; n < steps; n++) {
        float *const lse = at.statistics + n % STAGES * 2 * B::COLS;
        at.stages_a.wait_empty(n);
        fill_statistics<B::COLS>(lse, lse + B::COLS, a, head_of(n), tile_of(n) * B::COLS);
        barrier_arrive(at.stages_a.full(n));
      }
    }
  } else { // compute
    more_registers<COMPUTING>();
    const int w = computing_warpgroup(), lane = int(threadIdx.x) % WARPGROUP;
    const float scale = a.scale * LOG2_E;
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
    if (steps > 0) barrier_wait(at.own_full, 0);
#pragma unroll 1
    for (int n = 0; n < steps; n++) {
      const typename B::Passing q = at.pass_a[n % STAGES], d_o = at.pass_b[n % STAGES];
      const float *const lse = at.statistics + n % STAGES * 2 * B::COLS + fragment_column(lane, 0), *const delta = lse + B::COLS;
      Accumulator<B::COLS> p, ds; // first S^T and dP^T
      Operand<B::COLS> p_bf16, ds_bf16;
      at.stages_a.wait_full(n);
      mma_ABt(p, at.own_a, 64 * w, q);
      at.stages_b.wait_full(n);
      mma_ABt(ds, at.own_b, 64 * w, d_o);

      wgmma_wait<1>(); // S^T
      hold(p.at);
      weights_of(p, scale, lse);
      if (!tiles.full(tile_of(n))) mask(p, seen, tile_of(n) * B::COLS, 0);
      p_bf16.round(p);
      wgmma_wait<0>(); // dP^T
      hold(ds.at);
      score_gradients_of(ds, p, delta);
      ds_bf16.round(ds);

      mma_AB(dv, p_bf16, d_o);
      mma_AB(dk, ds_bf16, q);
      wgmma_wait<1>(); // dV
      hold(dv.at);
      at.stages_b.release(n);
      wgmma_wait<0>(); // dK
      hold(dk.at);
      at.stages_a.release(n);
    }
    add_to(dk_rows, dk, a.scale, row, a.sees.k_rows, kv_head * D, lane);
    add_to(dv_rows, dv, 1, row, a.sees.k_rows, kv_head * D, lane);
  }
#else
  __trap();
#endif
}

// Keys that pass by a block of queries.
template <int D> using ForQueries = Backward<D, 128>;

// Block (head, OWN queries); ordered as the forward pass.
template <int D>
__global__ void __launch_bounds__(THREADS, 1) dq_kernel(const CTX_GRID_CONSTANT TensorMap q_map, const CTX_GRID_CONSTANT TensorMap d_o_map, const CTX_GRID_CONSTANT TensorMap k_map,
                                                        const CTX_GRID_CONSTANT TensorMap v_map, const BackwardCall a, Rows<float> dq_rows) {
#if CTX_SM90_CODE
  using B = ForQueries<D>;
  const B at(shared_memory<char>());
  const int kv_head = int(blockIdx.x) / (a.group * a.blocks), in_group = int(blockIdx.x) % (a.group * a.blocks);
  const int head = kv_head * a.group + in_group % a.group, first_row = (a.blocks - 1 - in_group / a.group) * OWN;
  const TileSpan tiles = tiles_of(a.sees.keys_of(first_row), a.sees.keys_of(least(first_row + OWN, a.sees.q_rows) - 1), B::COLS);

  if (threadIdx.x == 0) {
    prefetch(&q_map), prefetch(&d_o_map), prefetch(&k_map), prefetch(&v_map);
    at.init(1);
  }
  __syncthreads();

  if (threadIdx.x < WARPGROUP) { // loads
    fewer_registers<LOADING>();
    if (threadIdx.x < WARP && one_of_warp() && tiles.count() > 0) {
      barrier_expect(at.own_full, 2 * B::Owned::BYTES);
      load(at.own_a, &q_map, at.own_full, first_row, head * D, EVICT_FIRST);
      load(at.own_b, &d_o_map, at.own_full, first_row, head * D, EVICT_FIRST);
      for (int n = 0; n < tiles.count(); n++) {
        const int key = (tiles.end - 1 - n) * B::COLS;
        load_next(at.pass_a, &k_map, at.stages_a, n, key, kv_head * D);
        load_next(at.pass_b, &v_map, at.stages_b, n, key, kv_head * D);
      }
    }
  } else { // compute
    more_registers<COMPUTING>();
    const int w = computing_warpgroup(), lane = int(threadIdx.x) % WARPGROUP;
    const float scale = a.scale * LOG2_E;
    int row[2];
    Span seen[2];
    float lse[2], delta[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      row[h] = first_row + 64 * w + fragment_row(lane, 2 * h);
      const bool there = row[h] < a.sees.q_rows;
      const int64_t i = int64_t(head) * a.sees.q_rows + row[h];
      seen[h] = there ? a.sees.keys_of(row[h]) : Span{0, 0};
      lse[h] = there ? a.lse[i] * LOG2_E : 0;
      delta[h] = there ? a.delta[i] : 0;
    }

    Accumulator<D> dq;
    clear(dq);
    if (tiles.count() > 0) barrier_wait(at.own_full, 0);
#pragma unroll 1
    for (int n = 0; n < tiles.count(); n++) {
      const typename B::Passing k = at.pass_a[n % STAGES], v = at.pass_b[n % STAGES];
      const int tile = tiles.end - 1 - n;
      Accumulator<B::COLS> p, ds; // first S and dP
      Operand<B::COLS> ds_bf16;
      at.stages_a.wait_full(n);
      mma_ABt(p, at.own_a, 64 * w, k);
      at.stages_b.wait_full(n);
      mma_ABt(ds, at.own_b, 64 * w, v);

      wgmma_wait<1>(); // S
      hold(p.at);
#pragma unroll
      for (int i = 0; i < B::COLS / 2; i++) p.at[i] = exp2_fast(fmaf(p.at[i], scale, -lse[i / 2 % 2]));
      if (!tiles.full(tile)) mask(p, seen, tile * B::COLS, 0);
      wgmma_wait<0>(); // dP
      hold(ds.at);
      at.stages_b.release(n);
#pragma unroll
      for (int i = 0; i < B::COLS / 2; i++) ds.at[i] = p.at[i] * (ds.at[i] - delta[i / 2 % 2]);
      ds_bf16.round(ds);

      mma_AB(dq, ds_bf16, k);
      wgmma_wait<0>();
      hold(dq.at);
      at.stages_a.release(n);
    }
    add_to(dq_rows, dq, a.scale, row, a.sees.q_rows, head * D, lane);
  }
#else
  __trap();
#endif
}

template <int D> ctx_status run(ctx_device *device, const ctx_attention_grad &g) {
  const ctx_attention &a = g.fwd;
  const int group = a.heads / a.kv_heads, key_blocks = tile_count(int(a.k.rows), OWN), query_blocks = tile_count(int(a.q.rows), OWN);
  BackwardCall call{Visibility(a), group, a.kv_heads, key_blocks, a.scale, a.lse, g.delta};
  ctx_mat d_o;
  void *unused;
  CTX_TRY(readable(device, g.d_o, 0, &d_o, &unused));
  const auto maps = [&](int query_rows, int key_rows, TensorMap(&m)[4]) -> ctx_status {
    CTX_TRY(make_map(device, "attention_backward: q", a.q, query_rows, &m[0]));
    CTX_TRY(make_map(device, "attention_backward: d_o", d_o, query_rows, &m[1]));
    CTX_TRY(make_map(device, "attention_backward: k", a.k, key_rows, &m[2]));
    return make_map(device, "attention_backward: v", a.v, key_rows, &m[3]);
  };
  TensorMap m[4];
  using Keys = ForKeys<D>;
  CTX_TRY(allow(device, dkv_kernel<D>, Keys::BYTES));
  CTX_TRY(maps(Keys::COLS, OWN, m));
  launch(device, dkv_kernel<D>, dim3(unsigned(key_blocks * a.kv_heads)), dim3(THREADS), Keys::BYTES, m[0], m[1], m[2], m[3], call, Rows<float>(g.dk), Rows<float>(g.dv));
  call.blocks = query_blocks;
  using Queries = ForQueries<D>;
  CTX_TRY(allow(device, dq_kernel<D>, Queries::BYTES));
  CTX_TRY(maps(OWN, Queries::COLS, m));
  launch(device, dq_kernel<D>, dim3(unsigned(query_blocks * a.heads)), dim3(THREADS), Queries::BYTES, m[0], m[1], m[2], m[3], call, Rows<float>(g.dq));
  return CTX_OK;
}

} // namespace

ctx_status hopper_backward_apart(ctx_device *device, const ctx_attention_grad &g) {
  ctx_status status = CTX_OK;
  with_head_dim(g.fwd.head_dim, [&](auto d) { status = run<decltype(d)::value>(device, g); });
  return status;
}

} // namespace ctx_cuda
