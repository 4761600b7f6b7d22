// elements.cuh: numbers in memory, fp32 or bf16, read and written by threads as fp32, a few neighbours at a time.
//
//   get<N>(p)        N numbers from p, as floats; one access of N * sizeof(T) bytes, to which p is aligned
//   put<N>(p, x)     N floats to p, rounded to nearest even if T is Bf16
//   for_each         calls op.template at<N>(row, column) once for every N neighbours of a matrix
//   with_types       calls f with a value of each matrix's C++ type, so that f can be a template over them
//
// An operation is a struct of pointers and numbers with such an `at`; it works for N = WIDE where all its matrices allow it, else for 1.
//
// defines: Bf16, F16, Floats, Rows, get, put, WIDE, wide, for_each, with_types
#pragma once
#include "../include/half.h"
#include "device.h"

namespace ctx_cuda {

struct Bf16 {
  uint16_t bits;
};
struct F16 { // only ever copied
  uint16_t bits;
};

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(Bf16 x) { return __uint_as_float(uint32_t(x.bits) << 16); }
__device__ __forceinline__ float to_float(F16 x) { return ctx::from_f16(x.bits); }

__device__ __forceinline__ void store(float &to, float x) { to = x; }
__device__ __forceinline__ void store(Bf16 &to, float x) {
#if defined(__CUDA_ARCH__)
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#else
  to.bits = ctx::to_bf16(x);
#endif
}
__device__ __forceinline__ void store(F16 &to, float x) { to.bits = ctx::to_f16(x); }

// What T makes of x.
template <class T> __device__ __forceinline__ float rounded(float x) {
  T y;
  store(y, x);
  return to_float(y);
}

template <int N> struct Floats {
  float at[N];
  __device__ __forceinline__ float &operator[](int i) { return at[i]; }
  __device__ __forceinline__ float operator[](int i) const { return at[i]; }
};

template <class T, int N> struct alignas(N * sizeof(T)) Pack {
  T at[N];
};

template <int N, class T> __device__ __forceinline__ Floats<N> get(const T *p) {
  const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N> *>(p);
  Floats<N> x;
#pragma unroll
  for (int i = 0; i < N; i++) x[i] = to_float(pack.at[i]);
  return x;
}

template <int N, class T> __device__ __forceinline__ void put(T *p, const Floats<N> &x) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; i++) store(pack.at[i], x[i]);
  *reinterpret_cast<Pack<T, N> *>(p) = pack;
}

// f(i) for i in [0, N), as floats.
template <int N, class F> __device__ __forceinline__ Floats<N> each(const F &f) {
  Floats<N> x;
#pragma unroll
  for (int i = 0; i < N; i++) x[i] = f(i);
  return x;
}

// The rows of a matrix of Ts.
template <class T> struct Rows {
  T *data;
  int64_t ld;
  Rows(const ctx_mat &x) : data(static_cast<T *>(x.data)), ld(x.ld) {}
  __device__ __forceinline__ T *at(int64_t row, int64_t column = 0) const { return data + row * ld + column; }
};

constexpr int WIDE = 4; // 16 bytes of fp32, 8 of bf16

// Every row can be read WIDE numbers at a time.
inline bool wide(const ctx_mat &x) {
  const size_t bytes = WIDE * (x.dtype == CTX_F32 ? 4 : 2);
  return x.cols % WIDE == 0 && (x.ld % WIDE == 0 || x.rows <= 1) && reinterpret_cast<uintptr_t>(x.data) % bytes == 0;
}
inline bool wide(const float *p) { return reinterpret_cast<uintptr_t>(p) % (WIDE * sizeof(float)) == 0; }

template <int N, class Op> __global__ void __launch_bounds__(256) for_each_kernel(Op op, int64_t rows, int64_t packs) {
  for (int64_t i = int64_t(blockIdx.y) * blockDim.y + threadIdx.y; i < rows; i += int64_t(gridDim.y) * blockDim.y)
    for (int64_t p = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; p < packs; p += int64_t(gridDim.x) * blockDim.x) op.template at<N>(i, p * N);
}

template <int N, class Op> void for_each_of(cudaStream_t stream, int64_t rows, int64_t cols, const Op &op) {
  const int64_t packs = cols / N;
  if (rows == 0 || packs == 0) return;
  int64_t across = 1; // threads of a row; where rows are short, such as a head's, a block takes several
  while (across < packs && across < 256) across *= 2;
  const int64_t down = 256 / across < rows ? 256 / across : rows, columns = ceil_div(packs, across), lines = ceil_div(rows, down);
  const dim3 blocks(unsigned(columns < 65536 ? columns : 65536), unsigned(lines < 65535 ? lines : 65535));
  launch_on(stream, for_each_kernel<N, Op>, blocks, dim3(unsigned(across), unsigned(down)), 0, op, rows, packs);
}

// `is_wide`: wide(x) of every matrix, with rows of `cols` numbers.
template <class Op> void for_each(ctx_device *device, int64_t rows, int64_t cols, bool is_wide, const Op &op, ctx_queue queue = CTX_OPERATIONS) {
  if (is_wide) for_each_of<WIDE>(device->queue(queue), rows, cols, op);
  else for_each_of<1>(device->queue(queue), rows, cols, op);
}

template <class F> void with_types(const F &f) { f(); }

// with_types(f, x, y) calls f(X(), Y()) with float or Bf16 for each.
template <class F, class... Rest> void with_types(const F &f, const ctx_mat &x, const Rest &...rest) {
  if (x.dtype == CTX_F32) with_types([&](auto... types) { f(float(), types...); }, rest...);
  else with_types([&](auto... types) { f(Bf16(), types...); }, rest...);
}

// The matrix as one long row, if its rows follow each other in memory.
inline ctx_mat flat(ctx_mat x) {
  x.cols *= x.rows;
  x.ld = x.cols;
  x.rows = 1;
  return x;
}

// Element-wise operations over matrices of one shape: as one row where all of them can be.
template <class... Others> void flatten(ctx_mat &x, Others &...others) {
  if (!(contiguous(x) && ... && contiguous(others)) || x.rows * x.cols == 0) return;
  x = flat(x);
  ((others = flat(others)), ...);
}

} // namespace ctx_cuda
