// peak.h: what this machine's processor could do at most, measured in tens of milliseconds.
// defines: clock_seconds, Clock, multiply_add_peak, copy_bandwidth
#pragma once
#include <string>

#include "include/ctx_backend.h"

// Seconds of the clock that peaks and benchmarks are measured with: CPU time of this thread where one thread computes, wall time else.
double clock_seconds(int threads);

// How threads that work side by side are timed: together, as a benchmark is; or each by its own CPU time, which tells what they would reach
// if nothing else ran on the machine.
enum class Clock { together, own };

// Most GFLOP/s that `threads` threads reach with independent multiply-adds in registers, all at once: of numbers of `dtype`, with the
// widest instruction for it that the backend named `backend` uses.
double multiply_add_peak(const std::string &backend, ctx_dtype dtype, int threads, Clock clock = Clock::together);

// GB/s of one streaming copy by one thread (read + written), larger than the caches.
double copy_bandwidth();
