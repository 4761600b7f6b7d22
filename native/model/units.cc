// units.cc: where parameters lie when ranks divide them; see Unit in parameters.h.
#include "parameters.h"

namespace ctx {

void ParameterTable::divide(int ranks) {
  units.assign(layers.size() + 2, Unit());
  const int last = (int)layers.size() + 1;
  const auto put = [&](int parameter, int unit) {
    if (parameter >= 0) all[(size_t)parameter].unit = unit;
  };
  put(norm, last);
  put(head, last);
  put(embed, 0); // the output layer's too, where they are tied
  for (int layer = 0; layer + 1 < last; layer++) {
    const LayerParameters &l = layers[(size_t)layer];
    for (const int vector : {l.input_norm, l.post_norm, l.q_norm, l.k_norm}) put(vector, layer + 1);
    for (const Linear *linear : {&l.qkv, &l.o, &l.gate_up, &l.down})
      for (const LinearPart &part : linear->parts)
        for (const int each : {part.weight, part.bias, part.lora_a, part.lora_b}) put(each, layer + 1);
  }

  // Those that lie without a gap stay together: one that is trained takes the others with it, and their places among gradients are never read.
  const std::vector<bool> follows = joined();
  std::vector<std::vector<size_t>> trained(units.size()), frozen(units.size());
  for (size_t first = 0, end; first < all.size(); first = end) {
    bool any = all[first].trainable;
    for (end = first + 1; end < all.size() && follows[end]; end++) any = any || all[end].trainable;
    for (size_t i = first; i < end; i++) (any ? trained : frozen)[(size_t)all[i].unit].push_back(i);
  }

  const int64_t whole = align_bytes(1) * ranks; // parts are equal, and whole regions
  const auto place = [&](const std::vector<size_t> &some) {
    for (const size_t i : some) {
      if (!follows[i]) weight_bytes = align_bytes(weight_bytes);
      all[i].offset = weight_bytes;
      weight_bytes += all[i].bytes();
    }
    weight_bytes = (weight_bytes + whole - 1) / whole * whole;
  };
  for (size_t u = 0; u < units.size(); u++) {
    Unit &unit = units[u];
    unit.begin = weight_bytes;
    unit.gradient = gradient_floats;
    place(trained[u]);
    unit.trained = (weight_bytes - unit.begin) / size_of(CTX_F32);
    place(frozen[u]);
    unit.size = weight_bytes - unit.begin;
    gradient_floats += unit.trained;
    for (const size_t i : trained[u])
      if (all[i].trainable) all[i].gradient = unit.gradient + (all[i].offset - unit.begin) / size_of(CTX_F32);
  }
}

} // namespace ctx
