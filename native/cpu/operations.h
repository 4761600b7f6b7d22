// operations.h: see include/operations.h.
#pragma once
#define CTX_BACKEND_NAMESPACE ctx_cpu
#include "../include/operations.h"
