// engine_options.h: the option objects of runtime/engine/addon.ts as native structs.
// defines: parse_engine_options, parse_batch, parse_adamw, parse_sources, parse_sinks, parse_slot
#pragma once
#include "../model/engine.h"
#include "values.h"

namespace ctx {

EngineOptions parse_engine_options(Napi::Value value);
Batch parse_batch(Napi::Value value, const char *operation);
AdamWOptions parse_adamw(Napi::Value value);
std::vector<TensorSource> parse_sources(Napi::Value value);
std::vector<TensorSink> parse_sinks(Napi::Value value);
Slot parse_slot(Napi::Value value, const char *operation);

} // namespace ctx
