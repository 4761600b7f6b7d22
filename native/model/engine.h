// engine.h: a model with its memory: the parameter table, the arena, one Llama per ring rank, and what may be asked of them.
// Calls come from one thread at a time (the addon's job thread). Failures are thrown as ctx::Failure. A call that fails or is
// cancelled leaves gradients undefined (zero_gradients mends that) and everything else as it was.
// defines: EngineOptions, Engine, Slot
#pragma once
#include <atomic>
#include <memory>

#include "../io/tensor_file.h"
#include "../optim/adamw.h"
#include "../optim/host_moments.h"
#include "batch.h"
#include "crew.h"
#include "divided_weights.h"
#include "host_gradients.h"

namespace ctx {

class Team;

struct EngineOptions {
  const ctx_backend *backend = nullptr;
  int threads = 1; // shared out over the ranks
  int ring = 1;    // ranks that a sequence is cut over, as threads of this process
  const Job *processes = nullptr; // or as processes: those of a job, in rings (crew.h)
  std::vector<int> devices;       // or as threads, each on a device of its own: its number for each rank, in rings too (team.h). Fewer than 2: none
  int device = 0;                 // that this process, or rank, computes on
  bool divide = false;            // those ranks, of processes or devices, divide weights and gradients too, not moments alone (divided_weights.h)
  const std::atomic<int32_t> *cancelled = nullptr; // non-zero: the running call fails with CTX_ERR_CANCELLED at its next tile
  ModelShape model;
  Training training;
  MemoryPlan memory;
};

// Which copy of a parameter. `master`: its value where that lies with the moments; whoever asks for the value is given it.
enum class Slot { value, adam_m, adam_v, merged, gradient, master };

// A tensor to be written, in order.
struct TensorSink {
  std::string name;
  Slot slot;
  FileDtype dtype;
};

class Engine {
 public:
  explicit Engine(const EngineOptions &options); // allocates the arena; nothing later does, but `save` of merged weights
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  const ParameterTable &parameters() const { return parameters_; }
  const Ledger &memory() const { return layout_.ledger; }
  int64_t scratch() const; // bytes that the kernels of all ranks keep beside the arena by now; from any thread
  std::string way() const { return crew_ ? crew_->everyone->way() : ""; } // by which ranks that are processes pass device memory on
  const ModelShape &shape() const { return options_.model; }

  void set_rope(const std::vector<double> &inv_freq, double attention_factor);

  // Matrices from N(0, std^2), norms 1, biases 0, adapters as at the start. The same bytes for any number of threads.
  void initialize(uint64_t seed, double std);
  // A from U(-1/sqrt(in), 1/sqrt(in)) (PEFT's default), B zero: the adapted model starts as the base model.
  void initialize_adapters();

  // Reads tensors into a slot (value or a moment). Unless `partial`, a parameter that no source names is an error; adapters
  // may be missing when values are loaded.
  void load(const std::vector<TensorSource> &sources, Slot slot, bool partial);
  // Writes `header` and the tensors behind it, atomically.
  void save(const std::string &path, const std::vector<uint8_t> &header, const std::vector<TensorSink> &sinks);

  Score accumulate(const Batch &batch) { return std::move(accumulate(std::vector<Batch>{batch})[0]); }
  // One after the other, or side by side where there are several rings.
  std::vector<Score> accumulate(const std::vector<Batch> &batches);
  // Returns the gradient norm before clipping. A norm that is not finite changes no parameter. Gradients are zero afterwards.
  double step(const AdamWOptions &hyper);
  void zero_gradients();
  Score score(const Batch &batch);
  // Logits of rows [from, to) into `out` [to - from, vocab].
  void logits(const Batch &batch, int64_t from, int64_t to, float *out);
  // Greedy continuation of `ids`: up to `max_new` tokens, ending with the first of `stop` (which is included).
  std::vector<int32_t> generate(const std::vector<int32_t> &ids, int64_t max_new, const std::vector<int32_t> &stop);

