// gemm.cc: the matrix products of a training step, as M x N x K of C [M, N] = op(A) [M, K] op(B) [K, N].
// NT: forward, X W^T. NN: input gradient, dY W. TN: weight gradient, dY^T X (adds to C). Each once in fp32 and once with activations in bf16
// over weights and their gradients in fp32.
#include <cstdio>

#include "bench.h"
#include "dtype.h"

void bench_gemm(Bench &b) {
  struct Shape {
    const char *trans;
    int64_t M, N, K;
  };
  const Shape shapes[] = {
      {"NT", 256, 512, 512},   {"NT", 1024, 512, 512},  {"NT", 1024, 1376, 512}, {"NT", 2048, 1376, 512},
      {"NT", 2048, 512, 1376}, {"NT", 4096, 1376, 512}, {"NT", 2048, 2048, 2048}, {"NT", 2048, 32000, 512},
      {"TN", 1376, 512, 2048}, {"NN", 2048, 512, 1376}, {"NT", 128, 128, 64},
      // A 15M-parameter Llama at 2048 tokens: hidden 384, 6 and 3 heads of 64, intermediate 1024, vocabulary 8192.
      {"NT", 2048, 384, 384},  {"NT", 2048, 192, 384},  {"NT", 2048, 1024, 384}, {"NT", 2048, 384, 1024},
      {"NN", 2048, 384, 384},  {"NN", 2048, 384, 1024}, {"NN", 2048, 1024, 384}, {"TN", 384, 384, 2048},
      {"TN", 1024, 384, 2048}, {"TN", 384, 1024, 2048}, {"NT", 512, 8192, 384},  {"NN", 512, 384, 8192}, {"TN", 8192, 384, 512},
      // Decoding one token, and LoRA of rank 16.
      {"NT", 1, 1024, 384},    {"NT", 1, 8192, 384},    {"NT", 1, 4096, 4096},   {"NT", 2048, 16, 384},  {"NT", 2048, 384, 16},
  };
  for (const ctx_dtype dtype : {CTX_F32, CTX_BF16})
    for (const auto &s : shapes) {
      const bool ta = s.trans[0] == 'T', tb = s.trans[1] == 'T';
      char name[96];
      std::snprintf(name, sizeof name, "gemm %s%s %lldx%lldx%lld", dtype == CTX_BF16 ? "bf16 " : "", s.trans, (long long)s.M, (long long)s.N, (long long)s.K);
      if (!b.wants(name)) continue;
      const ctx_dtype weight = CTX_F32, b_dtype = ta ? dtype : weight, c_dtype = ta ? weight : dtype;
      const ctx_mat A = ta ? b.matrix(s.K, s.M, dtype) : b.matrix(s.M, s.K, dtype), C = b.matrix(s.M, s.N, c_dtype);
      const ctx_mat B = tb ? b.matrix(s.N, s.K, b_dtype) : b.matrix(s.K, s.N, b_dtype);
      const int64_t bytes = s.M * s.K * ctx::size_of(dtype) + s.K * s.N * ctx::size_of(b_dtype) + s.M * s.N * ctx::size_of(c_dtype);
      b.run(name, 2.0 * double(s.M) * double(s.N) * double(s.K), double(bytes), [&] { return b.backend->gemm(b.device, ta, tb, 1, A, B, ta ? 1 : 0, C); }, dtype);
    }
}
