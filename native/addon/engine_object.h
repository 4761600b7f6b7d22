// engine_object.h: the JavaScript object behind NativeEngine (runtime/engine/addon.ts): every method is one job.
// defines: EngineObject
#pragma once
#include "../model/engine.h"
#include "job_thread.h"

namespace ctx {

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static void define(Napi::Env env);             // once per environment
  static Napi::Value create(const Napi::CallbackInfo &info); // createEngine(options)

  explicit EngineObject(const Napi::CallbackInfo &info);
  ~EngineObject() override;

 private:
  // Frequencies given by setRope; every job takes those of the moment it was asked for.
  struct Rope {
    std::vector<double> inv_freq;
    double attention_factor;
  };

  std::unique_ptr<Engine> engine_; // after the constructor only the job thread touches its contents
  std::unique_ptr<JobThread> jobs_;
  std::shared_ptr<const Rope> rope_, applied_rope_;
  bool closed_ = false;
  Ledger memory_;
  int64_t vocab_ = 0, half_ = 0;

  Napi::Value submit(const Napi::CallbackInfo &info, const char *operation, std::function<void(Engine &)> work, JobThread::Result result = {});

  void set_rope(const Napi::CallbackInfo &info);
  Napi::Value initialize(const Napi::CallbackInfo &info);
  Napi::Value load(const Napi::CallbackInfo &info);
  Napi::Value save(const Napi::CallbackInfo &info);
  Napi::Value accumulate(const Napi::CallbackInfo &info);
  Napi::Value accumulate_all(const Napi::CallbackInfo &info);
  Napi::Value follow(const Napi::CallbackInfo &info);
  Napi::Value step(const Napi::CallbackInfo &info);
  Napi::Value zero_gradients(const Napi::CallbackInfo &info);
  Napi::Value score(const Napi::CallbackInfo &info);
  Napi::Value logits(const Napi::CallbackInfo &info);
  Napi::Value generate(const Napi::CallbackInfo &info);
  Napi::Value parameters(const Napi::CallbackInfo &info);
  Napi::Value read(const Napi::CallbackInfo &info);
  Napi::Value write(const Napi::CallbackInfo &info);
  Napi::Value memory(const Napi::CallbackInfo &info);
  Napi::Value way(const Napi::CallbackInfo &info);
  void cancel(const Napi::CallbackInfo &info);
  Napi::Value close(const Napi::CallbackInfo &info);
};

} // namespace ctx
