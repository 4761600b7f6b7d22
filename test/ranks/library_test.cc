// library_test.cc: a ranks library (include/ctx_ranks.h) by itself, each rank started by its MPI's launcher:
//
//   ctx_test_ranks <library>              what the header promises, with messages small and large
//   ctx_test_ranks <library> abandon      rank 0 gives up a group with a transfer in flight, then ends the job with status 7
//   ctx_test_ranks <library> huge         a message of more than 2 GiB from rank 0 to rank 1
//   ctx_test_ranks <library> time <MiB>   how fast transfers around the ring are, and what waiting costs
#include <dlfcn.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "ctx_ranks.h"

namespace {

const ctx_ranks *table;

#define EXPECT(condition)                                                                     \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, table->last_error()); \
      table->abort(1);                                                                        \
    }                                                                                         \
  } while (0)
#define OK(call) EXPECT((call) == CTX_OK)

using Bytes = std::vector<uint8_t>;

// Bytes that tell who made them and for what.
Bytes made_by(int rank, int salt, size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(i * 7 + i / 251 + (size_t)rank * 31 + (size_t)salt * 13);
  return bytes;
}

// Two transfers at once, the second and larger one waited for first.
void pass_around(ctx_group *ring, size_t count) {
  const int rank = table->rank(ring), size = table->size(ring), before = (rank + size - 1) % size;
  const Bytes a = made_by(rank, 1, count), b = made_by(rank, 2, 2 * count + 1);
  Bytes from_a(a.size()), from_b(b.size());
  OK(table->start(ring, 0, a.data(), from_a.data(), a.size()));
  OK(table->start(ring, 1, b.data(), from_b.data(), b.size()));
  OK(table->wait(ring, 1));
  OK(table->wait(ring, 0));
  EXPECT(from_a == made_by(before, 1, a.size()));
  EXPECT(from_b == made_by(before, 2, b.size()));
}

void all_operations(ctx_group *world) {
  const int rank = table->rank(world), size = table->size(world);
  for (const size_t count : {size_t(0), size_t(1), size_t(4096), size_t(3) << 20, size_t(20) << 20}) {
    pass_around(world, count);
    Bytes word = made_by(rank, 3, count);
    OK(table->broadcast(world, word.data(), count, size - 1));
    EXPECT(word == made_by(size - 1, 3, count));
    if (size > 1 && rank == 0) OK(table->send(world, word.data(), count, size - 1));
    if (size > 1 && rank == size - 1) {
      Bytes sent(count);
      OK(table->receive(world, sent.data(), count, 0));
      EXPECT(sent == word);
    }
  }
  ctx_group *half = nullptr;
  OK(table->split(world, rank % 2, &half));
  EXPECT(table->rank(half) == rank / 2 && table->size(half) == (size + 1 - rank % 2) / 2);
  pass_around(half, 1000);
  table->release(half);
}

// One message larger than what MPI can count in an int.
void huge_message(ctx_group *world) {
  const size_t count = (size_t(1) << 31) + 12345;
  const int rank = table->rank(world);
  if (rank > 1) return;
  Bytes bytes(count, (uint8_t)(rank + 1));
  if (rank == 0) bytes[0] = bytes[count / 2] = bytes[count - 1] = 77;
  if (rank == 0) OK(table->send(world, bytes.data(), count, 1));
  else OK(table->receive(world, bytes.data(), count, 0));
  EXPECT(bytes[0] == 77 && bytes[count / 2] == 77 && bytes[count - 1] == 77 && bytes[1] == 1 && bytes[count - 2] == 1);
}

void abandon(ctx_group *world) {
  ctx_group *ring = nullptr;
  OK(table->split(world, 0, &ring));
  if (table->rank(world) == 0) {
    Bytes out(8 << 20), in(8 << 20);
    OK(table->start(ring, 1, out.data(), in.data(), out.size())); // the others never do
    table->release(ring);
    std::vector<std::vector<uint64_t>> rubble; // what was freed is overwritten: no pointer there is one, and none equals another
    for (size_t words = 2; words < 512; words++)
      for (int k = 0; k < 8; k++) {
        rubble.emplace_back(words);
        for (size_t i = 0; i < words; i++) rubble.back()[i] = (uint64_t)(i + 1) << 32;
      }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    table->abort(7);
  }
  uint8_t never = 0;
  OK(table->broadcast(world, &never, 1, 0));
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

void time(ctx_group *world, size_t bytes) {
  const Bytes out = made_by(table->rank(world), 0, bytes);
  Bytes in(bytes);
  double least = 1e9, sum = 0;
  constexpr int rounds = 20;
  const double used = processor_seconds();
  for (int k = 0; k < rounds; k++) {
    const double began = seconds();
    OK(table->start(world, 0, out.data(), in.data(), bytes));
    OK(table->wait(world, 0));
    least = std::min(least, seconds() - began), sum += seconds() - began;
  }
  if (table->rank(world) == 0)
    std::printf("%zu bytes: best %.3f ms (%.2f GB/s), mean %.3f ms, %.0f%% of a processor\n", bytes, 1e3 * least, (double)bytes / least * 1e-9, 1e3 * sum / rounds,
                100 * (processor_seconds() - used) / sum);
  uint8_t word = 0;
  const double began = seconds(), before = processor_seconds();
  if (table->rank(world) == 0) std::this_thread::sleep_for(std::chrono::seconds(3));
  OK(table->broadcast(world, &word, 1, 0));
  if (table->rank(world) == 1) std::printf("waiting %.1f s: %.2f%% of a processor\n", seconds() - began, 100 * (processor_seconds() - before) / (seconds() - began));
}

} // namespace

int main(int words, char **word) {
  if (words < 2) return std::fprintf(stderr, "usage: ctx_test_ranks <library> [abandon | huge | time <MiB>]\n"), 2;
  void *library = dlopen(word[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 1;
  table = reinterpret_cast<ctx_ranks_v1_fn>(dlsym(library, "ctx_ranks_v1"))();
  ctx_group *world = nullptr;
  OK(table->join(&world));
  EXPECT(table->version == CTX_RANKS_VERSION);
  const std::string what = words > 2 ? word[2] : "";
  if (what == "abandon") abandon(world);
  else if (what == "huge") huge_message(world);
  else if (what == "time") time(world, (size_t)std::atoll(word[3]) << 20);
  else all_operations(world);
  if (what == "" && table->rank(world) == 0) std::printf("%s: as promised\n", table->name);
  std::fflush(stdout);
  table->release(world);
  table->leave();
  return 0;
}
