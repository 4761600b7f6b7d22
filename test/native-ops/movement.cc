// movement.cc: zero, add, scale, add_row, sum_rows, and copy with every pair of dtypes. Conversions are compared with rounding done in float64.
#include <algorithm>
#include <array>

#include "harness.h"

namespace {

// The value of a bf16 (8 exponent bits, 7 fraction bits) or fp16 (5, 10), decoded from its fields.
double decode(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1), fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

double decode(uint16_t bits, ctx_dtype type) { return type == CTX_BF16 ? decode(bits, 8, 7) : decode(bits, 5, 10); }

// Nearest value of the format, ties to even, by float64 arithmetic.
double round_to(double x, ctx_dtype type) {
  if (type == CTX_F32) return float(x);
  if (!std::isfinite(x) || x == 0) return x;
  const int fraction_bits = type == CTX_BF16 ? 7 : 10, lowest = type == CTX_BF16 ? -126 : -14, highest = type == CTX_BF16 ? 127 : 15;
  const double step = std::ldexp(1.0, std::max(std::ilogb(x), lowest) - fraction_bits);
  const double y = std::nearbyint(x / step) * step;
  return std::abs(y) >= std::ldexp(1.0, highest + 1) ? std::copysign(INFINITY, x) : y;
}

std::vector<float> hard_cases(std::mt19937 &random) {
  std::vector<float> x = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 65504.0f, 65519.99f, 65520.0f, -65536.0f, 3.3895314e38f, 3.3961776e38f,
                          0x1p-14f, 0x1p-24f, 0x1.8p-25f, 0x1p-25f, 0x1p-26f, 0x1.fffp-15f, 0x1p-126f, 0x1p-133f, 0x1p-140f, 1.00390625f, 1.01171875f, 1.00048828125f, 1.00146484375f};
  for (int e = -150; e < 128; e++)
    for (float v : random_floats(random, 6)) x.push_back(std::ldexp(v, e));
  return x;
}

const char *name_of(ctx_dtype t) { return t == CTX_F32 ? "f32" : t == CTX_BF16 ? "bf16" : "f16"; }

void check_bias(Harness &h) {
  for (auto [rows, cols, pad] : {std::array<int64_t, 3>{1, 1, 0}, {5, 7, 3}, {129, 33, 1}, {300, 64, 0}, {9000, 20, 4}}) {
    std::mt19937 random(11);
    const Matrix x(random, rows, cols, pad);
    const auto row = random_floats(random, cols), sum = random_floats(random, cols);
    Reference added = x.reference(), sums(sum.begin(), sum.end());
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) {
        added[x.index(i, j)] += row[j];
        sums[j] += x.at(i, j);
      }
    h.expect(format("add_row %lld x %lld", (long long)rows, (long long)cols), 1e-6, added, [&](ctx_device *device, Output &out) {
      Matrix y = x;
      h.ok(device, h.backend->add_row(device, y.view(), row.data()));
      out.add(y.data);
    });
    h.expect(format("sum_rows %lld x %lld", (long long)rows, (long long)cols), 1e-4, sums, [&](ctx_device *device, Output &out) {
      Matrix y = x;
      std::vector<float> s = sum;
      h.ok(device, h.backend->sum_rows(device, s.data(), y.view()));
      out.add(s);
    });
  }
  // bf16: whole numbers up to 256 and their sums are exact, so rounding has no part in it.
  const int64_t rows = 200, cols = 13;
  std::mt19937 random(12);
  std::vector<float> whole(rows * cols), row(cols, 3.0f);
  for (float &v : whole) v = float(int(random() % 100));
  Reference added, sums(cols, 0.0);
  for (int64_t i = 0; i < rows * cols; i++) added.push_back(whole[i] + 3.0), sums[i % cols] += whole[i];
  append(added, sums);
  h.expect("add_row and sum_rows in bf16", 0, added, [&](ctx_device *device, Output &out) {
    std::vector<float> x = whole, y(rows * cols), s(cols, 0.0f);
    std::vector<uint16_t> half(rows * cols);
    const ctx_mat narrow = {half.data(), rows, cols, cols, CTX_BF16};
    h.ok(device, h.backend->copy(device, narrow, {x.data(), rows, cols, cols, CTX_F32}));
    h.ok(device, h.backend->sum_rows(device, s.data(), narrow));
    h.ok(device, h.backend->add_row(device, narrow, row.data()));
    h.ok(device, h.backend->copy(device, {y.data(), rows, cols, cols, CTX_F32}, narrow));
    out.add(y);
    out.add(s);
  });
}

