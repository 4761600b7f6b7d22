// ptx_sm80.cuh: the instructions of an Ampere GPU's tensor cores that attention_sm80.cu is made of, and what they do, in C++, for the host build.
//
//   cp_async, cp_async_commit, cp_async_wait   16 bytes from global to shared memory, in groups, beside the computation
//   ldmatrix, ldmatrix_trans                   four 8 x 8 matrices of bf16 from shared memory to the registers of a warp
//   mma                                        C [16, 8] += A [16, 16] B [16, 8], bf16 with fp32 sums, by a warp
//
// Lane l of a warp holds (PTX ISA, "Matrix fragments for mma.m16n8k16"):
//   A   a[0], a[1]: row l / 4 and l / 4 + 8, columns 2 (l % 4) and the next; a[2], a[3]: the same, 8 columns on
//   B   b[0]: rows 2 (l % 4) and the next, column l / 4; b[1]: 8 rows on
//   C   c[0], c[1]: row l / 4, columns 2 (l % 4) and the next; c[2], c[3]: 8 rows on
//
// On the host a warp's lanes meet in each of these, and copies happen when they are waited for, so that a kernel that does not wait reads NaN.
#pragma once
#include "elements.cuh"

#if !defined(__CUDACC__)
#include <array>
#include <vector>
#endif

namespace ctx_cuda::sm80 {

__device__ __forceinline__ uint32_t pack(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
#else
  return uint32_t(ctx::to_bf16(high)) << 16 | ctx::to_bf16(low);
#endif
}

__device__ __forceinline__ float exp2_of(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

#if defined(__CUDACC__)

__device__ __forceinline__ uint32_t shared_address(const void *p) { return uint32_t(__cvta_generic_to_shared(p)); }

// 16 bytes, or 16 zeros where there is nothing to read.
__device__ __forceinline__ void cp_async(void *to, const void *from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(there ? 16 : 0) : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until all but the last N groups of this thread are there.
template <int N> __device__ __forceinline__ void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// Lane l gives the address of row l % 8 of matrix l / 8, and gets of each matrix row l / 4, columns 2 (l % 4) and the next.
__device__ __forceinline__ void ldmatrix(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
// The same of the matrices' transposes.
__device__ __forceinline__ void ldmatrix_trans(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

__device__ __forceinline__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#else // the host

struct Copy {
  void *to;
  const void *from;
  bool there;
};

// What a thread has in flight, and what it shows to its warp. Two of the latter in turn: nobody is a whole step ahead of another.
struct Lane {
  std::vector<std::vector<Copy>> groups = {{}};
  std::array<uint64_t, 6> shown[2];
  int turn = 0;
};

// Forgotten at the start of each kernel's block: a thread of an earlier one may have left copies that it never waited for.
inline thread_local std::vector<Lane> lanes;
inline Lane &lane() { return lanes[ctx_shim::machine.current]; }
inline void begin_block() { // by each thread, before anything else
  if (lanes.size() < ctx_shim::machine.count()) lanes.resize(ctx_shim::machine.count());
  lane() = Lane();
  __syncthreads();
}

inline void cp_async(void *to, const void *from, bool there) {
  if (ctx_shim::watch_copy) ctx_shim::watch_copy(to, 16, false);
  lane().groups.back().push_back({to, from, there});
}
inline void cp_async_commit() { lane().groups.push_back({}); }
template <int N> void cp_async_wait(std::source_location at = std::source_location::current()) {
  if (ctx_shim::left_out(at)) return;
  auto &groups = lane().groups; // the last one is still open
  while (groups.size() > N + 1) {
    for (const Copy &copy : groups.front()) {
      if (ctx_shim::watch_copy) ctx_shim::watch_copy(copy.to, 16, true);
      if (copy.there) std::memcpy(copy.to, copy.from, 16);
      else std::memset(copy.to, 0, 16);
    }
    groups.erase(groups.begin());
  }
}

// Shows `mine` to the warp; returns what all its lanes show.
struct Shown {
  size_t first;
  int turn;
  const std::array<uint64_t, 6> &operator[](size_t l) const { return lanes[first + l].shown[turn]; }
};
inline Shown show(const std::array<uint64_t, 6> &mine) {
  Lane &l = lane();
  const int turn = l.turn;
  l.shown[turn] = mine;
  l.turn = 1 - turn;
  const size_t first = ctx_shim::machine.current / 32 * 32;
  ctx_shim::meet_warp();
  return {first, turn};
}
inline size_t lane_index() { return ctx_shim::machine.current % 32; }

template <bool TRANS> void load_matrices(uint32_t (&r)[4], const void *row) {
  const size_t l = lane_index();
  const Shown rows = show({reinterpret_cast<uint64_t>(row)});
  for (size_t m = 0; m < 4; m++) {
    const auto at = [&](size_t i, size_t j) { return reinterpret_cast<const uint16_t *>(rows[8 * m + i][0])[j]; };
    const size_t i = l / 4, j = 2 * (l % 4);
    r[m] = TRANS ? uint32_t(at(j + 1, i)) << 16 | at(j, i) : uint32_t(at(i, j + 1)) << 16 | at(i, j);
  }
}
inline void ldmatrix(uint32_t (&r)[4], const void *row) { load_matrices<false>(r, row); }
inline void ldmatrix_trans(uint32_t (&r)[4], const void *row) { load_matrices<true>(r, row); }

inline void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const size_t l = lane_index();
  const Shown all = show({a[0], a[1], a[2], a[3], b0, b1});
  const auto half = [](uint64_t both, size_t i) { return ctx::from_bf16(uint16_t(both >> (16 * i))); };
  for (size_t e = 0; e < 4; e++) {
    const size_t row = l / 4 + 8 * (e / 2), column = 2 * (l % 4) + e % 2;
    float sum = 0;
    for (size_t k = 0; k < 16; k++) {
      const uint64_t x = all[row % 8 * 4 + k % 8 / 2][2 * (k / 8) + row / 8], y = all[column * 4 + k % 8 / 2][4 + k / 8];
      sum += half(x, k % 2) * half(y, k % 2);
    }
    c[e] += sum;
  }
}

#endif

#if defined(__CUDACC__)
__device__ __forceinline__ void begin_block() {}
#endif

} // namespace ctx_cuda::sm80
