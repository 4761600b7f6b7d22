// gemm_rows.h: C (+)= alpha A B^T for a handful of rows of A: decoding one token at a time.
#pragma once
#include <cstdint>

#include "../include/ctx_backend.h"

namespace ctx_cpu {

constexpr int64_t GEMM_ROWS = 4; // most rows of A

// A [M, K] with M <= GEMM_ROWS, B [N, K], C [M, N], each fp32 or bf16; `round`: operands are rounded to bf16 first.
void gemm_rows(ctx_device *device, ctx_mat a, ctx_mat b, ctx_mat c, float alpha, bool accumulate, bool round);

} // namespace ctx_cpu
