// race_cases.cc: small kernels of known races and of none, for what native/cuda/host/races.cc must and must not see. Compiled into that build.
#include <cstring>

#include "../../native/cuda/ptx_sm80.cuh"

namespace {

constexpr int THREADS = 64;

// Each writes its own number, then reads that of the thread `away`; the barrier between them is given.
template <class Barrier> void exchange(int away, const Barrier &barrier) {
  float *const x = ctx_cuda::shared_memory<float>();
  const int t = int(threadIdx.x);
  x[t] = float(t);
  barrier();
  const float other = x[t ^ away];
  if (other != float(t ^ away)) x[THREADS] = other; // never, where the barrier does
}

const auto block = [] { __syncthreads(); };
const auto warp = [] { __syncwarp(); };
const auto shuffle = [] { __shfl_xor_sync(0xffffffff, 1, 1); };
const auto none = [] {};

void kernel(const char *name, const uint16_t *numbers) {
  using namespace ctx_cuda::sm80;
  const auto is = [&](const char *other) { return !std::strcmp(name, other); };
  begin_block();
  float *const x = ctx_cuda::shared_memory<float>();
  const int t = int(threadIdx.x);
  if (is("nothing between")) exchange(1, none);
  if (is("__syncthreads between")) exchange(32, block);
  if (is("__syncwarp between, one warp")) exchange(1, warp);
  if (is("__syncwarp between, two warps")) exchange(32, warp);
  if (is("a shuffle between")) exchange(1, shuffle);
  if (is("written again before all have read") || is("written again when all have read")) {
    exchange(1, block);
    if (is("written again when all have read")) __syncthreads();
    x[t] = 0;
  }
  if (is("all read, one of them writes") || is("all of a warp read, one of another writes")) {
    if (t == 0) x[0] = 1;
    __syncthreads();
    if (t < 32 && x[0] != 1) x[1] = 2;
    if (t == (is("all read, one of them writes") ? 31 : 32)) x[0] = 2;
  }
  if (is("a warp reads, meets, one writes")) {
    if (t < 32 && x[0] == 1) x[1] = 2;
    __syncwarp();
    if (t == 31) x[0] = 2;
  }
  if (is("each its own")) x[t] = 1, x[t] += x[t];
  if (is("two halves of a word")) reinterpret_cast<uint16_t *>(x)[t] = 1;
  if (is("two bf16 at one place")) reinterpret_cast<uint16_t *>(x)[t / 2] = 1;
  if (std::strstr(name, "copy")) {
    cp_async(x + 4 * t, numbers + 8 * t, true);
    cp_async_commit();
    if (is("a copy not waited for")) __syncthreads();
    else cp_async_wait<0>();
    if (is("a copy waited for, and a barrier")) __syncthreads();
    const int of = is("a copy waited for by its own thread") ? t : t ^ 32;
    if (x[4 * of] == 1) x[4 * THREADS] = 2; // never: they are zeros
    if (is("a copy over what is being read")) cp_async(x + 4 * t, numbers, true);
  }
}

} // namespace

extern "C" __attribute__((visibility("default"))) void ctx_race_case(const char *name) {
  static const uint16_t numbers[8 * THREADS] = {};
  ctx_shim::run(dim3(2), dim3(THREADS), 8192, [=] { kernel(name, numbers); });
}
