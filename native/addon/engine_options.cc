#include "engine_options.h"

#include "backend_library.h"
#include "job_ranks.h"

namespace ctx {
namespace {

void parse_window(const Options &o, ModelShape &s) {
  s.window = o.integer("tokens");
  if (s.window < 1) type_error(o.get("tokens").Env(), o.at("tokens") + " must be 1 or more");
  const Napi::Array layers = o.array("layers");
  for (uint32_t i = 0; i < layers.Length(); i++) {
    const Napi::Value layer = layers[i];
    if (!layer.IsBoolean()) type_error(layer.Env(), o.at("layers") + " must be an array of true and false, one for each layer");
    s.window_layers.push_back(layer.As<Napi::Boolean>().Value());
  }
}

ModelShape parse_shape(const Options &o) {
  ModelShape s;
  s.vocab = o.integer("vocabSize");
  s.hidden = o.integer("hiddenSize");
  s.ffn = o.integer("intermediateSize");
  s.layers = o.integer("layers");
  s.heads = o.integer("heads");
  s.kv_heads = o.integer("kvHeads");
  s.head_dim = o.integer("headDim");
  s.eps = (float)o.number("rmsNormEps");
  s.tied = o.boolean("tieWordEmbeddings");
  const auto flag = [&](const char *name) { return o.has(name) && o.boolean(name); };
  s.qkv_bias = flag("qkvBias");
  s.o_bias = flag("oBias");
  s.mlp_bias = flag("mlpBias");
  s.qk_norm = flag("qkNorm");
  if (o.has("slidingWindow")) parse_window(o.object("slidingWindow"), s);
  return s;
}

Training parse_training(const Options &o) {
  Training t;
  if (o.has("lora")) {
    const Options l = o.object("lora");
    t.lora = LoraOptions{l.integer("rank"), (float)l.number("alpha"), l.strings("targets"), (uint64_t)l.integer("seed")};
  }
  if (o.has("alsoTrain")) t.also_train = o.strings("alsoTrain");
  if (o.has("deterministic")) t.deterministic = o.boolean("deterministic");
  return t;
}

MemoryPlan parse_memory(Napi::Env env, const Options &o) {
  MemoryPlan m;
  m.max_tokens = o.integer("maxTokens");
  m.train = o.boolean("train");
  m.checkpoint_every = o.integer("checkpointEvery");
  m.loss_chunk = o.integer("lossChunk");
  if (o.has("mlpTile")) m.mlp_tile = o.integer("mlpTile");
  if (o.has("headGroups")) m.head_groups = o.integer("headGroups");
  if (o.has("offload")) {
    const Options offload = o.object("offload");
    const std::string to = offload.string("to");
    if (to != "file" && to != "host") type_error(offload.get("to").Env(), offload.at("to") + " is \"" + to + "\", expected file or host");
    m.offload = to == "file" ? Offload::file : Offload::host;
    if (m.offload == Offload::file) m.offload_folder = offload.string("folder");
  }
  const auto in_host = [&](const char *name) {
    const std::string where = o.has(name) ? o.string(name) : "device";
    if (where != "device" && where != "host") type_error(env, o.at(name) + " is \"" + where + "\", expected device or host");
    return where == "host";
  };
  m.host_gradients = in_host("gradients");
  m.host_moments = in_host("moments");
  const auto in_bf16 = [&](const char *name) {
    const std::string format = o.has(name) ? o.string(name) : "f32";
    if (format != "f32" && format != "bf16") type_error(env, o.at(name) + " is \"" + format + "\", expected f32 or bf16");
    return format == "bf16";
  };
  m.masters = in_bf16("weights");
  m.kv_cache_tokens = o.integer("kvCacheTokens");
  m.activations = in_bf16("dtype") ? CTX_BF16 : CTX_F32;
  return m;
}

FileDtype parse_dtype(Napi::Env env, const std::string &name, const std::string &path) {
  if (name == "F32") return FileDtype::f32;
  if (name == "BF16") return FileDtype::bf16;
  if (name == "F16") return FileDtype::f16;
  type_error(env, path + " is \"" + name + "\", expected F32, BF16 or F16");
}

// Of a process of a job: its machine's processes take the GPUs that they see in turn. Where each sees one alone, that is it.
int own_gpu(const ctx_backend &cuda, int rank_here) {
  ctx_device_info info;
  int gpus = 0;
  while (cuda.device_info(gpus, &info) == CTX_OK) gpus++;
  return gpus > 0 ? rank_here % gpus : 0;
}

std::string element(const char *operation, const char *list, uint32_t i) { return std::string(operation) + ": " + list + "[" + std::to_string(i) + "]"; }

} // namespace

EngineOptions parse_engine_options(Napi::Value value) {
  const Options o(value, "createEngine: options");
  EngineOptions e;
  const std::string device = o.string("device");
  if (device == "cuda") {
    const Backend &cuda = cuda_backend();
    if (!cuda.table) throw Napi::Error::New(value.Env(), "createEngine: device \"cuda\" is not available: " + cuda.problem);
    e.backend = cuda.table;
  } else if (device == "cpu") {
    e.backend = choose_cpu_backend(o.has("isa") ? o.string("isa") : "");
  } else {
    type_error(value.Env(), "createEngine: options.device is \"" + device + "\", expected cpu or cuda");
  }
  e.threads = o.small("threads");
  e.ring = o.small("ring");
  if (o.has("shard")) {
    const std::string shard = o.string("shard");
    if (shard != "moments" && shard != "all") type_error(value.Env(), o.at("shard") + " is \"" + shard + "\", expected moments or all");
    e.divide = shard == "all";
  }
  if (o.has("processes") && o.boolean("processes")) {
    e.processes = joined_processes();
    if (!e.processes) type_error(value.Env(), "createEngine: options.processes is true, but this process has joined no job (joinRanks)");
    if (device == "cuda") e.device = own_gpu(*e.backend, joined_rank_here());
  }
  if (o.has("devices")) {
    const Napi::Array devices = o.array("devices");
    for (uint32_t i = 0; i < devices.Length(); i++) {
      const Napi::Value index = devices[i];
      const double number = index.IsNumber() ? index.As<Napi::Number>().DoubleValue() : -1;
      if (!(number >= 0 && number < 4096)) type_error(value.Env(), o.at("devices") + " must be an array of numbers of devices");
      e.devices.push_back((int)number);
    }
    if (e.processes && e.devices.size() > 1) type_error(value.Env(), "createEngine: ranks are processes, or devices of one process: options.processes and options.devices don't go together");
    if (e.devices.size() == 1) e.device = e.devices[0];
  }
  e.model = parse_shape(o.object("model"));
  if (o.has("training")) e.training = parse_training(o.object("training"));
  e.memory = parse_memory(value.Env(), o.object("memory"));
  if (device == "cuda" && e.memory.offload == Offload::file)
    type_error(value.Env(), "createEngine: options.memory.offload.to is \"file\", but layer inputs of a CUDA device wait in the host's memory: expected \"host\"");
  return e;
}

Batch parse_batch(Napi::Value value, const char *operation) {
  const Options o(value, std::string(operation) + ": batch");
  Batch b;
  b.ids = typed_array<int32_t>(o.get("ids"), o.at("ids"));
  b.positions = typed_array<int32_t>(o.get("positions"), o.at("positions"));
  b.starts = typed_array<int32_t>(o.get("starts"), o.at("starts"));
  b.targets = optional_typed_array<int32_t>(o.get("targets"), o.at("targets"));
  b.weights = optional_typed_array<float>(o.get("weights"), o.at("weights"));
  return b;
}

AdamWOptions parse_adamw(Napi::Value value) {
  const Options o(value, "step: hyper");
  AdamWOptions a;
  a.lr = (float)o.number("lr");
  a.beta1 = (float)o.number("beta1");
  a.beta2 = (float)o.number("beta2");
  a.eps = (float)o.number("eps");
  a.weight_decay = (float)o.number("weightDecay");
  a.clip_norm = o.number("clipNorm");
  a.step = o.integer("step");
  a.lora_plus_ratio = (float)o.number("loraPlusRatio");
  return a;
}

Slot parse_slot(Napi::Value value, const char *operation) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (name == "value") return Slot::value;
  if (name == "adam_m") return Slot::adam_m;
  if (name == "adam_v") return Slot::adam_v;
  if (name == "merged") return Slot::merged;
  if (name == "gradient") return Slot::gradient;
  type_error(value.Env(), std::string(operation) + ": slot must be value, adam_m, adam_v, merged or gradient");
}

