// peers.h: a ring of GPUs that are other processes', over NCCL: what ctx_backend.h says of each.
#pragma once
#include "device.h"

namespace ctx_cuda {

const char *peers(int32_t *version);
ctx_status peers_id(uint8_t *id);
ctx_status join_peers(ctx_device *, const uint8_t *id, int32_t rank, int32_t size, ctx_peers **out);
ctx_status pass_on(ctx_device *, ctx_peers *, const void *send, void *receive, size_t bytes);
ctx_status check_peers(ctx_peers *, char *why, size_t room);
void give_up_peers(ctx_peers *);
void leave_peers(ctx_peers *);

} // namespace ctx_cuda
