// checks.cuh: token ids are checked where they are, on the device, before anything reads through them.
//
// defines: first_wrong
#pragma once
#include "device.h"

namespace ctx_cuda {

// The lowest i with ids[i] outside [low, high), and that id, or -1. Waits for the answer: once for a few thousand tokens, not for each layer.
ctx_status first_wrong(ctx_device *device, const int32_t *ids, int64_t n, int32_t low, int64_t high, int32_t *index, int32_t *id);

} // namespace ctx_cuda