std::vector<TensorSource> parse_sources(Napi::Value value) {
  if (!value.IsArray()) type_error(value.Env(), "load: sources must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<TensorSource> sources;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Options o(array[i], element("load", "sources", i));
    TensorSource s;
    s.name = o.string("name");
    s.file = o.string("file");
    s.offset = o.integer("offset");
    s.dtype = parse_dtype(value.Env(), o.string("dtype"), o.at("dtype"));
    const Napi::Array shape = o.array("shape");
    for (uint32_t d = 0; d < shape.Length(); d++) {
      const Napi::Value size = shape[d];
      if (!size.IsNumber()) type_error(value.Env(), o.at("shape") + " must be an array of numbers");
      s.shape.push_back(size.As<Napi::Number>().Int64Value());
    }
    sources.push_back(std::move(s));
  }
  return sources;
}

std::vector<TensorSink> parse_sinks(Napi::Value value) {
  if (!value.IsArray()) type_error(value.Env(), "save: sinks must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<TensorSink> sinks;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Options o(array[i], element("save", "sinks", i));
    sinks.push_back({o.string("name"), parse_slot(o.get("slot"), "save"), parse_dtype(value.Env(), o.string("dtype"), o.at("dtype"))});
  }
  return sinks;
}

} // namespace ctx
