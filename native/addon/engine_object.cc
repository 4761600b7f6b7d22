#include "engine_object.h"

#include <system_error>

#include "engine_options.h"

namespace ctx {
namespace {

// What the environment remembers; a Worker has its own.
struct EnvironmentData {
  Napi::FunctionReference engine;
};

Napi::Value score_value(Napi::Env env, Score &score) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("nll", to_typed_array(env, std::move(score.nll)));
  value.Set("correct", to_typed_array(env, std::move(score.correct)));
  return value;
}

std::string text(Napi::Value value, const char *what) {
  if (!value.IsString()) type_error(value.Env(), std::string(what) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

int64_t whole(Napi::Value value, const char *what) {
  const double x = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.5;
  if (!(x >= -9007199254740991.0 && x <= 9007199254740991.0) || x != (double)(int64_t)x)
    type_error(value.Env(), std::string(what) + " must be a whole number");
  return (int64_t)x;
}

double real(Napi::Value value, const char *what) {
  if (!value.IsNumber()) type_error(value.Env(), std::string(what) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

} // namespace

void EngineObject::define(Napi::Env env) {
  auto *data = new EnvironmentData;
  data->engine = Napi::Persistent(DefineClass(env, "NativeEngine",
      {InstanceMethod("setRope", &EngineObject::set_rope), InstanceMethod("initialize", &EngineObject::initialize),
       InstanceMethod("load", &EngineObject::load), InstanceMethod("save", &EngineObject::save),
       InstanceMethod("accumulate", &EngineObject::accumulate), InstanceMethod("accumulateAll", &EngineObject::accumulate_all),
       InstanceMethod("follow", &EngineObject::follow), InstanceMethod("step", &EngineObject::step),
       InstanceMethod("zeroGradients", &EngineObject::zero_gradients), InstanceMethod("score", &EngineObject::score),
       InstanceMethod("logits", &EngineObject::logits), InstanceMethod("generate", &EngineObject::generate),
       InstanceMethod("parameters", &EngineObject::parameters), InstanceMethod("read", &EngineObject::read),
       InstanceMethod("write", &EngineObject::write), InstanceMethod("memory", &EngineObject::memory), InstanceMethod("way", &EngineObject::way),
       InstanceMethod("cancel", &EngineObject::cancel), InstanceMethod("close", &EngineObject::close)}));
  env.SetInstanceData(data);
}

Napi::Value EngineObject::create(const Napi::CallbackInfo &info) {
  return info.Env().GetInstanceData<EnvironmentData>()->engine.New({info[0]});
}

EngineObject::EngineObject(const Napi::CallbackInfo &info) : Napi::ObjectWrap<EngineObject>(info) {
  try {
    EngineOptions options = parse_engine_options(info[0]);
    jobs_ = std::make_unique<JobThread>(info.Env());
    options.cancelled = &jobs_->cancelled();
    engine_ = std::make_unique<Engine>(options);
    engine_->initialize_adapters();
  } catch (const Failure &failure) {
    throw Napi::Error::New(info.Env(), std::string("createEngine: ") + failure.what());
  } catch (const std::bad_alloc &) {
    throw Napi::Error::New(info.Env(), "createEngine: out of memory");
  } catch (const std::system_error &error) {
    throw Napi::Error::New(info.Env(), std::string("createEngine: cannot start a thread: ") + error.what());
  }
  memory_ = engine_->memory();
  vocab_ = engine_->shape().vocab;
  half_ = engine_->shape().head_dim / 2;
}

EngineObject::~EngineObject() {
  jobs_.reset(); // before the engine that its thread uses
}

Napi::Value EngineObject::submit(const Napi::CallbackInfo &info, const char *operation, std::function<void(Engine &)> work, JobThread::Result result) {
  const Napi::Env env = info.Env();
  if (closed_) {
    const auto rejected = Napi::Promise::Deferred::New(env);
    rejected.Reject(Napi::Error::New(env, std::string(operation) + ": the engine is closed").Value());
    return rejected.Promise();
  }
  const auto job = [this, rope = rope_, work = std::move(work)] {
    if (rope && rope != applied_rope_) {
      engine_->set_rope(rope->inv_freq, rope->attention_factor);
      applied_rope_ = rope;
    }
    work(*engine_);
  };
  return jobs_->run(env, Value(), job, std::move(result));
}

void EngineObject::set_rope(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  std::vector<double> inv_freq = typed_array<double>(info[0], "setRope: invFreq");
  const double factor = real(info[1], "setRope: attentionFactor");
  if ((int64_t)inv_freq.size() != half_)
    type_error(env, "setRope: invFreq has " + std::to_string(inv_freq.size()) + " entries, expected headDim / 2 = " + std::to_string(half_));
  rope_ = std::make_shared<const Rope>(Rope{std::move(inv_freq), factor});
}

Napi::Value EngineObject::initialize(const Napi::CallbackInfo &info) {
  const int64_t seed = whole(info[0], "initialize: seed");
  const double std = real(info[1], "initialize: std");
  return submit(info, "initialize", [=](Engine &engine) { engine.initialize((uint64_t)seed, std); });
}

Napi::Value EngineObject::load(const Napi::CallbackInfo &info) {
  auto sources = parse_sources(info[0]);
  const Slot slot = parse_slot(info[1], "load");
  const bool partial = info[2].ToBoolean();
  return submit(info, "load", [sources = std::move(sources), slot, partial](Engine &engine) { engine.load(sources, slot, partial); });
}

Napi::Value EngineObject::save(const Napi::CallbackInfo &info) {
  auto path = text(info[0], "save: path");
  auto header = typed_array<uint8_t>(info[1], "save: header");
  auto sinks = parse_sinks(info[2]);
  return submit(info, "save", [path = std::move(path), header = std::move(header), sinks = std::move(sinks)](Engine &engine) {
    engine.save(path, header, sinks);
  });
}

Napi::Value EngineObject::accumulate(const Napi::CallbackInfo &info) {
  auto score = std::make_shared<Score>();
  return submit(info, "accumulate", [batch = parse_batch(info[0], "accumulate"), score](Engine &engine) { *score = engine.accumulate(batch); },
                [score](Napi::Env env) { return score_value(env, *score); });
}

Napi::Value EngineObject::accumulate_all(const Napi::CallbackInfo &info) {
  if (!info[0].IsArray()) type_error(info.Env(), "accumulateAll: batches must be an array");
  const Napi::Array list = info[0].As<Napi::Array>();
  std::vector<Batch> batches;
  for (uint32_t i = 0; i < list.Length(); i++) batches.push_back(parse_batch(list[i], "accumulateAll"));
  auto scores = std::make_shared<std::vector<Score>>();
  return submit(info, "accumulateAll", [batches = std::move(batches), scores](Engine &engine) { *scores = engine.accumulate(batches); },
                [scores](Napi::Env env) -> Napi::Value {
                  Napi::Array values = Napi::Array::New(env, scores->size());
                  for (uint32_t i = 0; i < scores->size(); i++) values.Set(i, score_value(env, (*scores)[i]));
                  return values;
                });
}

Napi::Value EngineObject::follow(const Napi::CallbackInfo &info) {
  return submit(info, "follow", [](Engine &engine) { engine.follow(); });
}

Napi::Value EngineObject::step(const Napi::CallbackInfo &info) {
  const AdamWOptions hyper = parse_adamw(info[0]);
  auto norm = std::make_shared<double>(0);
  return submit(info, "step", [=](Engine &engine) { *norm = engine.step(hyper); },
                [norm](Napi::Env env) -> Napi::Value {
                  Napi::Object value = Napi::Object::New(env);
                  value.Set("gradNorm", Napi::Number::New(env, *norm));
                  return value;
                });
}

Napi::Value EngineObject::zero_gradients(const Napi::CallbackInfo &info) {
  return submit(info, "zeroGradients", [](Engine &engine) { engine.zero_gradients(); });
}

Napi::Value EngineObject::score(const Napi::CallbackInfo &info) {
  auto score = std::make_shared<Score>();
  return submit(info, "score", [batch = parse_batch(info[0], "score"), score](Engine &engine) { *score = engine.score(batch); },
                [score](Napi::Env env) { return score_value(env, *score); });
}

Napi::Value EngineObject::logits(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Batch batch = parse_batch(info[0], "logits");
  const int64_t from = whole(info[1], "logits: from"), to = whole(info[2], "logits: to");
  const int64_t rows = from >= 0 && to >= from && to <= batch.tokens() ? to - from : 0; // the engine refuses the rest
  if (rows * vocab_ > (int64_t(1) << 30))
    throw Napi::RangeError::New(env, "logits: " + std::to_string(rows) + " rows of " + std::to_string(vocab_) + " logits are more than 4 GiB; ask for fewer rows");
  auto out = std::make_shared<std::vector<float>>((size_t)(rows * vocab_));
  return submit(info, "logits", [=, batch = std::move(batch)](Engine &engine) { engine.logits(batch, from, to, out->data()); },
                [out](Napi::Env env) { return to_typed_array(env, std::move(*out)); });
}

Napi::Value EngineObject::generate(const Napi::CallbackInfo &info) {
  auto ids = typed_array<int32_t>(info[0], "generate: ids");
  const int64_t max_new = whole(info[1], "generate: maxNewTokens");
  std::vector<int32_t> stop;
  if (!info[2].IsArray()) type_error(info.Env(), "generate: stop must be an array of token ids");
  const Napi::Array list = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) stop.push_back((int32_t)whole(list[i], "generate: stop"));
  auto made = std::make_shared<std::vector<int32_t>>();
  return submit(info, "generate", [=, ids = std::move(ids)](Engine &engine) { *made = engine.generate(ids, max_new, stop); },
                [made](Napi::Env env) { return to_typed_array(env, std::move(*made)); });
}

Napi::Value EngineObject::parameters(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (closed_) throw Napi::Error::New(env, "parameters: the engine is closed");
  Napi::Array list = Napi::Array::New(env);
  for (const Parameter &p : engine_->parameters().all) {
    Napi::Object value = Napi::Object::New(env);
    Napi::Array shape = Napi::Array::New(env);
    if (!p.is_vector()) shape.Set(shape.Length(), Napi::Number::New(env, (double)p.rows));
    shape.Set(shape.Length(), Napi::Number::New(env, (double)p.cols));
    value.Set("name", p.name);
    value.Set("shape", shape);
    value.Set("trainable", p.trainable);
    list.Set(list.Length(), value);
  }
  return list;
}

Napi::Value EngineObject::read(const Napi::CallbackInfo &info) {
  auto name = text(info[0], "read: name");
  const Slot slot = parse_slot(info[1], "read");
  auto data = std::make_shared<std::vector<float>>();
  return submit(info, "read", [=](Engine &engine) { *data = engine.read(name, slot); },
                [data](Napi::Env env) { return to_typed_array(env, std::move(*data)); });
}

Napi::Value EngineObject::write(const Napi::CallbackInfo &info) {
  auto name = text(info[0], "write: name");
  if (parse_slot(info[1], "write") != Slot::value) type_error(info.Env(), "write: only the slot \"value\" can be written");
  return submit(info, "write", [name, data = typed_array<float>(info[2], "write: data")](Engine &engine) { engine.write(name, data); });
}

Napi::Value EngineObject::memory(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Napi::Object value = Napi::Object::New(env);
  const auto set = [&](const char *term, int64_t bytes) { value.Set(term, Napi::Number::New(env, (double)bytes)); };
  set("weights", memory_.weights);
  set("gradients", memory_.gradients);
  set("optimizer", memory_.optimizer);
  set("activations", memory_.activations);
  set("checkpoints", memory_.checkpoints);
  set("logits", memory_.logits);
  set("workspace", memory_.workspace);
  set("kvCache", memory_.kv_cache);
  set("total", memory_.total());
  set("offloaded", memory_.offloaded);
  set("hostGradients", memory_.host_gradients);
  set("hostMoments", memory_.host_moments);
  set("scratch", closed_ ? 0 : engine_->scratch());
  return value;
}

Napi::Value EngineObject::way(const Napi::CallbackInfo &info) { return Napi::String::New(info.Env(), closed_ ? "" : engine_->way()); }

void EngineObject::cancel(const Napi::CallbackInfo &) {
  if (jobs_) jobs_->cancel();
}

// Jobs asked for before end first; then the memory is given back.
Napi::Value EngineObject::close(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (closed_) {
    const auto already = Napi::Promise::Deferred::New(env);
    already.Resolve(env.Undefined());
    return already.Promise();
  }
  rope_.reset();
  const Napi::Value done = submit(info, "close", [this](Engine &) { engine_.reset(); }, [this](Napi::Env env) {
    jobs_.reset(); // the last job is done: the thread goes now, not when this object is collected
    return env.Undefined();
  });
  closed_ = true;
  return done;
}

} // namespace ctx
