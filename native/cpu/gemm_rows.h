// gemm_rows.h: C (+)= alpha A B^T for a handful of rows of A: decoding one token at a time.
#pragma once
#include <cstdint>

#include "../include/ctx_backend.h"

namespace ctx_cpu {

constexpr int64_t GEMM_ROWS = 4; // most rows of A

// A [M, K] with M <= GEMM_ROWS, B [N, K], C [M, N].
void gemm_rows(ctx_device *device, int64_t M, int64_t N, int64_t K, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
               int64_t ldc, float alpha, bool accumulate);

} // namespace ctx_cpu