  std::vector<float> read(const std::string &name, Slot slot);
  void write(const std::string &name, const std::vector<float> &data);

  // Of an engine of several processes, on all but the leader: does what the leader tells, until it closes its engine.
  void follow();

 private:
  struct Rank;
  std::unique_ptr<Team> team_; // of the ranks on the other devices; null: there are none
  EngineOptions options_;
  ParameterTable parameters_;
  std::vector<TensorSource> origins_; // of each parameter that is held rounded, and whose file holds more; of the leader
  ArenaLayout layout_;
  std::unique_ptr<LocalRing> ring_;
  std::vector<std::unique_ptr<Rank>> ranks_;
  std::unique_ptr<Crew> crew_; // null: this process is alone. Its transfers are of the ranks' devices, so it goes before them
  std::unique_ptr<HostGradients> waiting_; // of layers; null: in the arena
  std::unique_ptr<HostMoments> moments_;   // null: in the arena
  std::unique_ptr<DividedWeights> divided_; // null: this process has all weights
  float *arena_ = nullptr;
  bool rope_set_ = false;

  const Ops &ops() const;
  void check_cancelled() const;
  float *trained(const Parameter &p) const { return arena_ + p.offset / (int64_t)sizeof(float); } // fp32
  // Numbers of it as products read them; of a process that holds all weights.
  ctx_mat read_by_products(const Parameter &p, int64_t first, int64_t count) const {
    return matrix(reinterpret_cast<char *>(arena_) + p.offset + first * size_of(p.dtype), 1, count, p.dtype);
  }
  float *gradients(int rank) const { return arena_ + layout_.first_rank + rank * layout_.rank_stride; }
  void on_ranks(const std::function<void(Rank &)> &work);
  void need_training(const char *operation) const;
  void need_rope(const char *operation) const;
  Score accumulate_one(const Batch &batch);
  void sum_gradients();
  const Parameter &named(const char *operation, const std::string &name) const;
  int index_of(const Parameter &parameter) const { return int(&parameter - parameters_.all.data()); }
  bool holds(const Parameter &parameter, Slot slot) const;
  void put_values(const Parameter &parameter, int64_t first, const float *numbers, int64_t count);
  bool read_origin(const Parameter &parameter, float *numbers);

  // engine_moments.cc
  struct Overlap; // of a parameter with what a rank holds of it
  int own_share() const;
  Overlap overlap(const Parameter &parameter, Slot slot, int rank) const;
  std::vector<Overlap> overlaps(int rank) const;
  float *own_values(const Overlap &held) const;
  float *own_gradients(const Overlap &held) const;
  float *gradient(const Parameter &p) const { return gradients(0) + layout_.rank.gradients.at(p.gradient); }
  void square_waiting(std::vector<double> &squares);
  void update_share(const AdamWOptions &hyper, float scale);
  float *host_moments(Slot slot);
  float *arena_moments(Slot slot) const;
  void put_moments(Slot slot, int64_t at, const float *numbers, int64_t count);
  void get_moments(Slot slot, int64_t at, float *numbers, int64_t count);
  void get_values(const Overlap &held, float *numbers);
  void get_held(const Overlap &held, Slot slot, float *numbers);
  void store(const Parameter &parameter, Slot slot, int64_t first, const float *numbers, int64_t count);
  void fetch(const Parameter &parameter, Slot slot, float *numbers);
  std::vector<float> merged(const Parameter &parameter);

  // engine_processes.cc
  void need_alone(const char *operation) const;
  void receive_tensors(Slot slot, const std::vector<int32_t> &parameters);
  std::vector<Score> accumulate_together(const std::vector<Batch> &batches);
  void gather_score(const Batch &batch, const LocalTargets &mine, int group, Score &score);
  double step_together(const AdamWOptions &hyper);
  void apply_share(const AdamWOptions &hyper, float scale);
};

} // namespace ctx
