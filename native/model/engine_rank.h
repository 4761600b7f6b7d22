// engine_rank.h: a rank of an engine, for the files that make up engine.h's class.
// defines: Engine::Rank
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

} // namespace ctx
