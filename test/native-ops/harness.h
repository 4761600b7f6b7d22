// harness.h: runs operations of one backend against float64 references.
//
// A case fills buffers, calls operations and returns every number they wrote. The harness runs it with 1, 2 and 4 threads (a GPU:
// twice), demands the same bits from all, and compares them with the reference. Buffers are exactly as long as the view needs and
// rows have padding that must survive, so an access outside the view fails the comparison or AddressSanitizer.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ctx_backend.h"

using Reference = std::vector<double>;

// A row-major fp32 matrix with `pad` extra floats between rows, filled with random numbers in [-1, 1).
struct Matrix {
  int64_t rows, cols, ld;
  std::vector<float> data;

  Matrix(std::mt19937 &random, int64_t rows, int64_t cols, int64_t pad = 0, float scale = 1.0f);
  ctx_mat view() { return {data.data(), rows, cols, ld, CTX_F32}; }
  double at(int64_t i, int64_t j) const { return data[i * ld + j]; }
  int64_t index(int64_t i, int64_t j) const { return i * ld + j; }
  Reference reference() const { return {data.begin(), data.end()}; }
};

std::vector<float> random_floats(std::mt19937 &random, int64_t n, float low = -1, float high = 1);
std::vector<int32_t> random_ids(std::mt19937 &random, int64_t n, int32_t low, int32_t high); // [low, high)

// What a case wrote, in the order of its reference.
class Output {
public:
  void add(const std::vector<float> &x) { values_.insert(values_.end(), x.begin(), x.end()); }
  void add(float x) { values_.push_back(x); }
  const std::vector<float> &values() const { return values_; }

private:
  std::vector<float> values_;
};

void append(Reference &to, const Reference &from);

class Harness {
public:
  Harness(const ctx_backend *backend, std::string filter) : backend(backend), filter_(std::move(filter)) {}

  // `run` gets a fresh device each time and must start from the same inputs each time.
  // A value passes if |x - reference| <= tolerance * (1 + |reference|), or both are NaN, or both the same infinity.
  void expect(const std::string &name, double tolerance, const Reference &reference,
              const std::function<void(ctx_device *, Output &)> &run);

  // The call must return `status` and leave a message that contains `words`.
  void expect_status(const std::string &name, ctx_status status, const std::string &words,
                     const std::function<ctx_status(ctx_device *)> &call);

  // Inside a case: an operation that must succeed.
  void ok(ctx_device *device, ctx_status status);

  int failures() const { return failures_; }
  int cases() const { return cases_; }

  const ctx_backend *const backend;

private:
  bool wanted(const std::string &name) const { return name.find(filter_) != std::string::npos; }
  void report(const std::string &name, const std::string &failure);

  std::string filter_, error_;
  int failures_ = 0, cases_ = 0;
};

std::string format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// One function per file of this folder.
void test_gemm(Harness &);
void test_movement(Harness &);
void test_elementwise(Harness &);
void test_norm_and_rope(Harness &);
void test_embedding_and_loss(Harness &);
void test_bf16(Harness &);
void test_errors(Harness &);
