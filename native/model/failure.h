// failure.h: how native code reports that something cannot be done. Thrown anywhere below the addon, turned into a
// JavaScript Error at its border; never crosses a C function.
// defines: Failure, fail
#pragma once
#include <cstdarg>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "../include/ctx_backend.h"

namespace ctx {

struct Failure : std::runtime_error {
  ctx_status status;
  Failure(ctx_status status, const std::string &message) : std::runtime_error(message), status(status) {}
};

// Throws a Failure with a printf-formatted message.
[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(ctx_status status, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Failure(status, text);
}

} // namespace ctx
