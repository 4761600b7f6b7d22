// count_flops.cc: the FLOPs of one training step, counted where they happen: the engine computes over a copy of a backend's table in
// which the matrix products and attention add up what they are asked for before they do it.
//
//   matrix product        2 M N K
//   attention             4 head_dim for each head and each pair of a query and a key that it sees; backward 10
//
// Usage: count_flops <backend library> < cases
// A case is a line of `name=number` words (see read_case); the answer is a line "<matrix products> <attention> <order>", where order is `any` if all of
// attention's gradients may be added in any order, `kept` if none may, `both` otherwise.
#include "../../native/model/engine.h"
#include "../attention/backend.h"

#include <atomic>
#include <iostream>
#include <map>
#include <numeric>
#include <sstream>

namespace {

const ctx_backend *real;
std::atomic<int64_t> products, attention, ordered, unordered; // ranks of a ring count at the same time

int64_t visible_pairs(const ctx_attention &a) {
  int64_t pairs = 0;
  for (int64_t i = 0; i < a.q.rows; i++) {
    const int64_t from = std::max<int64_t>(a.start ? a.start[i] : 0, a.k_index), end = a.k_index + a.k.rows;
    const int64_t to = a.causal ? std::min(end, a.q_index + i + 1) : end;
    pairs += std::max<int64_t>(0, to - from);
  }
  return pairs;
}

ctx_status gemm(ctx_device *device, int32_t trans_a, int32_t trans_b, float alpha, ctx_mat a, ctx_mat b, float beta, ctx_mat c) {
  products += 2 * c.rows * c.cols * (trans_a ? a.rows : a.cols);
  return real->gemm(device, trans_a, trans_b, alpha, a, b, beta, c);
}

ctx_status attention_forward(ctx_device *device, const ctx_attention *a) {
  attention += 4 * visible_pairs(*a) * a->heads * a->head_dim;
  return real->attention_forward(device, a);
}

ctx_status attention_backward(ctx_device *device, const ctx_attention_grad *g) {
  attention += 10 * visible_pairs(g->fwd) * g->fwd.heads * g->fwd.head_dim;
  (g->any_order ? unordered : ordered)++;
  return real->attention_backward(device, g);
}

ctx::EngineOptions read_case(const std::string &line, int64_t &length) {
  std::map<std::string, int64_t> given;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    given[word.substr(0, equals)] = std::stoll(word.substr(equals + 1));
  }
  const auto number = [&](const char *name) {
    const auto found = given.find(name);
    if (found == given.end()) ctx::fail(CTX_ERR_ARGUMENT, "a case without %s", name);
    return found->second;
  };
  ctx::EngineOptions e;
  e.ring = (int)number("ring");
  e.threads = e.ring;
  ctx::ModelShape &m = e.model;
  m.vocab = number("vocab");
  m.hidden = number("hidden");
  m.ffn = number("ffn");
  m.layers = number("layers");
  m.heads = number("heads");
  m.kv_heads = number("kv_heads");
  m.head_dim = number("head_dim");
  m.tied = number("tied");
  m.qk_norm = number("qk_norm");
  m.window = number("window");
  for (int64_t layer = 0; m.window > 0 && layer < m.layers; layer++) m.window_layers.push_back(number("windowed") >> layer & 1);
  if (number("rank") > 0) { // bits of `targets` in this order
    ctx::LoraOptions lora;
    lora.rank = number("rank");
    lora.alpha = 1;
    const char *names[] = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    for (int bit = 0; bit < 7; bit++)
      if (number("targets") >> bit & 1) lora.targets.push_back(names[bit]);
    e.training.lora = lora;
    if (number("head")) e.training.also_train.push_back(m.tied ? "embed_tokens" : "lm_head");
  }
  e.training.deterministic = number("deterministic");
  length = number("length");
  e.memory.max_tokens = length * number("rows");
  e.memory.train = true;
  e.memory.checkpoint_every = number("every");
  e.memory.loss_chunk = number("chunk");
  e.memory.mlp_tile = number("tile");
  e.memory.offload = number("offload") ? ctx::Offload::host : ctx::Offload::none;
  e.memory.activations = number("bf16") ? CTX_BF16 : CTX_F32;
  return e;
}

} // namespace

int main(int count, char **words) {
  if (count < 2) return 2;
  real = open_backend(words[1]);
  ctx_backend counting = *real;
  counting.gemm = gemm;
  counting.attention_forward = attention_forward;
  counting.attention_backward = attention_backward;
  try {
    for (std::string line; std::getline(std::cin, line);) {
      int64_t length = 0;
      ctx::EngineOptions options = read_case(line, length);
      options.backend = &counting;
      ctx::Engine engine(options);
      engine.set_rope(std::vector<double>((size_t)options.model.head_dim / 2, 0.5), 1);
      engine.initialize(1, 0.02);
      const size_t tokens = (size_t)options.memory.max_tokens;
      ctx::Batch batch;
      for (size_t t = 0; t < tokens; t++) {
        batch.ids.push_back((int32_t)(t % (size_t)options.model.vocab));
        batch.positions.push_back((int32_t)(t % (size_t)length));
        batch.starts.push_back((int32_t)(t / (size_t)length * (size_t)length));
        batch.targets.push_back(0);
        batch.weights.push_back(1.0f / (float)tokens);
      }
      products = attention = ordered = unordered = 0;
      engine.accumulate(batch);
      std::cout << products << ' ' << attention << ' ' << (unordered == 0 ? "kept" : ordered == 0 ? "any" : "both") << '\n';
    }
  } catch (const std::exception &error) {
    std::cout << error.what() << '\n';
    return 1;
  }
}
