// peers.cu: see peers.h.
//
// NCCL moves bytes here and adds nothing: which of its algorithms a sum took, and so in which order, would depend on the machines and the
// library. Sums are native/ring/collectives.cc's, over these transfers.
#include "peers.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <string>

#include "nccl.h"

static_assert(sizeof(ctx_cuda::NcclId) == CTX_PEERS_ID);

// `comm` is null once it was given up. Its calls hold the lock, but for giving it up where one of them hangs.
struct ctx_peers {
  const int32_t gpu, rank, size;
  std::atomic<ctx_cuda::NcclComm> comm;
  std::timed_mutex mutex;
};

namespace ctx_cuda {
namespace {

// A call in the middle of which the ring breaks may wait for what will not come: so long it has to come back by itself.
constexpr std::chrono::seconds PATIENCE{5};

std::string words(NcclResult result, NcclComm comm) {
  const NcclLibrary &nccl = nccl_library();
  std::string text = std::string("NCCL: ") + nccl.error_string(result);
  const char *more = nccl.last_error ? nccl.last_error(comm) : nullptr;
  if (more && *more) text += std::string(" (") + more + ")";
  return text + "; NCCL_DEBUG=INFO makes it say more, CTX_NCCL=none does without it";
}

} // namespace

const char *peers(int32_t *version) {
  *version = nccl_library().version;
  return nccl_library().description.c_str();
}

ctx_status peers_id(uint8_t *id) {
  NcclId made;
  if (const NcclResult result = nccl_library().unique_id(&made)) return fail(nullptr, CTX_ERR_DEVICE, "%s", words(result, nullptr).c_str());
  std::memcpy(id, &made, sizeof made);
  return CTX_OK;
}

ctx_status join_peers(ctx_device *device, const uint8_t *id, int32_t rank, int32_t size, ctx_peers **out) {
  *out = nullptr;
  NcclId made;
  std::memcpy(&made, id, sizeof made);
  NcclComm comm = nullptr;
  if (const NcclResult result = nccl_library().join(&comm, size, made, rank)) return fail(device, CTX_ERR_DEVICE, "%s", words(result, nullptr).c_str());
  *out = new (std::nothrow) ctx_peers{device->index, rank, size, {comm}, {}};
  if (*out) return CTX_OK;
  nccl_library().abort(comm);
  return fail(device, CTX_ERR_MEMORY, "join_peers: out of memory");
}

ctx_status pass_on(ctx_device *device, ctx_peers *peers, const void *send, void *receive, size_t bytes) {
  const NcclLibrary &nccl = nccl_library();
  const std::lock_guard lock(peers->mutex);
  const NcclComm comm = peers->comm;
  if (!comm) return fail(device, CTX_ERR_DEVICE, "pass_on: the ring was given up");
  const int next = (peers->rank + 1) % peers->size, before = (peers->rank + peers->size - 1) % peers->size;
  NcclResult result = nccl.group_start();
  if (result == NCCL_SUCCESS) {
    result = nccl.send(send, bytes, NCCL_INT8, next, comm, device->incoming);
    if (result == NCCL_SUCCESS) result = nccl.receive(receive, bytes, NCCL_INT8, before, comm, device->incoming);
    const NcclResult ended = nccl.group_end(); // what was begun must end
    if (result == NCCL_SUCCESS) result = ended;
  }
  if (result != NCCL_SUCCESS) return fail(device, CTX_ERR_DEVICE, "%s", words(result, comm).c_str());
  return finish(device, "pass_on");
}

ctx_status check_peers(ctx_peers *peers, char *why, size_t room) {
  const std::unique_lock lock(peers->mutex, std::chrono::milliseconds(10));
  NcclResult state = NCCL_SUCCESS;
  // Another thread is inside a call, which may be the one that hangs; NCCL lets its state be asked for meanwhile.
  const NcclComm comm = peers->comm;
  if (!comm) return CTX_OK;
  NcclResult result = nccl_library().async_error(comm, &state);
  if (result == NCCL_SUCCESS) result = state;
  if (result == NCCL_SUCCESS || result == NCCL_IN_PROGRESS) return CTX_OK;
  std::snprintf(why, room, "%s", words(result, comm).c_str());
  return CTX_ERR_DEVICE;
}

void give_up_peers(ctx_peers *peers) {
  const std::unique_lock lock(peers->mutex, PATIENCE);
  const NcclComm comm = peers->comm.exchange(nullptr);
  if (!comm) return;
  cudaSetDevice(peers->gpu);
  nccl_library().abort(comm);
}

void leave_peers(ctx_peers *peers) {
  if (const NcclComm comm = peers->comm) {
    cudaSetDevice(peers->gpu);
    nccl_library().destroy(comm);
  }
  delete peers;
}

} // namespace ctx_cuda

#if !defined(__CUDACC__)
// For a library that stands in NCCL's place in tests: work of its own on a stream.
extern "C" __attribute__((visibility("default"))) void ctx_shim_enqueue(void *stream, void (*work)(void *), void *argument) {
  ctx_shim::enqueue_touching(static_cast<cudaStream_t>(stream), [=] { work(argument); });
}
#endif
