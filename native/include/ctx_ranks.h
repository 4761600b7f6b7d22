// ctx_ranks.h: what a job of several processes must be able to do, as one C table of operations.
//
// A ranks library is a shared library that exports `const ctx_ranks *ctx_ranks_v1(void)`; native/mpi is the one over MPI. It knows
// groups of ranks and bytes, nothing of matrices or models: sums are made in native/ring/collectives.h, in an order of our own, over
// the same ring transfers that ring attention uses.
//
// Conventions
//   * A group's ranks count from 0. What is called on a group is called by all of its ranks, in the same order.
//   * Buffers are host memory. Calls may come from any thread, but only from one at a time for each group.
//   * After a failure the job cannot go on: report last_error() and abort.
#pragma once
#include "ctx_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CTX_RANKS_VERSION 1

typedef struct ctx_group ctx_group; // some of the job's ranks, in order

typedef struct {
  int32_t version;  // CTX_RANKS_VERSION
  const char *name; // with its version: "Open MPI 4.1.4"

  // Joins the job that this process was started in, once, before anything else; *world receives the group of all ranks.
  ctx_status (*join)(ctx_group **world);
  // Leaves it; waits until all ranks leave. Nothing may be called afterwards.
  void (*leave)(void);
  // Ends all processes of the job, this one with `status`. Does not return.
  void (*abort)(int32_t status);
  const char *(*last_error)(void); // of the calling process
  const char *(*host)(void);       // name of this process's machine

  int32_t (*rank)(const ctx_group *);
  int32_t (*size)(const ctx_group *);
  // The ranks of the group that name the same colour, in the group's order. The group stays as it is.
  ctx_status (*split)(ctx_group *, int32_t colour, ctx_group **part);
  // A group with a transfer in flight stays until the process ends: so must the transfer's buffers, which the library still reads and writes.
  void (*release)(ctx_group *);

  // One transfer around the ring: `bytes` at `send` go to rank + 1, as many from rank - 1 into `receive`, while the caller computes.
  // At most one is in flight on each channel (0 … 3); both buffers belong to the library until `wait` has returned.
  ctx_status (*start)(ctx_group *, int32_t channel, const void *send, void *receive, size_t bytes);
  ctx_status (*wait)(ctx_group *, int32_t channel);

  // From rank `from` to all others of the group. Waiting for it costs no CPU time to speak of.
  ctx_status (*broadcast)(ctx_group *, void *data, size_t bytes, int32_t from);
  // From one rank to another; only those two call.
  ctx_status (*send)(ctx_group *, const void *data, size_t bytes, int32_t to);
  ctx_status (*receive)(ctx_group *, void *data, size_t bytes, int32_t from);
} ctx_ranks;

typedef const ctx_ranks *(*ctx_ranks_v1_fn)(void);

#ifdef __cplusplus
}
#endif
