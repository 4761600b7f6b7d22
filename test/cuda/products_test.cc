// products_test.cc: matrix products of the CUDA backend's host build through a library that stands in for cuBLASLt (fake_cublaslt.cc).
// Usage: ctx_test_products BACKEND FAKE WHAT, with CTX_CUBLASLT=FAKE in the environment. WHAT is what is expected:
//   used      every product goes through the library, is right for all types, transposes and strides, and plans are kept and let go
//   plain     the library is refused or takes nothing: products are right, and the library has computed none
//   a text    the product fails with these words
// Prints the backend's description of what computes products first.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ctx_backend.h"
#include "half.h"

namespace {

const ctx_backend *backend;
int failures = 0, checks = 0;
std::mt19937 random_bits(11);

void check(bool good, const std::string &what) {
  checks++;
  if (!good && failures++ < 20) std::printf("FAILED %s\n", what.c_str());
}

// A matrix of fp32 or bf16 with unused columns, which must survive.
struct Matrix {
  int64_t rows, cols, ld;
  ctx_dtype dtype;
  std::vector<float> f32;
  std::vector<uint16_t> bf16;
  static constexpr float FENCE = 1234;

  Matrix(int64_t rows, int64_t cols, int64_t pad, ctx_dtype dtype) : rows(rows), cols(cols), ld(cols + pad), dtype(dtype) {
    f32.resize(size_t(rows * ld), FENCE);
    bf16.resize(f32.size(), ctx::to_bf16(FENCE));
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) set(i, j, float(int32_t(random_bits())) * 0x1p-31f);
  }
  void set(int64_t i, int64_t j, float x) { f32[size_t(i * ld + j)] = x, bf16[size_t(i * ld + j)] = ctx::to_bf16(x); }
  double at(int64_t i, int64_t j) const { return dtype == CTX_F32 ? f32[size_t(i * ld + j)] : ctx::from_bf16(bf16[size_t(i * ld + j)]); }
  double rounded(int64_t i, int64_t j) const { return ctx::from_bf16(ctx::to_bf16(float(at(i, j)))); }
  ctx_mat view() { return {dtype == CTX_F32 ? static_cast<void *>(f32.data()) : bf16.data(), rows, cols, ld, dtype}; }
  bool fence_stands() const {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = cols; j < ld; j++)
        if (f32[size_t(i * ld + j)] != FENCE || bf16[size_t(i * ld + j)] != ctx::to_bf16(FENCE)) return false;
    return true;
  }
};

struct Product {
  int64_t M, N, K, pad;
  bool trans_a, trans_b;
  ctx_dtype a, b, c;
  float alpha, beta;
};

