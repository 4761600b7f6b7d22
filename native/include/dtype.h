// dtype.h: what C++ code needs to know about a ctx_dtype.
// defines: size_of
#pragma once
#include "ctx_backend.h"

namespace ctx {

// Bytes of one number.
inline int64_t size_of(ctx_dtype dtype) { return dtype == CTX_F32 ? 4 : 2; }

} // namespace ctx
