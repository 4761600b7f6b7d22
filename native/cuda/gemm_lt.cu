// gemm_lt.cu: C = alpha op(A) op(B) + beta C by cuBLASLt (cublaslt.h).
//
// The library is column-major: a row-major matrix is its own transpose there, and C^T = op(B)^T op(A)^T. So the operands change places and
// keep their flags, and M and N change places.
//
// Operands of two dtypes, or fp32 ones with a bf16 C, are rounded to bf16 into scratch first, in pieces of at most PIECE bytes, which cut C
// and never a sum. The library chooses an algorithm for a shape once, by a rule of its own that looks at nothing but the shape and the GPU, and
// parts of a sum meet in fp32: the same product gives the same bits at every run.
#include "gemm_lt.h"

#include <algorithm>
#include <array>
#include <map>
#include <new>

#include "cublaslt.h"
#include "elements.cuh"
#include "operations.h"

namespace ctx_cuda {
namespace {

constexpr size_t WORKSPACE = 32 << 20; // what NVIDIA recommends for Hopper
constexpr size_t PIECE = 64 << 20;
constexpr size_t PLANS = 512; // shapes remembered

} // namespace

using ProductKey = std::array<int64_t, 14>; // see plan_for

// How to compute the products of one key.
struct Plan {
  LtDesc desc = nullptr;
  LtLayout a = nullptr, b = nullptr, c = nullptr;
  LtAlgorithm algorithm = {};
  size_t workspace = 0;
  bool taken = false; // false: not by this library
  uint64_t used = 0;  // when last

