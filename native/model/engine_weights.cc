// engine_weights.cc: how weights come into an engine and leave it: seeds, files, arrays.
#include <atomic>
#include <cmath>
#include <system_error>
#include <thread>

#include "engine_rank.h"
#include "initialize.h"

namespace ctx {
namespace {

constexpr int64_t block = 1 << 16; // numbers that one thread makes at a time; even

// A whole parameter's numbers, each thread taking the next block. Threads that cannot be started are done without.
std::vector<float> made(int threads, int64_t size, const std::function<void(float *, int64_t, int64_t)> &make) {
  std::vector<float> numbers((size_t)size);
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t first; (first = next.fetch_add(block)) < size;) make(numbers.data() + first, first, std::min(block, size - first));
  };
  std::vector<std::thread> helpers;
  helpers.reserve((size_t)threads);
  try {
    for (int t = 1; t < threads && t * block < size; t++) helpers.emplace_back(work);
  } catch (const std::system_error &) {
  }
  work();
  for (std::thread &helper : helpers) helper.join();
  return numbers;
}

constexpr FileDtype file_dtype(ctx_dtype dtype) { return dtype == CTX_F32 ? FileDtype::f32 : FileDtype::bf16; }

bool bf16_holds(const float *numbers, int64_t count) {
  uint32_t lost = 0; // without a branch inside, so that it is computed many at a time
  for (int64_t i = 0; i < count; i++) lost |= __builtin_bit_cast(uint32_t, numbers[i]) & 0xffff;
  return lost == 0;
}

std::string shape_text(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::vector<int64_t> shape_of(const Parameter &p) {
  return p.is_vector() ? std::vector<int64_t>{p.cols} : std::vector<int64_t>{p.rows, p.cols};
}

} // namespace

void Engine::initialize(uint64_t seed, double std) {
  if (!(std >= 0) || !std::isfinite(std)) fail(CTX_ERR_ARGUMENT, "initialize: std is %g, expected 0 or more", std);
  if (crew_) crew_->tell(Order::initialize, Message().put(seed).put(std));
  for (size_t i = 0; i < parameters_.all.size(); i++) {
    const Parameter &p = parameters_.all[i];
    if (p.is_adapter()) continue;
    store(p, Slot::value, 0, made(options_.threads, p.size(), [&](float *out, int64_t first, int64_t count) {
                 if (p.is_vector()) std::fill(out, out + count, p.kind == Parameter::norm ? 1.0f : 0.0f);
                 else fill_normal(out, first, count, seed, i, std);
               }).data(), p.size());
    origins_[i] = {};
  }
  initialize_adapters();
  if (crew_) crew_->done();
}

void Engine::initialize_adapters() {
  if (!options_.training.lora) return;
  for (size_t i = 0; i < parameters_.all.size(); i++) {
    const Parameter &p = parameters_.all[i];
    if (!p.is_adapter()) continue;
    store(p, Slot::value, 0, made(options_.threads, p.size(), [&](float *out, int64_t first, int64_t count) {
                 if (p.kind == Parameter::lora_b) std::fill(out, out + count, 0.0f);
                 else fill_uniform(out, first, count, options_.training.lora->seed, i, 1 / std::sqrt((double)p.cols));
               }).data(), p.size());
  }
}

// Numbers [first, first + count) of a parameter to where products read them, those that this process holds, rounded where they are held so.
void Engine::put_values(const Parameter &p, int64_t first, const float *numbers, int64_t count) {
  const Overlap held = overlap(p, Slot::value, own_share());
  const int64_t begin = std::max(first, held.first), end = std::min(first + count, held.first + held.count);
  if (begin >= end) return;
  numbers += begin - first, count = end - begin;
  char *const place = reinterpret_cast<char *>(arena_) + held.at + (begin - held.first) * size_of(p.dtype);
  if (p.dtype == CTX_F32) return ops().upload(place, numbers, (size_t)count * sizeof(float));
  std::vector<uint8_t> bytes((size_t)(count * size_of(p.dtype)));
  from_f32(bytes.data(), numbers, count, file_dtype(p.dtype));
  ops().upload(place, bytes.data(), bytes.size());
}

