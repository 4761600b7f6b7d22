// describe.h: what this machine offers (NativeDescription of runtime/engine/addon.ts).
// defines: describe
#pragma once
#include <napi.h>

namespace ctx {

Napi::Value describe(const Napi::CallbackInfo &info);

} // namespace ctx
