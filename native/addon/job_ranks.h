// job_ranks.h: the job of several processes that this one was started in, and what JavaScript sees of it (NativeRanks of
// runtime/engine/addon.ts).
// defines: joined_processes, joined_rank_here, register_ranks
#pragma once
#include <napi.h>

#include "../ring/processes.h"

namespace ctx {

// The job that joinRanks joined; null before.
const Processes *joined_processes();

// The number of this process among those of the job that run on its machine, from 0.
int joined_rank_here();

void register_ranks(Napi::Env env, Napi::Object exports);

} // namespace ctx