// What this process holds of a parameter where products read it.
void Engine::get_values(const Overlap &held, float *numbers) {
  const ctx_dtype dtype = held.parameter->dtype;
  const char *const place = reinterpret_cast<const char *>(arena_) + held.at;
  if (dtype == CTX_F32) return ops().download(numbers, place, (size_t)held.count * sizeof(float));
  std::vector<uint8_t> bytes((size_t)(held.count * size_of(dtype)));
  ops().download(bytes.data(), place, bytes.size());
  to_f32(numbers, bytes.data(), held.count, file_dtype(dtype));
}

// A parameter that is held rounded comes from its file again, if that holds more.
bool Engine::read_origin(const Parameter &p, float *numbers) {
  const TensorSource &origin = origins_[(size_t)index_of(p)];
  if (origin.file.empty()) return false;
  TensorReader reader;
  reader.read(origin, p.size(), [&](int64_t first, const float *read, int64_t count) { std::copy(read, read + count, numbers + first); });
  return true;
}

const Parameter &Engine::named(const char *operation, const std::string &name) const {
  const Parameter *p = parameters_.find(name);
  if (!p) fail(CTX_ERR_ARGUMENT, "%s: the model has no parameter %s", operation, name.c_str());
  return *p;
}

bool Engine::holds(const Parameter &p, Slot slot) const {
  if (slot == Slot::value) return true;
  return slot != Slot::merged && options_.memory.train && p.trainable;
}

void Engine::load(const std::vector<TensorSource> &sources, Slot slot, bool partial) {
  if (slot != Slot::value && slot != Slot::adam_m && slot != Slot::adam_v) fail(CTX_ERR_ARGUMENT, "load: only value, adam_m and adam_v can be loaded");
  std::vector<bool> seen(parameters_.all.size(), false);
  for (const TensorSource &source : sources) {
    const Parameter *p = parameters_.find(source.name);
    if (!p) fail(CTX_ERR_ARGUMENT, "load: %s: the model has no parameter %s", source.file.c_str(), source.name.c_str());
    if (source.shape != shape_of(*p))
      fail(CTX_ERR_ARGUMENT, "load: %s: tensor %s has shape %s, the model expects %s", source.file.c_str(), source.name.c_str(),
           shape_text(source.shape).c_str(), shape_text(shape_of(*p)).c_str());
    if (!holds(*p, slot)) fail(CTX_ERR_ARGUMENT, "load: parameter %s is not trained, it has no optimizer state", source.name.c_str());
    seen[(size_t)index_of(*p)] = true;
  }
  for (size_t i = 0; i < parameters_.all.size() && !partial; i++) {
    const Parameter &p = parameters_.all[i];
    const bool needed = slot == Slot::value ? !p.is_adapter() : p.trainable;
    if (needed && !seen[i]) fail(CTX_ERR_ARGUMENT, "load: parameter %s %s is missing", p.name.c_str(), shape_text(shape_of(p)).c_str());
  }
  if (crew_) {
    std::vector<int32_t> order;
    for (const TensorSource &source : sources) order.push_back(index_of(*parameters_.find(source.name)));
    crew_->tell(Order::load, Message().put(slot).put(order));
  }
  TensorReader reader;
  for (const TensorSource &source : sources) {
    const Parameter &p = *parameters_.find(source.name);
    bool whole = true; // as the arena holds it
    if (slot == Slot::value) origins_[(size_t)index_of(p)] = {};
    reader.read(source, p.size(), [&](int64_t first, const float *numbers, int64_t count) {
      check_cancelled();
      if (p.dtype == CTX_BF16 && !parameters_.mastered(p)) whole = whole && bf16_holds(numbers, count);
      if (crew_) { // the files are read once, and by one rank alone: the others need not see them
        crew_->processes.broadcast(&count, sizeof count);
        crew_->processes.broadcast(const_cast<float *>(numbers), (size_t)count * sizeof(float));
      }
      store(p, slot, first, numbers, count);
    });
    if (!whole) origins_[(size_t)index_of(p)] = source;
  }
  if (crew_) crew_->done();
}

