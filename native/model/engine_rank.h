// engine_rank.h: a rank of an engine and its share of the moments, for the files that make up engine.h's class.
// defines: Engine::Rank, Engine::Overlap
#pragma once
#include "engine.h"

namespace ctx {

// Its device, its end of the ring, its share of the model.
struct Engine::Rank {
  int index = 0; // among the ranks of this process
  Ops ops;
  RingContext ring;
  std::unique_ptr<CheckpointStore> store; // for layer inputs that the arena does not hold
  std::unique_ptr<Llama> model;

  ~Rank() {
    model.reset();
    store.reset();
    if (ops.device) ops.table->destroy(ops.device);
  }
};

// Numbers [first, first + count) of a parameter, which begin at `at`: of moments and masters floats from the start of those that the rank holds, of values bytes from
// the start of its weights.
struct Engine::Overlap {
  const Parameter *parameter;
  int64_t first, count, at;
};

} // namespace ctx
