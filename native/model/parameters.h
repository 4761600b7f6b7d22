// parameters.h: the table of all parameters: Hugging Face names, shapes, places in the arenas, who is trained.
// defines: Parameter, LinearPart, Linear, LayerParameters, Unit, ParameterTable, align_floats, align_bytes
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "../include/dtype.h"
#include "shape.h"

namespace ctx {

// Every region of the arena starts at a multiple of 64 bytes: 16 floats.
constexpr int64_t align_floats(int64_t n) { return (n + 15) & ~int64_t(15); }
constexpr int64_t align_bytes(int64_t n) { return (n + 63) & ~int64_t(63); }

struct Parameter {
  enum Kind { matrix, norm, bias, lora_a, lora_b };
  std::string name;      // as in Hugging Face's state_dict
  Kind kind = matrix;
  int64_t rows = 0, cols = 0; // a norm's weight and a bias are [1, cols] here and [cols] outside
  bool trainable = false;
  ctx_dtype dtype = CTX_F32; // in which the arena holds it
  int64_t offset = 0;    // bytes from the start of the weights
  int64_t gradient = -1; // floats from the start of the gradients (the moments lie alike); -1 when frozen
  int unit = 0;          // where ranks divide the weights: that it comes with

  int64_t size() const { return rows * cols; }
  int64_t bytes() const { return size() * size_of(dtype); }
  bool is_adapter() const { return kind == lora_a || kind == lora_b; }
  bool is_vector() const { return kind == norm || kind == bias; }
};

// One weight of a Linear, and its adapter if it has one. Members are indices into ParameterTable::all.
struct LinearPart {
  int weight = -1, bias = -1, lora_a = -1, lora_b = -1;
  int64_t out_begin = 0, out = 0; // its columns of the Linear's output
  int64_t rank_begin = 0;         // its columns of x A^T
};

// Weights that read the same input and lie one after the other, so that one matrix product serves them all:
// y [tokens, out] = x [tokens, in] W^T (+ b). q, k, v are one Linear; so are gate, up. Their biases lie one after the other too.
struct Linear {
  std::vector<LinearPart> parts;
  int64_t in = 0, out = 0;
  int64_t rank = 0; // of all adapters together; their A matrices lie one after the other too

  bool has_bias() const { return parts[0].bias >= 0; }
};

struct LayerParameters {
  int input_norm = -1, post_norm = -1;
  int q_norm = -1, k_norm = -1; // [head_dim]; -1 without qk_norm
  Linear qkv, o, gate_up, down;
};

// Weights that come together to where they are computed with, where ranks divide them (divided_weights.h): the embedding, a layer with its adapters,
// the final norm with the output layer. Offsets then count all weights unit by unit, as if they lay whole somewhere. What is trained comes
// first, and its gradients are counted alike, so that a rank's part of the ones is its part of the others.
struct Unit {
  int64_t begin = 0, size = 0;       // bytes; both multiples of 64 times the ranks
  int64_t gradient = 0, trained = 0; // floats: where its gradients begin, and how many weights from `begin` on have one
};

struct ParameterTable {
  std::vector<Parameter> all;
  int embed = -1, norm = -1, head = -1; // head == embed when tied
  std::vector<LayerParameters> layers;
  int64_t weight_bytes = 0, gradient_floats = 0;  // sizes of the arenas, aligned
  int64_t adapter_width = 0;                      // largest Linear::rank
  bool masters = false;                           // what learns lies with the moments in fp32; the arena holds what products read of it
  std::vector<Unit> units;                        // embedding, layers, final norm; empty: every rank holds all weights

  // `divided`: so many ranks divide the weights; 0: none does. Throws a Failure that says which sizes do not go together, or which target or
  // pattern names nothing.
  ParameterTable(const ModelShape &shape, const Training &training, const MemoryPlan &memory, int divided = 0);

  const Parameter *find(const std::string &name) const;
  bool mastered(const Parameter &p) const { return masters && p.trainable; }

 private:
  std::unordered_map<std::string, int> by_name_;
  int add(std::string name, Parameter::Kind kind, int64_t rows, int64_t cols);
  void add_adapters(Linear &linear, const LoraOptions &lora);
  void choose_trainable(const Training &training);
  std::vector<bool> joined() const;
  void hold_rounded();
  void place();
  void divide(int ranks); // units.cc
};

} // namespace ctx