// W + alpha / rank * B A, in host memory. All three come from where they lie, which for divided weights is on all ranks.
std::vector<float> Engine::merged(const Parameter &p) {
  std::vector<float> host((size_t)p.size());
  const std::string stem = p.name.substr(0, p.name.size() - std::string("weight").size());
  const Parameter *a = parameters_.find(stem + "lora_A.weight"), *b = parameters_.find(stem + "lora_B.weight");
  fetch(p, Slot::value, host.data());
  if (p.kind != Parameter::matrix || !a || !b) return host;
  std::vector<float> left((size_t)b->size()), right((size_t)a->size());
  fetch(*b, Slot::value, left.data());
  fetch(*a, Slot::value, right.data());
  const size_t bytes = (host.size() + left.size() + right.size()) * sizeof(float);
  float *const memory = static_cast<float *>(ops().alloc(bytes));
  try {
    const ctx_mat sum = matrix(memory, p.rows, p.cols), up = matrix(memory + p.size(), b->rows, b->cols), down = matrix(floats(up) + b->size(), a->rows, a->cols);
    for (const auto &[to, from] : {std::pair(sum, &host), std::pair(up, &left), std::pair(down, &right)}) ops().upload(to.data, from->data(), from->size() * sizeof(float));
    ops().matmul(sum, up, down, options_.training.lora->scaling(), 1);
    ops().download(host.data(), floats(sum), host.size() * sizeof(float));
  } catch (...) {
    ops().table->release(ops().device, memory, bytes);
    throw;
  }
  ops().table->release(ops().device, memory, bytes);
  return host;
}

std::vector<float> Engine::read(const std::string &name, Slot slot) {
  const Parameter &p = named("read", name);
  if (slot == Slot::merged) return merged(p);
  if (!holds(p, slot)) fail(CTX_ERR_ARGUMENT, "read: parameter %s is not trained, it has neither gradient nor optimizer state", name.c_str());
  if (slot == Slot::gradient) need_alone("read: gradients");
  std::vector<float> data((size_t)p.size());
  fetch(p, slot, data.data());
  return data;
}

void Engine::write(const std::string &name, const std::vector<float> &data) {
  const Parameter &p = named("write", name);
  if ((int64_t)data.size() != p.size())
    fail(CTX_ERR_ARGUMENT, "write: parameter %s %s has %lld numbers, got %zu", name.c_str(), shape_text(shape_of(p)).c_str(), (long long)p.size(), data.size());
  if (crew_) crew_->tell(Order::write, Message().put(index_of(p)).put(data));
  store(p, Slot::value, 0, data.data(), p.size());
  origins_[(size_t)index_of(p)] = {};
  if (crew_) crew_->done();
}

void Engine::save(const std::string &path, const std::vector<uint8_t> &header, const std::vector<TensorSink> &sinks) {
  for (const TensorSink &sink : sinks) { // before anything is written
    const Parameter &p = named("save", sink.name);
    if (sink.slot == Slot::gradient) fail(CTX_ERR_ARGUMENT, "save: gradients are not saved");
    if (sink.slot != Slot::merged && !holds(p, sink.slot))
      fail(CTX_ERR_ARGUMENT, "save: parameter %s is not trained, it has no optimizer state", sink.name.c_str());
  }
  AtomicFile file(path);
  file.write(header.data(), header.size());
  constexpr int64_t piece = 1 << 20;
  std::vector<uint8_t> bytes;
  for (const TensorSink &sink : sinks) {
    const std::vector<float> data = read(sink.name, sink.slot);
    const int64_t size = (int64_t)data.size(), width = dtype_bytes(sink.dtype);
    if (const int64_t bad = first_beyond(data.data(), size, sink.dtype); bad >= 0) // a file with NaN would be of no use, and hide the one before
      fail(CTX_ERR_ARGUMENT, "save: number %lld of %lld of %s is %g, which %s cannot hold", (long long)(bad + 1), (long long)size, sink.name.c_str(),
           (double)data[(size_t)bad], dtype_name(sink.dtype));
    bytes.resize((size_t)(std::min(size, piece) * width));
    for (int64_t from = 0; from < size; from += piece) {
      check_cancelled();
      const int64_t count = std::min(piece, size - from);
      from_f32(bytes.data(), data.data() + from, count, sink.dtype);
      file.write(bytes.data(), (size_t)(count * width));
    }
  }
  file.commit();
}

} // namespace ctx