  Plan() = default;
  Plan(const Plan &) = delete;
  ~Plan() {
    const LtLibrary &lt = lt_library();
    if (desc) lt.desc_destroy(desc);
    for (LtLayout layout : {a, b, c})
      if (layout) lt.layout_destroy(layout);
  }
};

struct Products {
  LtHandle handle = nullptr;
  std::map<ProductKey, Plan> plans;
  uint64_t clock = 0;
};

namespace {

int type_of(const ctx_mat &x) { return x.dtype == CTX_F32 ? LT_R_32F : LT_R_16BF; }

// The power of two, up to 64, that divides the address. An arena places its matrices at multiples of 64, and which of them come to lie at more depends on
// what else is in it: were that told, the library might choose another algorithm, and a plan that keeps something in the host's memory other bits.
uint32_t alignment(const void *p) { return uint32_t(std::min<uintptr_t>(64, reinterpret_cast<uintptr_t>(p) & -reinterpret_cast<uintptr_t>(p))); }

ctx_status failed(ctx_device *device, const char *call, LtStatus status, const ctx_mat &a, const ctx_mat &b, const ctx_mat &c) {
  const char *name = lt_library().status_name(status);
  return fail(device, status == LT_ALLOC_FAILED ? CTX_ERR_MEMORY : CTX_ERR_DEVICE, "gemm: %s: %s (a %lld x %lld, b %lld x %lld, c %lld x %lld)", call, name ? name : "?", (long long)a.rows, (long long)a.cols,
              (long long)b.rows, (long long)b.cols, (long long)c.rows, (long long)c.cols);
}

#define CTX_LT(call)                                                        \
  do {                                                                      \
    const LtStatus status_ = lt.call;                                       \
    if (status_ != LT_SUCCESS) return failed(device, #call, status_, a, b, c); \
  } while (0)

// Asks the library how to compute op(a) op(b). The names are ours: its A is our b.
ctx_status make_plan(ctx_device *device, Plan &plan, bool trans_a, bool trans_b, const ctx_mat &a, const ctx_mat &b, const ctx_mat &c) {
  const LtLibrary &lt = lt_library();
  const int32_t flag_a = trans_a ? LT_OP_T : LT_OP_N, flag_b = trans_b ? LT_OP_T : LT_OP_N;
  CTX_LT(desc_create(&plan.desc, LT_COMPUTE_32F, LT_R_32F));
  CTX_LT(desc_set(plan.desc, LT_DESC_TRANSA, &flag_b, sizeof flag_b));
  CTX_LT(desc_set(plan.desc, LT_DESC_TRANSB, &flag_a, sizeof flag_a));
  CTX_LT(layout_create(&plan.a, type_of(a), uint64_t(a.cols), uint64_t(a.rows), a.ld));
  CTX_LT(layout_create(&plan.b, type_of(b), uint64_t(b.cols), uint64_t(b.rows), b.ld));
  CTX_LT(layout_create(&plan.c, type_of(c), uint64_t(c.cols), uint64_t(c.rows), c.ld));
  struct Preference {
    LtPreference it = nullptr;
    ~Preference() {
      if (it) lt_library().preference_destroy(it);
    }
  } preference;
  CTX_LT(preference_create(&preference.it));
  const uint64_t workspace = WORKSPACE;
  const uint32_t scheme = LT_REDUCTION_COMPUTE_TYPE, align_a = alignment(a.data), align_b = alignment(b.data), align_c = alignment(c.data);
  CTX_LT(preference_set(preference.it, LT_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace));
  CTX_LT(preference_set(preference.it, LT_PREF_REDUCTION_SCHEME_MASK, &scheme, sizeof scheme));
  CTX_LT(preference_set(preference.it, LT_PREF_MIN_ALIGNMENT_A_BYTES, &align_b, sizeof align_b));
  CTX_LT(preference_set(preference.it, LT_PREF_MIN_ALIGNMENT_B_BYTES, &align_a, sizeof align_a));
  CTX_LT(preference_set(preference.it, LT_PREF_MIN_ALIGNMENT_C_BYTES, &align_c, sizeof align_c));
  CTX_LT(preference_set(preference.it, LT_PREF_MIN_ALIGNMENT_D_BYTES, &align_c, sizeof align_c));
  LtHeuristic best = {};
  int found = 0;
  const LtStatus status = lt.heuristic(device->products->handle, plan.desc, plan.b, plan.a, plan.c, plan.c, preference.it, 1, &best, &found);
  if (status != LT_SUCCESS && status != LT_NOT_SUPPORTED && status != LT_ARCH_MISMATCH) return failed(device, "cublasLtMatmulAlgoGetHeuristic", status, a, b, c);
  plan.taken = status == LT_SUCCESS && found > 0 && best.state == LT_SUCCESS && best.workspace <= WORKSPACE;
  plan.algorithm = best.algorithm;
  plan.workspace = best.workspace;
  return CTX_OK;
}

// The plan for these shapes, made at their first product; of the shapes, the one unused for longest is forgotten when there are too many.
ctx_status plan_for(ctx_device *device, bool trans_a, bool trans_b, const ctx_mat &a, const ctx_mat &b, const ctx_mat &c, Plan **out) {
  Products &products = *device->products;
  const ProductKey key = {trans_a, trans_b, a.dtype, b.dtype, c.dtype, a.rows, a.cols, b.rows, b.cols, a.ld, b.ld, c.ld, int64_t(alignment(a.data)) << 32 | alignment(b.data), alignment(c.data)};
  auto at = products.plans.find(key);
  if (at == products.plans.end()) {
    if (products.plans.size() >= PLANS)
      products.plans.erase(std::min_element(products.plans.begin(), products.plans.end(), [](const auto &x, const auto &y) { return x.second.used < y.second.used; }));
    at = products.plans.try_emplace(key).first;
    if (const ctx_status status = make_plan(device, at->second, trans_a, trans_b, a, b, c); status != CTX_OK) {
      products.plans.erase(at);
      return status;
    }
  }
  at->second.used = ++products.clock;
  *out = &at->second;
  return CTX_OK;
}

ctx_status multiply(ctx_device *device, bool trans_a, bool trans_b, float alpha, const ctx_mat &a, const ctx_mat &b, float beta, const ctx_mat &c, bool *done) {
  const LtLibrary &lt = lt_library();
  Plan *plan = nullptr;
  CTX_TRY(plan_for(device, trans_a, trans_b, a, b, c, &plan));
  if (plan->taken) {
    const LtStatus status = lt.matmul(device->products->handle, plan->desc, &alpha, b.data, plan->b, a.data, plan->a, &beta, c.data, plan->c, c.data, plan->c, &plan->algorithm, device->scratch,
                                      plan->workspace, device->stream);
    if (status == LT_NOT_SUPPORTED || status == LT_ARCH_MISMATCH) plan->taken = false;
    else if (status != LT_SUCCESS) return failed(device, "cublasLtMatmul", status, a, b, c);
  }
  *done = plan->taken;
  return CTX_OK;
}

// Rows (or, by_columns, columns) [first, first + count) of x.
ctx_mat part(ctx_mat x, bool by_columns, int64_t first, int64_t count) {
  x.data = static_cast<char *>(x.data) + first * (by_columns ? 1 : x.ld) * (x.dtype == CTX_F32 ? 4 : 2);
  (by_columns ? x.cols : x.rows) = count;
  return x;
}

// How many of the `outer` rows or columns of an operand, K numbers each, are rounded at a time.
int64_t piece(bool rounding, int64_t outer, int64_t K) { return rounding ? std::min<int64_t>(outer, std::max<int64_t>(64, int64_t(PIECE / sizeof(Bf16)) / K / 64 * 64)) : outer; }

} // namespace

ctx_status lt_gemm(ctx_device *device, bool trans_a, bool trans_b, float alpha, const ctx_mat &a, const ctx_mat &b, float beta, const ctx_mat &c, bool *done) {
  *done = false;
  const LtLibrary &lt = lt_library();
  if (!lt.usable) return CTX_OK;
  if (!device->products) {
    device->products = new (std::nothrow) Products;
    if (!device->products) return fail(device, CTX_ERR_MEMORY, "gemm: out of memory");
    if (const LtStatus status = lt.create(&device->products->handle); status != LT_SUCCESS) {
      release_products(std::exchange(device->products, nullptr));
      return failed(device, "cublasLtCreate", status, a, b, c);
    }
  }
  const int64_t M = c.rows, N = c.cols, K = trans_a ? a.rows : a.cols;
  const bool bf16 = a.dtype == CTX_BF16 || b.dtype == CTX_BF16 || c.dtype == CTX_BF16;
  const bool round_a = bf16 && a.dtype == CTX_F32, round_b = bf16 && b.dtype == CTX_F32;
  const int64_t rows = piece(round_a, M, K), columns = piece(round_b, N, K);
  const auto bytes = [&](bool rounding, int64_t outer) { return rounding ? size_t(ceil_div(outer * K * int64_t(sizeof(Bf16)), 256) * 256) : 0; };
  const size_t for_a = bytes(round_a, rows);
  CTX_TRY(device->reserve(WORKSPACE + for_a + bytes(round_b, columns)));
  char *const copies = static_cast<char *>(device->scratch) + WORKSPACE;
  const auto rounded_copy = [&](const ctx_mat &x, char *to) { return ctx_mat{to, x.rows, x.cols, x.cols, CTX_BF16}; };
  for (int64_t n = 0; n < N; n += columns) {
    const int64_t width = std::min(columns, N - n);
    ctx_mat y = part(b, !trans_b, n, width);
    if (round_b) {
      const ctx_mat copied = rounded_copy(y, copies + for_a);
      CTX_TRY(copy(device, copied, y));
      y = copied;
    }
    for (int64_t m = 0; m < M; m += rows) {
      const int64_t height = std::min(rows, M - m);
      ctx_mat x = part(a, trans_a, m, height);
      if (round_a) {
        const ctx_mat copied = rounded_copy(x, copies);
        CTX_TRY(copy(device, copied, x));
        x = copied;
      }
      CTX_TRY(multiply(device, trans_a, trans_b, alpha, x, y, beta, part(part(c, false, m, height), true, n, width), done));
      if (*done) continue;
      if (m == 0 && n == 0) return CTX_OK; // the plain kernel takes all of it
      // The library takes the whole pieces and not the last: what is left goes to the plain kernel, on the operands as they are here.
      CTX_TRY(plain_gemm(device, trans_a, trans_b, alpha, x, y, beta, part(part(c, false, m, height), true, n, width)));
      *done = true;
    }
  }
  return CTX_OK;
}

void release_products(Products *products) {
  if (!products) return;
  products->plans.clear();
  if (products->handle) lt_library().destroy(products->handle);
  delete products;
}

} // namespace ctx_cuda