void check_conversions(Harness &h) {
  std::mt19937 random(5);
  const auto source = hard_cases(random);
  const int64_t n = int64_t(source.size());
  for (ctx_dtype type : {CTX_BF16, CTX_F16}) {
    Reference rounded;
    for (float x : source) rounded.push_back(round_to(x, type));
    h.expect(format("copy f32 to %s and back", name_of(type)), 0, rounded, [&](ctx_device *device, Output &out) {
      std::vector<float> x = source, y(n);
      std::vector<uint16_t> half(n);
      h.ok(device, h.backend->copy(device, {half.data(), 1, n, n, type}, {x.data(), 1, n, n, CTX_F32}));
      h.ok(device, h.backend->copy(device, {y.data(), 1, n, n, CTX_F32}, {half.data(), 1, n, n, type}));
      out.add(y);
    });
    // Every one of the 65536 bit patterns to fp32, and to the other format.
    std::vector<uint16_t> all(65536);
    Reference values, others;
    const ctx_dtype other = type == CTX_BF16 ? CTX_F16 : CTX_BF16;
    for (int i = 0; i < 65536; i++) {
      all[i] = uint16_t(i);
      values.push_back(decode(all[i], type));
      others.push_back(round_to(values.back(), other));
    }
    h.expect(format("copy every %s to f32", name_of(type)), 0, values, [&](ctx_device *device, Output &out) {
      std::vector<float> y(65536);
      h.ok(device, h.backend->copy(device, {y.data(), 256, 256, 256, CTX_F32}, {all.data(), 256, 256, 256, type}));
      out.add(y);
    });
    h.expect(format("copy every %s to %s", name_of(type), name_of(other)), 0, others, [&](ctx_device *device, Output &out) {
      std::vector<uint16_t> y(65536);
      h.ok(device, h.backend->copy(device, {y.data(), 1, 65536, 65536, other}, {all.data(), 1, 65536, 65536, type}));
      for (uint16_t v : y) out.add(float(decode(v, other)));
    });
  }
}

} // namespace

void test_movement(Harness &h) {
  check_conversions(h);
  check_bias(h);
  std::mt19937 random(6);
  for (auto [rows, cols, pad] : {std::array<int64_t, 3>{1, 1, 0}, {3, 7, 2}, {5, 64, 0}, {2, 40000, 0}, {2, 40000, 1}, {700, 65, 3}}) {
    const Matrix y0(random, rows, cols, pad);
    Matrix x(random, rows, cols, 2 * pad);
    Reference zeroed = y0.reference(), copied = zeroed, added = zeroed, summed = zeroed, scaled = zeroed;
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) {
        const int64_t at = y0.index(i, j);
        zeroed[at] = 0;
        copied[at] = x.at(i, j);
        added[at] += -0.75 * x.at(i, j);
        summed[at] = float(y0.at(i, j)) + float(x.at(i, j));
        scaled[at] *= 1.25;
      }
    const auto shape = format("%lldx%lld pad %lld", (long long)rows, (long long)cols, (long long)pad);
    const auto in_place = [&](const char *name, double tolerance, const Reference &reference, auto call) {
      h.expect(format("%s %s", name, shape.c_str()), tolerance, reference, [&](ctx_device *device, Output &out) {
        Matrix y = y0;
        h.ok(device, call(device, y.view()));
        out.add(y.data);
      });
    };
    in_place("zero", 0, zeroed, [&](ctx_device *d, ctx_mat y) { return h.backend->zero(d, y); });
    in_place("copy", 0, copied, [&](ctx_device *d, ctx_mat y) { return h.backend->copy(d, y, x.view()); });
    in_place("add", 1e-7, added, [&](ctx_device *d, ctx_mat y) { return h.backend->add(d, y, -0.75f, x.view()); });
    if (pad == 0)
      for (const ctx_queue queue : {CTX_OPERATIONS, CTX_INCOMING})
        in_place("add_on", 0, summed, [&](ctx_device *d, ctx_mat y) {
          const ctx_status status = h.backend->add_on(d, queue, static_cast<float *>(y.data), static_cast<const float *>(x.view().data), rows * cols);
          return status == CTX_OK ? h.backend->synchronize(d) : status;
        });
    in_place("scale", 1e-7, scaled, [&](ctx_device *d, ctx_mat y) { return h.backend->scale(d, y, 1.25f); });
  }
}
