// gemm_lt.h: matrix products by cuBLASLt.
//
// defines: Products, lt_gemm, plain_gemm, release_products
#pragma once
#include "device.h"

namespace ctx_cuda {

struct Products; // a handle of the library and what it chose for the shapes so far; one for each ctx_device

// C = alpha op(A) op(B) + beta C; arguments have been checked, none is empty. *done is false where the library is not there or does not take
// this product.
ctx_status lt_gemm(ctx_device *, bool trans_a, bool trans_b, float alpha, const ctx_mat &a, const ctx_mat &b, float beta, const ctx_mat &c, bool *done);

// gemm.cu: the same on the plain cores of any GPU.
ctx_status plain_gemm(ctx_device *, bool trans_a, bool trans_b, float alpha, const ctx_mat &a, const ctx_mat &b, float beta, const ctx_mat &c);

void release_products(Products *); // may be null

} // namespace ctx_cuda