ctx_status multiply(ctx_device *device, const Product &p) {
  Matrix a(p.trans_a ? p.K : p.M, p.trans_a ? p.M : p.K, p.pad, p.a), b(p.trans_b ? p.N : p.K, p.trans_b ? p.K : p.N, 2 * p.pad, p.b), c(p.M, p.N, 3 * p.pad, p.c);
  const Matrix before = c;
  if (p.beta == 0)
    for (int64_t i = 0; i < p.M; i++)
      for (int64_t j = 0; j < p.N; j++) c.set(i, j, NAN); // must not be read
  const ctx_status status = backend->gemm(device, p.trans_a, p.trans_b, p.alpha, a.view(), b.view(), p.beta, c.view());
  if (status != CTX_OK) return status;
  const bool round = p.a == CTX_BF16 || p.b == CTX_BF16 || p.c == CTX_BF16;
  double worst = 0;
  for (int64_t i = 0; i < p.M; i++)
    for (int64_t j = 0; j < p.N; j++) {
      double sum = 0;
      for (int64_t k = 0; k < p.K; k++) {
        const int64_t ai = p.trans_a ? k : i, aj = p.trans_a ? i : k, bi = p.trans_b ? j : k, bj = p.trans_b ? k : j;
        sum += round ? a.rounded(ai, aj) * b.rounded(bi, bj) : a.at(ai, aj) * b.at(bi, bj);
      }
      const double want = p.alpha * sum + (p.beta == 0 ? 0 : p.beta * before.at(i, j)), off = std::fabs(c.at(i, j) - want) / (1 + std::fabs(want));
      worst = std::isnan(off) ? INFINITY : std::max(worst, off);
    }
  const double allowed = p.c == CTX_BF16 ? 0x1p-8 : 1e-6 * std::sqrt(double(p.K));
  char what[200];
  std::snprintf(what, sizeof what, "%c%c %lldx%lldx%lld pad %lld types %d%d%d alpha %g beta %g: off by %g", p.trans_a ? 'T' : 'N', p.trans_b ? 'T' : 'N', (long long)p.M, (long long)p.N, (long long)p.K,
                (long long)p.pad, p.a, p.b, p.c, double(p.alpha), double(p.beta), worst);
  check(worst <= allowed, what);
  check(c.fence_stands(), std::string(what) + ": wrote outside");
  return CTX_OK;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL), *const fake = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  if (!library || !fake) return std::printf("%s\n", dlerror()), 2;
  backend = reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1"))();
  const auto count = [&](const char *name) { return reinterpret_cast<long (*)()>(dlsym(fake, name))(); };
  std::printf("%s\n", reinterpret_cast<const char *(*)()>(dlsym(library, "ctx_cuda_products"))());
  const std::string what = argv[3];
  ctx_device *device = nullptr;
  if (backend->create(0, 1, &device) != CTX_OK) return 2;

  long products = 0;
  const int64_t shapes[][3] = {{1, 1, 1}, {3, 5, 8}, {17, 64, 33}, {64, 48, 96}, {130, 70, 20}};
  for (const auto &s : shapes)
    for (int kind = 0; kind < 32; kind++) {
      const ctx_dtype types[] = {kind & 4 ? CTX_BF16 : CTX_F32, kind & 8 ? CTX_BF16 : CTX_F32, kind & 16 ? CTX_BF16 : CTX_F32};
      const bool with_c = (kind + s[0]) % 3 == 0;
      const ctx_status status = multiply(device, {s[0], s[1], s[2], kind % 2 ? 3 : 0, (kind & 1) != 0, (kind & 2) != 0, types[0], types[1], types[2], with_c ? 0.5f : 1.0f, with_c ? 0.25f : 0.0f});
      products++;
      if (what == "used" || what == "plain") check(status == CTX_OK, backend->last_error(device));
      else {
        check(status == CTX_ERR_DEVICE && std::strstr(backend->last_error(device), what.c_str()), std::string("failed with: ") + backend->last_error(device));
        break;
      }
    }
  if (what == "used") {
    check(count("fake_cublaslt_computed") == products, "not every product went through the library");
    check(count("fake_cublaslt_asked") <= products, "asked more than once for a product");
    check(backend->scratch(device) >= 32 << 20, "the workspace is not counted as scratch");
    const int64_t before = count("fake_cublaslt_asked");
    Matrix a(8, 8, 0, CTX_F32), b(8, 8, 0, CTX_F32), c(8, 8, 0, CTX_F32);
    for (int i = 0; i < 5; i++) check(backend->gemm(device, 0, 0, 1, a.view(), b.view(), 0, c.view()) == CTX_OK, "a product again");
    check(count("fake_cublaslt_asked") == before + 1, "the library was asked again for a shape that it had chosen for");
    Matrix tall(2000, 4, 0, CTX_F32), small(4, 4, 0, CTX_F32), out(2000, 4, 0, CTX_F32);
    for (int64_t rows = 1; rows <= 2000; rows++) {
      ctx_mat x = tall.view(), y = out.view();
      x.rows = y.rows = rows;
      check(backend->gemm(device, 0, 0, 1, x, small.view(), 0, y) == CTX_OK, "a product of many shapes");
    }
    check(count("fake_cublaslt_alive") <= 4 * 512 + 1, "plans are kept without end");
    check(count("fake_cublaslt_alive") >= 4 * 256, "plans are not kept");
    // Operands that are rounded in pieces: more numbers than a piece holds.
    const int64_t K = 1 << 19, M = 130, N = 3;
    std::vector<float> big(size_t(M) * K), thin(size_t(K) * N);
    for (int64_t i = 0; i < M; i++) big[size_t(i * K + i)] = float(i + 1), big[size_t(i * K + K - 1)] = 1; // sums of two numbers
    for (int64_t j = 0; j < N; j++) {
      for (int64_t k = 0; k < M; k++) thin[size_t(k * N + j)] = float(j + 1);
      thin[size_t((K - 1) * N + j)] = 0.5f;
    }
    std::vector<uint16_t> result(size_t(M * N), 0x7fc0);
    const long already = count("fake_cublaslt_computed");
    check(backend->gemm(device, 0, 0, 1, {big.data(), M, K, K, CTX_F32}, {thin.data(), K, N, N, CTX_F32}, 0, {result.data(), M, N, N, CTX_BF16}) == CTX_OK, backend->last_error(device));
    check(count("fake_cublaslt_computed") - already == 3, "rows were not rounded in three pieces");
    check(backend->scratch(device) < (32 << 20) + 2 * (64ll << 20) + 1024, "copies are not bounded");
    bool right = true;
    for (int64_t i = 0; i < M; i++)
      for (int64_t j = 0; j < N; j++) right = right && std::fabs(ctx::from_bf16(result[size_t(i * N + j)]) / (float((i + 1) * (j + 1)) + 0.5f) - 1) <= 0x1p-7f;
    check(right, "a product of operands rounded in pieces");
  }
  if (what == "plain") check(count("fake_cublaslt_computed") == 0, "the library has computed");
  backend->destroy(device);
  check(count("fake_cublaslt_alive") == 0, "objects of the library are left");
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures > 0;
}
