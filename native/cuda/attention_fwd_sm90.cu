// attention_fwd_sm90.cu: attention forward on a Hopper GPU's tensor cores, bf16, head_dim 64 and 128.
//
//   S = Q K^T;  P = exp(scale S - max);  O = P V / sum P;  lse = max + log sum P                (FlashAttention-3, arXiv 2407.08608)
//
// 4 d FLOPs for each visible query, key and head; P is rounded to bf16 to be multiplied, all sums and the softmax are fp32.
//
// A block computes ROWS queries of a head. One thread of its first warpgroup loads: Q once, then the tiles of K and V that some query of the
// block sees, the last one first, STAGES ahead of use. Each of the other warpgroups owns 64 queries. Its exponentials of one tile run beside its
// own product P V of the tile before, and beside the products of the other warpgroups, which take turns. A tile that all queries of the block
// see wholly is not masked.
//
// Blocks are ordered so that those of the query heads that share K and V run together, the longest first.
//
// Seen so far: on the CPU, over host/sm90.h, against float64 (test/cuda). It compiles for sm_90a without a spill; it has not run on a GPU.
#include <cmath>

#include "attention.h"
#include "elements.cuh"
#include "tensor_map_sm90.h"
#include "tiles_sm90.cuh"

namespace ctx_cuda {
namespace {

using namespace sm90;

// Registers: 65536 of a multiprocessor, a thread's share at launch rounded down to 8; what the loading warpgroup gives up the others take.
template <int D> struct Forward {
  static constexpr int WARPGROUPS = D == 128 ? 2 : 3, ROWS = 64 * WARPGROUPS, KEYS = 128, STAGES = 2, THREADS = WARPGROUP * (WARPGROUPS + 1);
  static constexpr int LOADING = D == 128 ? 24 : 32, COMPUTING = D == 128 ? 240 : 160;
  static_assert(LOADING + WARPGROUPS * COMPUTING <= (WARPGROUPS + 1) * (65536 / THREADS / 8 * 8));

  using Queries = Tile<ROWS, D>;
  using Keys = Tile<KEYS, D>;
  Queries q;
  Keys k, v; // STAGES of each
  uint32_t q_full;
  Stages<STAGES> k_stages, v_stages;

  static constexpr uint32_t TILE_BYTES = Queries::BYTES + 2 * STAGES * Keys::BYTES, BYTES = ATOM_BYTES + TILE_BYTES + 8 + 2 * Stages<STAGES>::BYTES;
  static_assert(BYTES <= BLOCK_SHARED);

  // `memory`: BYTES of the block's shared memory, of which tiles begin at the first multiple of ATOM_BYTES.
  __device__ explicit Forward(uint32_t memory) {
    q = {(memory + ATOM_BYTES - 1) / ATOM_BYTES * ATOM_BYTES};
    k = {q.address + Queries::BYTES};
    v = k[STAGES];
    q_full = q.address + TILE_BYTES;
    k_stages = {q_full + 8};
    v_stages = {k_stages.bars + k_stages.BYTES};
  }
};

struct ForwardCall {
  Visibility sees;
  int heads, group, blocks; // group: query heads of a key-value head; blocks: of a head
  float scale;
  float *lse;
  bool merge, pairs; // pairs: two neighbours of o can be written at once
};

template <class O> __device__ __forceinline__ void write(O *to, float x, float y, bool pairs) {
  if (pairs) put<2>(to, Floats<2>{{x, y}});
  else store(to[0], x), store(to[1], y);
}

template <int D, class O>
__global__ void __launch_bounds__(Forward<D>::THREADS, 1)
    forward_kernel(const CTX_GRID_CONSTANT TensorMap q_map, const CTX_GRID_CONSTANT TensorMap k_map, const CTX_GRID_CONSTANT TensorMap v_map, const ForwardCall a, Rows<O> out) {
#if CTX_SM90_CODE
  using F = Forward<D>;
  const F at(shared_address(shared_memory<char>()));
  const int kv_head = int(blockIdx.x) / (a.group * a.blocks), in_group = int(blockIdx.x) % (a.group * a.blocks);
  const int head = kv_head * a.group + in_group % a.group, first_row = (a.blocks - 1 - in_group / a.group) * F::ROWS;
  const TileSpan tiles = tiles_of(a.sees.keys_of(first_row), a.sees.keys_of(least(first_row + F::ROWS, a.sees.q_rows) - 1), F::KEYS);

  if (threadIdx.x == 0) {
    prefetch(&q_map), prefetch(&k_map), prefetch(&v_map);
    barrier_init(at.q_full, 1);
    at.k_stages.init(1, 4 * F::WARPGROUPS);
    at.v_stages.init(1, 4 * F::WARPGROUPS);
    barrier_init_fence();
  }
  __syncthreads();

  if (threadIdx.x < WARPGROUP) { // loads
    fewer_registers<F::LOADING>();
    if (threadIdx.x < WARP && one_of_warp() && tiles.count() > 0) {
      barrier_expect(at.q_full, F::Queries::BYTES);
      load(at.q, &q_map, at.q_full, first_row, head * D, EVICT_FIRST);
      for (int n = 0; n < tiles.count(); n++) {
        const int key = (tiles.end - 1 - n) * F::KEYS;
        load_next(at.k, &k_map, at.k_stages, n, key, kv_head * D);
        load_next(at.v, &v_map, at.v_stages, n, key, kv_head * D);
      }
    }
  } else { // compute
    more_registers<F::COMPUTING>();
    const int w = computing_warpgroup(), lane = int(threadIdx.x) % WARPGROUP;
    const float scale = a.scale * LOG2_E; // of exponents of two
    int row[2];                           // this thread's two
    Span seen[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      row[h] = first_row + 64 * w + fragment_row(lane, 2 * h);
      seen[h] = row[h] < a.sees.q_rows ? a.sees.keys_of(row[h]) : Span{0, 0};
    }

    Accumulator<F::KEYS> s; // then P
    Operand<F::KEYS> p;
    Accumulator<D> o;
    float high[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, shrink[2]; // of the rows; sum: this thread's share
    clear(o);

    const auto exponent_of = [&](float x) { return x == -INFINITY ? 0.0f : x * scale; };
    // P = exp(scale S - max) of the n-th tile, with what o and sum must be multiplied by because max has grown.
    const auto softmax = [&](int n) {
      const int tile = tiles.end - 1 - n;
      if (!tiles.full(tile)) mask(s, seen, tile * F::KEYS, -INFINITY);
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float highest = high[h];
#pragma unroll
        for (int i = 0; i < F::KEYS / 2; i++)
          if (i / 2 % 2 == h) highest = fmaxf(highest, s.at[i]);
        highest = quad_max(highest);
        const float base = exponent_of(highest);
        shrink[h] = exp2_fast(high[h] * scale - base);
        high[h] = highest;
        float total = 0;
#pragma unroll
        for (int i = 0; i < F::KEYS / 2; i++)
          if (i / 2 % 2 == h) total += s.at[i] = exp2_fast(fmaf(s.at[i], scale, -base));
        sum[h] = sum[h] * shrink[h] + total;
      }
    };

    if (tiles.count() > 0) {
      const Turns<F::WARPGROUPS> turns(w);
      barrier_wait(at.q_full, 0);
      at.k_stages.wait_full(0);
      turns.take();
      mma_ABt(s, at.q, 64 * w, at.k[0]);
      turns.pass(tiles.count() == 1);
      wgmma_wait<0>();
      hold(s.at);
      at.k_stages.release(0);
      softmax(0);
      p.round(s);
#pragma unroll 1
      for (int n = 1; n < tiles.count(); n++) {
        at.k_stages.wait_full(n);
        turns.take();
        mma_ABt(s, at.q, 64 * w, at.k[n % F::STAGES]);
        at.v_stages.wait_full(n - 1);
        mma_AB(o, p, at.v[(n - 1) % F::STAGES]);
        turns.pass(n == tiles.count() - 1);
        wgmma_wait<1>(); // S
        hold(s.at);
        at.k_stages.release(n);
        softmax(n);
        wait_after(sum[0] + sum[1], at.q_full);
        wgmma_wait<0>(); // O
        hold(o.at);
        at.v_stages.release(n - 1);
        p.round(s);
        if (__ballot_sync(ALL_LANES, shrink[0] != 1 || shrink[1] != 1)) { // the further, the seldomer does a maximum grow
#pragma unroll
          for (int i = 0; i < D / 2; i++) o.at[i] *= shrink[i / 2 % 2];
        }
      }
      at.v_stages.wait_full(tiles.count() - 1);
      mma_AB(o, p, at.v[(tiles.count() - 1) % F::STAGES]);
      wgmma_wait<0>();
      hold(o.at);
    }

#pragma unroll
    for (int h = 0; h < 2; h++) {
      const bool there = row[h] < a.sees.q_rows;
      const float total = quad_sum(sum[h]);
      float lse = total == 0 ? -INFINITY : (exponent_of(high[h]) + log2f(total)) * LN_2, own = total == 0 ? 0.0f : 1.0f / total, before = 0;
      float *const lse_at = a.lse + int64_t(head) * a.sees.q_rows + row[h];
      if (a.merge && there) { // softmax over the earlier blocks' keys and these
        const float old = *lse_at, highest = fmaxf(old, lse);
        if (old != -INFINITY || lse != -INFINITY) {
          const float all = highest + logf(expf(old - highest) + expf(lse - highest));
          before = expf(old - all);
          own *= expf(lse - all);
          lse = all;
        }
      }
      __syncwarp(); // the threads of the row have read its lse
      if (there && lane % 4 == 0) *lse_at = lse;
      if (!there) continue;
      O *const to = out.at(row[h], head * D + fragment_column(lane, 0));
#pragma unroll
      for (int i = 0; i < D / 2; i++)
        if (i / 2 % 2 == h) o.at[i] *= own;
      if (before != 0) { // all of the row's reads before its first write, so that they wait for memory together
#pragma unroll
        for (int i = 0; i < D / 2; i++)
          if (i / 2 % 2 == h) o.at[i] = fmaf(before, to_float(to[fragment_column(0, i)]), o.at[i]);
      }
#pragma unroll
      for (int i = 2 * h; i < D / 2; i += 4) write(to + fragment_column(0, i), o.at[i], o.at[i + 1], a.pairs);
    }
  }
#else
  __trap();
#endif
}

} // namespace

ctx_status hopper_code(ctx_device *device, bool *real, int *binary, int *registers) {
  cudaFuncAttributes found{};
  CTX_CUDA(device, "hopper_code", cudaFuncGetAttributes(&found, forward_kernel<128, float>));
  *binary = found.binaryVersion, *registers = found.numRegs;
  *real = found.binaryVersion == 90 && found.numRegs > 32; // 128 and more with a body, 4 without
  return CTX_OK;
}

ctx_status hopper_forward(ctx_device *device, const ctx_attention &a) {
  ctx_status status = CTX_OK;
  with_head_dim(a.head_dim, [&](auto d) {
    with_types([&](auto o) {
      using O = decltype(o);
      using F = Forward<decltype(d)::value>;
      const auto kernel = forward_kernel<decltype(d)::value, O>;
      const auto run = [&]() -> ctx_status {
        CTX_TRY(allow(device, kernel, F::BYTES));
        TensorMap q, k, v;
        CTX_TRY(make_map(device, "attention_forward: q", a.q, F::ROWS, &q));
        CTX_TRY(make_map(device, "attention_forward: k", a.k, F::KEYS, &k));
        CTX_TRY(make_map(device, "attention_forward: v", a.v, F::KEYS, &v));
        const int blocks = tile_count(int(a.q.rows), F::ROWS);
        const bool pairs = reinterpret_cast<uintptr_t>(a.o.data) % (2 * sizeof(O)) == 0 && a.o.ld % 2 == 0;
        launch(device, kernel, dim3(unsigned(blocks * a.heads)), dim3(F::THREADS), F::BYTES, q, k, v,
               ForwardCall{Visibility(a), a.heads, a.heads / a.kv_heads, blocks, a.scale, a.lse, a.merge != 0, pairs}, Rows<O>(a.o));
        return CTX_OK;
      };
      status = run();
    }, a.o);
  });
  return status;
}

} // namespace ctx_cuda
