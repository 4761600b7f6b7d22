// harness.cc: see harness.h.
#include "harness.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

Matrix::Matrix(std::mt19937 &random, int64_t rows, int64_t cols, int64_t pad, float scale)
    : rows(rows), cols(cols), ld(cols + pad), data(random_floats(random, rows > 0 ? (rows - 1) * ld + cols : 0, -scale, scale)) {}

std::vector<float> random_floats(std::mt19937 &random, int64_t n, float low, float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> x(n);
  for (auto &v : x) v = uniform(random);
  return x;
}

std::vector<int32_t> random_ids(std::mt19937 &random, int64_t n, int32_t low, int32_t high) {
  std::uniform_int_distribution<int32_t> uniform(low, high - 1);
  std::vector<int32_t> x(n);
  for (auto &v : x) v = uniform(random);
  return x;
}

void append(Reference &to, const Reference &from) { to.insert(to.end(), from.begin(), from.end()); }

std::string format(const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return text;
}

void Harness::report(const std::string &name, const std::string &failure) {
  cases_++;
  if (failure.empty()) return;
  failures_++;
  std::printf("FAIL %s: %s: %s\n", backend->name, name.c_str(), failure.c_str());
}

void Harness::ok(ctx_device *device, ctx_status status) {
  if (status != CTX_OK) error_ = format("status %d: %s", status, backend->last_error(device));
}

void Harness::expect(const std::string &name, double tolerance, const Reference &reference,
                     const std::function<void(ctx_device *, Output &)> &run) {
  if (!wanted(name)) return;
  std::vector<float> first;
  // A GPU, or its stand-in, must give the same bits twice.
  const bool cpu = !std::strncmp(backend->name, "cpu", 3);
  for (int threads : cpu ? std::vector<int>{1, 2, 4} : std::vector<int>{1, 1}) {
    ctx_device *device = nullptr;
    error_.clear();
    if (backend->create(0, threads, &device) != CTX_OK) return report(name, backend->last_error(nullptr));
    Output output;
    run(device, output);
    backend->destroy(device);
    if (!error_.empty()) return report(name, error_);
    const auto &x = output.values();
    if (x.size() != reference.size()) return report(name, format("%zu values, reference has %zu", x.size(), reference.size()));
    if (first.empty()) first = x;
    else if (std::memcmp(first.data(), x.data(), x.size() * sizeof(float))) return report(name, cpu ? format("%d threads give other bits than 1", threads) : "another run gives other bits");
    for (size_t i = 0; i < x.size(); i++) {
      const double r = reference[i];
      const bool pass = std::isfinite(r) ? std::abs(x[i] - r) <= tolerance * (1 + std::abs(r)) : std::isnan(r) ? std::isnan(x[i]) : x[i] == r;
      if (!pass) return report(name, format("value %zu is %.9g, reference %.9g", i, x[i], r));
    }
  }
  report(name, "");
}

void Harness::expect_status(const std::string &name, ctx_status status, const std::string &words,
                            const std::function<ctx_status(ctx_device *)> &call) {
  if (!wanted(name)) return;
  ctx_device *device = nullptr;
  if (backend->create(0, 2, &device) != CTX_OK) return report(name, backend->last_error(nullptr));
  const ctx_status got = call(device);
  const std::string message = backend->last_error(device);
  backend->destroy(device);
  if (got != status) return report(name, format("status %d, expected %d", got, status));
  report(name, message.find(words) != std::string::npos ? "" : "message is: " + message);
}
