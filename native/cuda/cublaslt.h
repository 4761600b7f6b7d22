// cublaslt.h: the part of NVIDIA's cuBLASLt that gemm_lt.cu calls, declared here so that building needs no cuBLAS headers, and loaded at the
// first product so that running needs no cuBLAS.
//
// Names, signatures and numbers are those of cublasLt.h, cublas_api.h and library_types.h of cuBLAS 12 and 13
// (https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api). Checked against libcublasLt 13.1.1: every symbol is there, and it takes each
// attribute with the size given here and no other. It has computed nothing for us yet: that needs a GPU.
//
// defines: the calls and constants below, LtLibrary, lt_library
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace ctx_cuda {

using LtStatus = int; // cublasStatus_t
constexpr LtStatus LT_SUCCESS = 0, LT_ALLOC_FAILED = 3, LT_ARCH_MISMATCH = 8, LT_NOT_SUPPORTED = 15;

enum : int { LT_R_32F = 0, LT_R_16BF = 14 };       // cudaDataType
enum : int { LT_COMPUTE_32F = 68 };                // cublasComputeType_t: fp32 products and sums, never TF32
enum : int32_t { LT_OP_N = 0, LT_OP_T = 1 };       // cublasOperation_t
enum : int { LT_DESC_TRANSA = 3, LT_DESC_TRANSB = 4 }; // cublasLtMatmulDescAttributes_t, int32_t each
enum : int {                                       // cublasLtMatmulPreferenceAttributes_t
  LT_PREF_MAX_WORKSPACE_BYTES = 1,                 // uint64_t
  LT_PREF_REDUCTION_SCHEME_MASK = 3,               // uint32_t
  LT_PREF_MIN_ALIGNMENT_A_BYTES = 5,               // uint32_t, as the three after it
  LT_PREF_MIN_ALIGNMENT_B_BYTES = 6,
  LT_PREF_MIN_ALIGNMENT_C_BYTES = 7,
  LT_PREF_MIN_ALIGNMENT_D_BYTES = 8,
};
enum : uint32_t { LT_REDUCTION_COMPUTE_TYPE = 2 }; // cublasLtReductionScheme_t: parts of a sum meet in fp32, in an order of their own

struct LtHandle_;
struct LtDesc_;
struct LtLayout_;
struct LtPreference_;
using LtHandle = LtHandle_ *;         // cublasLtHandle_t
using LtDesc = LtDesc_ *;             // cublasLtMatmulDesc_t
using LtLayout = LtLayout_ *;         // cublasLtMatrixLayout_t: column-major by default
using LtPreference = LtPreference_ *; // cublasLtMatmulPreference_t

struct LtAlgorithm { // cublasLtMatmulAlgo_t
  uint64_t data[8];
};
struct LtHeuristic { // cublasLtMatmulHeuristicResult_t
  LtAlgorithm algorithm;
  size_t workspace;
  LtStatus state;
  float waves;
  int reserved[4];
};

// The library's functions, or why there are none.
struct LtLibrary {
  bool usable = false;
  std::string description; // "cuBLASLt 13.1.1 (/path)", or the reason

  size_t (*version)();
  const char *(*status_name)(LtStatus);
  LtStatus (*create)(LtHandle *);
  LtStatus (*destroy)(LtHandle);
  LtStatus (*desc_create)(LtDesc *, int compute, int scale);
  LtStatus (*desc_destroy)(LtDesc);
  LtStatus (*desc_set)(LtDesc, int attribute, const void *value, size_t bytes);
  LtStatus (*layout_create)(LtLayout *, int type, uint64_t rows, uint64_t columns, int64_t ld);
  LtStatus (*layout_destroy)(LtLayout);
  LtStatus (*preference_create)(LtPreference *);
  LtStatus (*preference_destroy)(LtPreference);
  LtStatus (*preference_set)(LtPreference, int attribute, const void *value, size_t bytes);
  LtStatus (*heuristic)(LtHandle, LtDesc, LtLayout a, LtLayout b, LtLayout c, LtLayout d, LtPreference, int asked, LtHeuristic *, int *found);
  LtStatus (*matmul)(LtHandle, LtDesc, const void *alpha, const void *a, LtLayout, const void *b, LtLayout, const void *beta, const void *c, LtLayout, void *d, LtLayout,
                     const LtAlgorithm *, void *workspace, size_t workspace_bytes, cudaStream_t);
};

// Loaded once. CTX_CUBLASLT names a library file to take, or is `none`; otherwise libcublasLt.so.13 or .12 is looked for where the loader
// looks, in CUDA's folders (CUDA_HOME, CUDA_PATH, /usr/local/cuda) and in those of Python's packages (nvidia-cublas, PyTorch).
const LtLibrary &lt_library();

} // namespace ctx_cuda
