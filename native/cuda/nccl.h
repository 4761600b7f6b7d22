// nccl.h: the part of NVIDIA's NCCL that peers.cu calls, declared here so that building needs no NCCL headers, and loaded when GPUs of several
// processes first form a ring so that everything else needs no NCCL.
//
// Names, signatures and numbers are those of nccl.h of NCCL 2 (https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api.html). Checked against
// NCCL 2.30.7, header and library: every symbol is there, and it tells its version and makes an id. It has passed nothing on for us yet: that
// needs GPUs.
//
// defines: the calls and constants below, NcclLibrary, nccl_library
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace ctx_cuda {

using NcclResult = int; // ncclResult_t
constexpr NcclResult NCCL_SUCCESS = 0, NCCL_IN_PROGRESS = 7;
constexpr int NCCL_INT8 = 0; // ncclDataType_t: what we send is bytes

struct NcclId { // ncclUniqueId, by value
  char bytes[128];
};
struct NcclComm_;
using NcclComm = NcclComm_ *; // ncclComm_t

// The library's functions, or why there are none.
struct NcclLibrary {
  int version = 0;         // as ncclGetVersion gives it; 0: none is usable
  std::string description; // "NCCL 2.27.5 (/path)", or the reason

  NcclResult (*get_version)(int *);
  const char *(*error_string)(NcclResult);
  const char *(*last_error)(NcclComm); // more of the same; null before NCCL 2.13
  NcclResult (*unique_id)(NcclId *);
  NcclResult (*join)(NcclComm *, int ranks, NcclId, int rank);
  NcclResult (*destroy)(NcclComm);
  NcclResult (*abort)(NcclComm);
  NcclResult (*async_error)(NcclComm, NcclResult *);
  NcclResult (*group_start)();
  NcclResult (*group_end)();
  NcclResult (*send)(const void *, size_t count, int type, int peer, NcclComm, cudaStream_t);
  NcclResult (*receive)(void *, size_t count, int type, int peer, NcclComm, cudaStream_t);
};

// Loaded once. CTX_NCCL names a library file to take, or is `none`; otherwise libnccl.so.2 is looked for where the loader looks, in CUDA's
// folders (CUDA_HOME, CUDA_PATH, /usr/local/cuda) and in those of Python's packages (nvidia-nccl, which PyTorch brings along).
const NcclLibrary &nccl_library();

} // namespace ctx_cuda
