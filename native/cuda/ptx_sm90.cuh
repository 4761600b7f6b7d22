// ptx_sm90.cuh: the instructions of a Hopper GPU (sm_90a) that attention uses, a function each, named by what they do. On a CPU the same
// functions come from host/sm90.h, so that kernels written with them run there too.
//
// A phase of an mbarrier ends when as many threads as it expects have arrived and all announced bytes have come. The n-th phase, from 0,
// has parity n mod 2; a fresh barrier lets those pass who wait for parity 1. Threads that only wait see what was written before the others arrived.
//
// wgmma: a warpgroup (4 warps, from a warp that is a multiple of 4) multiplies D [64][N] (+)= A [64][16] B [16][N]. Products run by
// themselves, one group after the other, from wgmma_commit on; until wgmma_wait has seen their group neither D, A's registers nor the shared
// memory may be touched. wgmma_fence comes before the first product after registers were written.
//
// Written after the PTX ISA; assembled by nvcc 13.0, run only as host/sm90.h.
//
// What threads write to shared memory, wgmma and TMA see after fence_async by the thread that wrote it, and then a barrier.
//
// defines: TensorMap, barrier_*, prefetch, tma_load, tma_add, bulk_*, wgmma_*, wait_after, hold, stmatrix, shared_store, fence_async, seen_read,
//          seen_write, named_sync, named_arrive, take_number, wait_turn, pass_turn, more_registers, fewer_registers, one_of_warp, thread_anew, anew, pack, exp2_fast, shared_address
#pragma once
#include "layout_sm90.h"

#if !defined(__CUDACC__)
#include "host/sm90.h"
#else
#include <cuda.h>

namespace ctx_cuda::sm90 {

// Addresses in shared memory, as the instructions below take them.
__device__ __forceinline__ uint32_t shared_address(const void *p) { return uint32_t(__cvta_generic_to_shared(p)); }

// ---- mbarrier: 8 bytes of shared memory ----

__device__ __forceinline__ void barrier_init(uint32_t bar, uint32_t arrivals) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(arrivals) : "memory"); }
// After all barrier_init, before the block's first __syncthreads.
__device__ __forceinline__ void barrier_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ __forceinline__ void barrier_arrive(uint32_t bar) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory"); }
// Arrives, and announces bytes that TMA will bring.
__device__ __forceinline__ void barrier_expect(uint32_t bar, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory");
}
__device__ __forceinline__ void barrier_wait(uint32_t bar, uint32_t parity) {
  asm volatile("{\n"
               ".reg .pred ended;\n"
               "again_%=:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n" // sleeps for a while by itself
               "@!ended bra again_%=;\n"
               "}" ::"r"(bar), "r"(parity) : "memory");
}

// ---- TMA ----

struct TensorMap {
  CUtensorMap map;
};

constexpr uint64_t EVICT_FIRST = 0x12F0000000000000, EVICT_LAST = 0x14F0000000000000; // L2: read once; read by many blocks

__device__ __forceinline__ void prefetch(const TensorMap *m) { asm volatile("prefetch.tensormap [%0];" ::"l"(m) : "memory"); }
// The map's box (64 columns) from (row, col) on to shared memory, zeros where there is no matrix; its bytes count for `bar`.
__device__ __forceinline__ void tma_load(uint32_t to, const TensorMap *m, uint32_t bar, int col, int row, uint64_t keep) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to), "l"(m), "r"(bar), "r"(col),
               "r"(row), "l"(keep)
               : "memory");
}

// The other way, sums: adds what shared memory holds to the map's box, fp32, where there is a matrix. No order among those of several blocks.
__device__ __forceinline__ void tma_add(const TensorMap *m, uint32_t from, int col, int row) {
  asm volatile("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%2, %3}], [%1];" ::"l"(m), "r"(from), "r"(col), "r"(row) : "memory");
}
// This thread's tma_add since the last commit are a group. All groups but the last N have read shared memory; are wholly done.
__device__ __forceinline__ void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
template <int N> __device__ __forceinline__ void bulk_wait_read() { asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory"); }
template <int N> __device__ __forceinline__ void bulk_wait() { asm volatile("cp.async.bulk.wait_group %0;" ::"n"(N) : "memory"); }

// ---- shared memory for wgmma and TMA ----

// Four matrices 8 x 8 of bf16, register r of a warp the r-th as fragments have it; thread i says where row i mod 8 of the (i / 8)-th goes, 16 bytes.
__device__ __forceinline__ void stmatrix(uint32_t to, uint32_t r0, uint32_t r1, uint32_t r2, uint32_t r3) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(r0), "r"(r1), "r"(r2), "r"(r3) : "memory");
}
__device__ __forceinline__ void shared_store(uint32_t to, float x, float y) { asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to), "f"(x), "f"(y) : "memory"); }
__device__ __forceinline__ void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// A plain load or store of shared memory was here: told to host/sm90.h, which sees no other of them.
__device__ __forceinline__ void seen_read(const void *, int) {}
__device__ __forceinline__ void seen_write(const void *, int) {}

// ---- wgmma ----

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// All groups but the last N are done.
template <int N> __device__ __forceinline__ void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }

