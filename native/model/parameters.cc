#include "parameters.h"

#include <algorithm>
#include <initializer_list>

#include "failure.h"

namespace ctx {
namespace {

void check_shape(const ModelShape &s) {
  // Limits far above any model, and low enough that no product below overflows 64 bits.
  const struct { const char *name; int64_t value, most; } sizes[] = {
      {"vocab_size", s.vocab, 1 << 26}, {"hidden_size", s.hidden, 1 << 20}, {"intermediate_size", s.ffn, 1 << 22},
      {"layers", s.layers, 1 << 12}, {"heads", s.heads, 1 << 14}, {"kv_heads", s.kv_heads, 1 << 14}, {"head_dim", s.head_dim, 1 << 12}};
  for (const auto &size : sizes)
    if (size.value < 1 || size.value > size.most)
      fail(CTX_ERR_ARGUMENT, "model shape: %s is %lld, expected 1 … %lld", size.name, (long long)size.value, (long long)size.most);
  if (s.heads % s.kv_heads != 0)
    fail(CTX_ERR_ARGUMENT, "model shape: %lld heads cannot be shared by %lld key-value heads (must divide)", (long long)s.heads, (long long)s.kv_heads);
  if (s.head_dim % 2 != 0) fail(CTX_ERR_ARGUMENT, "model shape: head_dim is %lld, must be even for RoPE", (long long)s.head_dim);
  if (s.window < 0 || s.window > (int64_t(1) << 31) - 1)
    fail(CTX_ERR_ARGUMENT, "model shape: a sliding window of %lld tokens, expected 1 … 2^31 - 1, or 0 for none", (long long)s.window);
  if (s.window_layers.size() != (size_t)(s.window > 0 ? s.layers : 0))
    fail(CTX_ERR_ARGUMENT, "model shape: the sliding window names %zu layers, expected one entry for each of %lld", s.window_layers.size(),
         (long long)(s.window > 0 ? s.layers : 0));
  if (!(s.eps >= 0)) fail(CTX_ERR_ARGUMENT, "model shape: rms_norm_eps must be >= 0");
}

const char *const lora_targets[] = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

void check_lora(const LoraOptions &lora) {
  if (lora.rank < 1 || lora.rank > 65536) fail(CTX_ERR_ARGUMENT, "lora: rank is %lld, expected 1 … 65536", (long long)lora.rank);
  if (lora.targets.empty()) fail(CTX_ERR_ARGUMENT, "lora: no targets; name some of q_proj k_proj v_proj o_proj gate_proj up_proj down_proj");
  for (const std::string &target : lora.targets)
    if (std::find(std::begin(lora_targets), std::end(lora_targets), target) == std::end(lora_targets))
      fail(CTX_ERR_ARGUMENT, "lora: target \"%s\" is none of q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", target.c_str());
}

std::string stem(const std::string &name) { return name.substr(0, name.size() - std::string("weight").size()); }

} // namespace

int ParameterTable::add(std::string name, Parameter::Kind kind, int64_t rows, int64_t cols) {
  const int index = (int)all.size();
  by_name_.emplace(name, index);
  Parameter p;
  p.name = std::move(name);
  p.kind = kind;
  p.rows = rows;
  p.cols = cols;
  all.push_back(std::move(p));
  return index;
}

const Parameter *ParameterTable::find(const std::string &name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &all[(size_t)found->second];
}

// A of every adapted part first, then B of every adapted part.
void ParameterTable::add_adapters(Linear &linear, const LoraOptions &lora) {
  std::vector<LinearPart *> adapted;
  for (LinearPart &part : linear.parts) {
    const std::string &name = all[(size_t)part.weight].name;
    for (const std::string &target : lora.targets)
      if (name.find("." + target + ".") != std::string::npos) {
        adapted.push_back(&part);
        break;
      }
  }
  for (LinearPart *part : adapted) {
    part->lora_a = add(stem(all[(size_t)part->weight].name) + "lora_A.weight", Parameter::lora_a, lora.rank, linear.in);
    part->rank_begin = linear.rank;
    linear.rank += lora.rank;
  }
  for (LinearPart *part : adapted)
    part->lora_b = add(stem(all[(size_t)part->weight].name) + "lora_B.weight", Parameter::lora_b, part->out, lora.rank);
  adapter_width = std::max(adapter_width, linear.rank);
}

void ParameterTable::choose_trainable(const Training &training) {
  for (Parameter &p : all) p.trainable = !training.lora || p.is_adapter();
  if (!training.lora) return;
  for (const std::string &pattern : training.also_train) {
    bool named = false;
    for (Parameter &p : all)
      if (p.name.find(pattern) != std::string::npos) p.trainable = named = true;
    if (!named || pattern.empty())
      fail(CTX_ERR_ARGUMENT, "alsoTrain: \"%s\" is part of no parameter's name%s", pattern.c_str(),
           pattern == "lm_head" ? " (the output layer is tied to embed_tokens)" : "");
  }
}

// Where activations are bf16 every product rounds its matrices, and the embedding's rows are rounded (ctx_backend.h). What nobody trains
// may be held rounded, then, and what has its master elsewhere: the same bits from half the memory. One product reads all weights of a
// Linear, so these are held alike.
void ParameterTable::hold_rounded() {
  for (Parameter &p : all)
    if (p.kind == Parameter::matrix && (masters || !p.trainable)) p.dtype = CTX_BF16;
  if (masters) return;
  for (const LayerParameters &layer : layers)
    for (const Linear *linear : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
      const auto &parts = linear->parts;
      const bool trained = std::any_of(parts.begin(), parts.end(), [&](const LinearPart &part) { return all[(size_t)part.weight].trainable; });
      for (const LinearPart &part : parts)
        if (trained) all[(size_t)part.weight].dtype = CTX_F32;
    }
}

// Which parameters follow the one before without a gap: those of one Linear. Everything else starts aligned.
std::vector<bool> ParameterTable::joined() const {
  std::vector<bool> joined(all.size(), false);
  for (const LayerParameters &layer : layers)
    for (const Linear *linear : {&layer.qkv, &layer.gate_up}) {
      int last_a = -1;
      for (size_t i = 0; i < linear->parts.size(); i++) {
        if (i > 0) joined[(size_t)linear->parts[i].weight] = true;
        if (i > 0 && linear->has_bias()) joined[(size_t)linear->parts[i].bias] = true;
        if (linear->parts[i].lora_a < 0) continue;
        if (last_a >= 0) joined[(size_t)linear->parts[i].lora_a] = true;
        last_a = linear->parts[i].lora_a;
      }
    }
  return joined;
}

// Offsets in table order.
void ParameterTable::place() {
  const std::vector<bool> joined = this->joined();
  for (size_t i = 0; i < all.size(); i++) {
    Parameter &p = all[i];
    if (!joined[i]) {
      weight_bytes = align_bytes(weight_bytes);
      gradient_floats = align_floats(gradient_floats);
    }
    p.offset = weight_bytes;
    weight_bytes += p.bytes();
    if (!p.trainable) continue;
    p.gradient = gradient_floats;
    gradient_floats += p.size();
  }
  weight_bytes = align_bytes(weight_bytes);
  gradient_floats = align_floats(gradient_floats);
}

ParameterTable::ParameterTable(const ModelShape &s, const Training &training, const MemoryPlan &memory, int divided) : masters(memory.train && memory.masters) {
  check_shape(s);
  if (memory.masters && memory.activations != CTX_BF16)
    fail(CTX_ERR_ARGUMENT, "memory plan: weights are held in bf16 beside activations in bf16 alone, and these are fp32");
  if (memory.masters && divided > 0)
    fail(CTX_ERR_ARGUMENT, "memory plan: ranks that divide the weights hold them in fp32, in parts");
  if (training.lora) check_lora(*training.lora);
  const int64_t q = s.q_width(), kv = s.kv_width();

  embed = add("model.embed_tokens.weight", Parameter::matrix, s.vocab, s.hidden);
  for (int64_t i = 0; i < s.layers; i++) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    const auto linear = [&](int64_t in, bool bias, std::initializer_list<std::pair<const char *, int64_t>> parts) {
      Linear l;
      l.in = in;
      for (const auto &[name, out] : parts) {
        LinearPart part;
        part.weight = add(at + name + ".weight", Parameter::matrix, out, in);
        part.out_begin = l.out;
        part.out = out;
        l.out += out;
        l.parts.push_back(part);
      }
      for (LinearPart &part : l.parts)
        if (bias) part.bias = add(stem(all[(size_t)part.weight].name) + "bias", Parameter::bias, 1, part.out);
      return l;
    };
    LayerParameters layer;
    layer.qkv = linear(s.hidden, s.qkv_bias, {{"self_attn.q_proj", q}, {"self_attn.k_proj", kv}, {"self_attn.v_proj", kv}});
    layer.o = linear(q, s.o_bias, {{"self_attn.o_proj", s.hidden}});
    layer.gate_up = linear(s.hidden, s.mlp_bias, {{"mlp.gate_proj", s.ffn}, {"mlp.up_proj", s.ffn}});
    layer.down = linear(s.ffn, s.mlp_bias, {{"mlp.down_proj", s.hidden}});
    if (s.qk_norm) {
      layer.q_norm = add(at + "self_attn.q_norm.weight", Parameter::norm, 1, s.head_dim);
      layer.k_norm = add(at + "self_attn.k_norm.weight", Parameter::norm, 1, s.head_dim);
    }
    layer.input_norm = add(at + "input_layernorm.weight", Parameter::norm, 1, s.hidden);
    layer.post_norm = add(at + "post_attention_layernorm.weight", Parameter::norm, 1, s.hidden);
    layers.push_back(std::move(layer));
  }
  norm = add("model.norm.weight", Parameter::norm, 1, s.hidden);
  head = s.tied ? embed : add("lm_head.weight", Parameter::matrix, s.vocab, s.hidden);
  if (training.lora)
    for (LayerParameters &layer : layers)
      for (Linear *l : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) add_adapters(*l, *training.lora);

  if (memory.train) choose_trainable(training);
  if (memory.activations == CTX_BF16) hold_rounded();
  if (divided > 0) divide(divided);
  else place();
}

} // namespace ctx
