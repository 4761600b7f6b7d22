// embedding_and_loss.cc: embedding lookup and scatter, cross-entropy with gradient and accuracy, against float64.
#include <array>

#include "harness.h"

namespace {

void check_embedding(Harness &h, int64_t tokens, int64_t vocab, int64_t hidden, int64_t pad) {
  std::mt19937 random(13);
  const Matrix table0(random, vocab, hidden, pad), y0(random, tokens, hidden, 2 * pad);
  const auto ids = random_ids(random, tokens, 0, int32_t(vocab)); // few rows, many tokens: repeated ids
  Reference y = y0.reference(), grad = table0.reference();
  for (int64_t i = 0; i < tokens; i++)
    for (int64_t j = 0; j < hidden; j++) {
      y[y0.index(i, j)] = table0.at(ids[i], j);
      grad[table0.index(ids[i], j)] += y0.at(i, j);
    }
  const auto shape = format("%lld tokens %lldx%lld pad %lld", (long long)tokens, (long long)vocab, (long long)hidden, (long long)pad);
  h.expect("embed_forward " + shape, 0, y, [&](ctx_device *device, Output &out) {
    Matrix table = table0, ym = y0;
    h.ok(device, h.backend->embed_forward(device, ym.view(), table.view(), ids.data()));
    out.add(ym.data);
  });
  h.expect("embed_backward " + shape, 2e-5, grad, [&](ctx_device *device, Output &out) {
    Matrix table = table0, dy = y0;
    h.ok(device, h.backend->embed_backward(device, table.view(), dy.view(), ids.data()));
    out.add(table.data);
  });
}

void check_cross_entropy(Harness &h, int64_t rows, int64_t vocab, int64_t pad, float range, float offset) {
  std::mt19937 random(14);
  Matrix z0(random, rows, vocab, pad, range);
  for (auto &v : z0.data) v += offset;
  auto targets = random_ids(random, rows, 0, int32_t(vocab));
  if (rows > 2) targets[1] = -100;
  if (rows > 3 && vocab > 4) { // a tie for the maximum: only the lowest index counts as correct
    z0.data[z0.index(2, 1)] = z0.data[z0.index(2, 4)] = z0.data[z0.index(3, 1)] = z0.data[z0.index(3, 4)] = range + offset + 1;
    targets[2] = 1;
    targets[3] = 4;
  }
  const auto weights = random_floats(random, rows, 0, 2);
  Reference nll(rows), correct(rows), grad = z0.reference();
  for (int64_t i = 0; i < rows; i++) {
    double max = -INFINITY, sum = 0;
    int64_t best = 0;
    for (int64_t j = 0; j < vocab; j++)
      if (z0.at(i, j) > max) max = z0.at(i, best = j);
    for (int64_t j = 0; j < vocab; j++) sum += std::exp(z0.at(i, j) - max);
    const bool skip = targets[i] < 0;
    nll[i] = skip ? 0 : std::log(sum) + max - z0.at(i, targets[i]);
    correct[i] = !skip && best == targets[i];
    for (int64_t j = 0; j < vocab; j++)
      grad[z0.index(i, j)] = skip ? 0 : weights[i] * (std::exp(z0.at(i, j) - max) / sum - (j == targets[i]));
  }
  for (bool with_grad : {false, true}) {
    Reference all = nll;
    append(all, correct);
    append(all, with_grad ? grad : z0.reference());
    h.expect(format("cross_entropy %lldx%lld pad %lld range %g+%g%s", (long long)rows, (long long)vocab, (long long)pad, range, offset, with_grad ? " gradient" : ""), 1e-6, all,
             [&](ctx_device *device, Output &out) {
               Matrix z = z0;
               std::vector<float> loss(rows, NAN);
               std::vector<uint8_t> hit(rows, 7);
               h.ok(device, h.backend->cross_entropy(device, z.view(), targets.data(), with_grad ? weights.data() : nullptr, loss.data(), hit.data()));
               out.add(loss);
               for (uint8_t v : hit) out.add(v);
               out.add(z.data);
             });
  }
}

// Tokens that cannot come (-inf), among them thousands in a row, and a tie between far-away tokens, of which the lower index wins.
void check_masked_vocabulary(Harness &h) {
  const int64_t rows = 4, vocab = 30000, from = 3000, to = 27000;
  std::mt19937 random(15);
  Matrix z0(random, rows, vocab);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = i == 3 ? 0 : from; j < to; j++) z0.data[z0.index(i, j)] = -INFINITY; // of the last row the first half as well
  const std::vector<int32_t> targets = {10, 29000, 10, 29999};
  for (int64_t i = 0; i < 3; i++) z0.data[z0.index(i, 10)] = z0.data[z0.index(i, 29000)] = 2;
  const std::vector<float> weights = {1, 0.5f, 2, 1};
  Reference all, grad;
  for (int64_t i = 0; i < rows; i++) {
    double sum = 0;
    for (int64_t j = 0; j < vocab; j++) sum += std::exp(z0.at(i, j));
    all.push_back(std::log(sum) - z0.at(i, targets[i]));
    for (int64_t j = 0; j < vocab; j++) grad.push_back(weights[i] * (std::exp(z0.at(i, j)) / sum - (j == targets[i])));
  }
  append(all, {1, 0, 1, 0});
  append(all, grad);
  h.expect("cross_entropy masked vocabulary", 1e-6, all, [&](ctx_device *device, Output &out) {
    Matrix z = z0;
    std::vector<float> loss(rows, NAN);
    std::vector<uint8_t> hit(rows, 7);
    h.ok(device, h.backend->cross_entropy(device, z.view(), targets.data(), weights.data(), loss.data(), hit.data()));
    out.add(loss);
    for (uint8_t v : hit) out.add(v);
    out.add(z.data);
  });
}

} // namespace

void test_embedding_and_loss(Harness &h) {
  check_embedding(h, 1, 1, 1, 0);
  check_embedding(h, 300, 11, 37, 1);
  check_embedding(h, 64, 1000, 384, 0);
  for (auto [rows, cols, pad] : {std::array<int64_t, 3>{1, 1, 0}, {5, 6, 1}, {7, 33, 0}, {9, 8192, 0}, {3, 40001, 2}}) {
    check_cross_entropy(h, rows, cols, pad, 3, 0);
    check_cross_entropy(h, rows, cols, pad, 60, 500);
  }
  check_masked_vocabulary(h);
  // A NaN among the logits makes the loss of its row NaN, not a number that looks fine.
  h.expect("cross_entropy NaN", 1e-6, {NAN, std::log(20.0)}, [&](ctx_device *device, Output &out) {
    std::vector<float> z(40, 0.0f), nll(2);
    z[5] = NAN;
    const int32_t targets[] = {3, 4};
    h.ok(device, h.backend->cross_entropy(device, {z.data(), 2, 20, 20, CTX_F32}, targets, nullptr, nll.data(), nullptr));
    out.add(nll);
  });
}