// Before a wgmma_wait: x, which is never below 0, is computed first. ptxas moves a wait ahead of whatever needs none of the products, also of what
// was to run beside them; it does not move it ahead of a store. The store here never happens; `place`: of four bytes in shared memory.
__device__ __forceinline__ void wait_after(float x, uint32_t place) {
  asm volatile("{\n.reg .pred p;\nsetp.lt.f32 p, %0, 0f00000000;\n@p st.shared.f32 [%1], %0;\n}" ::"f"(x), "r"(place) : "memory");
}

// Keeps the compiler from moving what it does with these registers across this line.
template <int N> __device__ __forceinline__ void hold(float (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(x[i])::"memory");
}
template <int N> __device__ __forceinline__ void hold(uint32_t (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+r"(x[i])::"memory");
}

#define CTX_F4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define CTX_F16(d, i) CTX_F4(d, i), CTX_F4(d, i + 4), CTX_F4(d, i + 8), CTX_F4(d, i + 12)
#define CTX_F32(d) CTX_F16(d, 0), CTX_F16(d, 16)
#define CTX_F64(d) CTX_F32(d), CTX_F16(d, 32), CTX_F16(d, 48)
#define CTX_NAMES_32 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define CTX_NAMES_64 CTX_NAMES_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"

// A and B from shared memory. A_MN, B_MN: the operand lies MN-major. add: D += A B, else D = A B.
template <int N, bool A_MN, bool B_MN> __device__ __forceinline__ void wgmma_ss(float (&d)[N / 2], Descriptor a, Descriptor b, bool add) {
  static_assert(N == 64 || N == 128);
  if constexpr (N == 64)
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" CTX_NAMES_32 "}, %32, %33, p, 1, 1, %35, %36;\n}"
                 : CTX_F32(d)
                 : "l"(a.bits), "l"(b.bits), "r"(int(add)), "n"(int(A_MN)), "n"(int(B_MN)));
  else
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" CTX_NAMES_64 "}, %64, %65, p, 1, 1, %67, %68;\n}"
                 : CTX_F64(d)
                 : "l"(a.bits), "l"(b.bits), "r"(int(add)), "n"(int(A_MN)), "n"(int(B_MN)));
}
// A from four registers.
template <int N, bool B_MN> __device__ __forceinline__ void wgmma_rs(float (&d)[N / 2], const uint32_t *a, Descriptor b, bool add) {
  static_assert(N == 64 || N == 128);
  if constexpr (N == 64)
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" CTX_NAMES_32 "}, {%32,%33,%34,%35}, %36, p, 1, 1, %38;\n}"
                 : CTX_F32(d)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits), "r"(int(add)), "n"(int(B_MN)));
  else
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" CTX_NAMES_64 "}, {%64,%65,%66,%67}, %68, p, 1, 1, %70;\n}"
                 : CTX_F64(d)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits), "r"(int(add)), "n"(int(B_MN)));
}

// ---- the rest ----

// Barrier `id` (1-15; 0 is __syncthreads) of so many threads, those that only arrive included.
__device__ __forceinline__ void named_sync(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
__device__ __forceinline__ void named_arrive(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

// Blocks wait for blocks: only for those with a lower number, which have begun, and so never for one that has no multiprocessor.
// The number of blocks that took one before.
__device__ __forceinline__ uint32_t take_number(uint32_t *next) { return atomicAdd(next, 1u); }
// Until another block has passed the turn to `mine`; this thread's tma_add of before are done before, those of after come after.
__device__ __forceinline__ void wait_turn(const uint32_t *turn, uint32_t mine) {
  uint32_t now;
  do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(turn) : "memory");
  while (now != mine);
  asm volatile("fence.proxy.async.global;" ::: "memory");
}
// After bulk_wait.
__device__ __forceinline__ void pass_turn(uint32_t *turn, uint32_t next) {
  asm volatile("fence.proxy.async.global;" ::: "memory");
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(turn), "r"(next) : "memory");
}

// Registers of each thread of this warpgroup from here on: what some give up others can have; asking for more waits until they are free.
template <int N> constexpr bool REGISTERS = N % 8 == 0 && 24 <= N && N <= 256; // what the instructions take
template <int N> __device__ __forceinline__ void more_registers() {
  static_assert(REGISTERS<N>);
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N> __device__ __forceinline__ void fewer_registers() {
  static_assert(REGISTERS<N>);
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

// True for one thread of the warp, always the same.
__device__ __forceinline__ bool one_of_warp() {
  uint32_t chosen;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}" : "=r"(chosen));
  return chosen;
}

// threadIdx.x, read anew: what follows from it is worked out where it is needed, and holds no register through a loop. Unsigned, so that its
// halves and rests are shifts and masks.
__device__ __forceinline__ uint32_t thread_anew() {
  uint32_t x;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(x));
  return x;
}

// x, of which the compiler does not know that it is x: the same for an address that all of a kernel's places follow from.
__device__ __forceinline__ uint32_t anew(uint32_t x) {
  uint32_t y;
  asm volatile("mov.u32 %0, %1;" : "=r"(y) : "r"(x));
  return y;
}

// Two bf16, rounded to nearest even.
__device__ __forceinline__ uint32_t pack(float low, float high) {
  uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
// 2^x with a relative error of 2^-22; 0 for what would be subnormal.
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

} // namespace ctx_cuda::sm90
#endif
