// attention_call.h: attentionForward and attentionBackward of runtime/engine/addon.ts: the kernel as a plain call.
// defines: register_attention
#pragma once
#include <napi.h>

namespace ctx {

// Adds both functions to the addon's exports. Calls of one environment run in order on a thread of their own.
void register_attention(Napi::Env env, Napi::Object exports);

} // namespace ctx
