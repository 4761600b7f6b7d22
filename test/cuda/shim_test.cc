// shim_test.cc: ctx_test_shim LIBRARY CASE: what a program that mixes up host and device gets from the shim (native/cuda/host/runtime.h) with
// CTX_SHIM_APART=1. Each case does one such thing and prints how it came out. Of libctx_cuda_races.so: a case of race_cases.cc.
#include <dlfcn.h>

#include <cstdio>
#include <string>

#include "ctx_backend.h"

static const ctx_backend *b;
static ctx_device *device;

static float *on_device() {
  void *p = nullptr;
  return b->alloc(device, 64 * sizeof(float), &p) == CTX_OK ? static_cast<float *>(p) : nullptr;
}

static void print(const char *what, ctx_status status) { std::printf("%s: %d %s\n", what, status, status == CTX_OK ? "" : b->last_error(device)); }

int main(int argc, char **argv) {
  void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  const auto entry = library ? reinterpret_cast<ctx_backend_v1_fn>(dlsym(library, "ctx_backend_v1")) : nullptr;
  if (!entry) return 2;
  if (const auto race = reinterpret_cast<void (*)(const char *)>(dlsym(library, "ctx_race_case"))) { // race_cases.cc; ends the process or not
    race(argv[2]);
    std::printf("no race\n");
    return 0;
  }
  b = entry();
  if (b->create(0, 1, &device) != CTX_OK) return 2;
  const std::string wanted = argv[2];
  static float host[64];
  float *const x = on_device(), *const y = on_device();
  const auto mat = [](float *data) { return ctx_mat{data, 1, 64, 64, CTX_F32}; };
  for (int i = 0; i < 64; i++) host[i] = 1;
  if (wanted == "host reads device") {
    std::printf("%g\n", double(x[0]));
  } else if (wanted == "kernel reads host") {
    print("kernel", b->add(device, mat(x), 1, mat(host)));
  } else if (wanted == "kernel leaves its memory") {
    print("enqueued", b->add(device, mat(x + 64), 1, mat(y)));
    b->synchronize(device);
  } else if (wanted == "wrong direction") {
    print("to the host", b->upload(device, host, x, sizeof host));
    print("from the host", b->download(device, x, host, sizeof host));
    print("beyond the end", b->upload(device, x + 1, host, sizeof host));
  } else if (wanted == "without an event" || wanted == "with an event") {
    // x = 1 goes to the host beside the operations while they set x to 2.
    ctx_event *event = nullptr;
    void *pinned = nullptr;
    if (b->create_event(device, &event) != CTX_OK || b->alloc_host(device, sizeof host, &pinned) != CTX_OK) return 2;
    b->upload(device, x, host, sizeof host);
    b->upload(device, y, host, sizeof host);
    b->transfer(device, pinned, x, sizeof host, CTX_TO_HOST);
    if (wanted == "with an event") {
      b->record(device, CTX_OUTGOING, event);
      b->wait(device, CTX_OPERATIONS, event);
    }
    b->add(device, mat(x), 1, mat(y));
    b->synchronize(device);
    std::printf("moved %g\n", double(static_cast<float *>(pinned)[0]));
    b->release_host(device, pinned, sizeof host);
    b->destroy_event(event);
  } else if (wanted == "place not left" || wanted == "place left" || wanted == "bytes not gone" || wanted == "bytes gone") {
    // x = 1 leaves, and 2 comes to its place; or x = 1 goes to the host, and comes from there to y.
    ctx_event *event = nullptr;
    void *out = nullptr, *in = nullptr;
    if (b->create_event(device, &event) != CTX_OK || b->alloc_host(device, sizeof host, &out) != CTX_OK || b->alloc_host(device, sizeof host, &in) != CTX_OK) return 2;
    for (int i = 0; i < 64; i++) static_cast<float *>(out)[i] = 3, static_cast<float *>(in)[i] = 2;
    b->upload(device, x, host, sizeof host);
    b->transfer(device, out, x, sizeof host, CTX_TO_HOST);
    if (wanted == "place left" || wanted == "bytes gone") {
      b->record(device, CTX_OUTGOING, event);
      b->wait(device, CTX_INCOMING, event);
    }
    const bool place = wanted == "place left" || wanted == "place not left";
    const ctx_status status = b->transfer(device, place ? x : y, place ? in : out, sizeof host, CTX_TO_DEVICE);
    if (status != CTX_OK) print("comes", status);
    b->synchronize(device);
    float came[64];
    b->download(device, came, place ? x : y, sizeof came);
    std::printf("left %g, came %g\n", double(static_cast<float *>(out)[0]), double(came[0]));
    for (void *pinned : {out, in}) b->release_host(device, pinned, sizeof host);
    b->destroy_event(event);
  } else if (wanted == "kernel reads another GPU" || wanted == "copy from another GPU" || wanted == "event of another GPU") {
    ctx_device *other = nullptr;
    ctx_event *event = nullptr;
    if (b->create(1, 1, &other) != CTX_OK) return 2;
    void *theirs = nullptr;
    if (b->alloc(other, sizeof host, &theirs) != CTX_OK || b->create_event(other, &event) != CTX_OK) return 2;
    if (wanted == "kernel reads another GPU") {
      print("enqueued", b->add(device, mat(x), 1, mat(static_cast<float *>(theirs))));
      b->synchronize(device);
    } else if (wanted == "copy from another GPU") {
      print("as on the device", b->transfer(device, x, theirs, sizeof host, CTX_ON_DEVICE));
      print("under a wrong owner", b->transfer_from(device, x, device, theirs, sizeof host));
      b->upload(other, theirs, host, sizeof host);
      print("under its own", b->transfer_from(device, x, other, theirs, sizeof host));
      b->synchronize(device);
      float back[64] = {};
      b->download(device, back, x, sizeof back);
      std::printf("came %g\n", double(back[63]));
    } else {
      print("recorded", b->record(device, CTX_OPERATIONS, event));
      print("waited for", b->wait(device, CTX_OPERATIONS, event));
    }
    b->destroy_event(event);
    b->release(other, theirs, sizeof host);
    b->destroy(other);
  } else {
    return 2;
  }
  b->release(device, x, 64 * sizeof(float));
  b->release(device, y, 64 * sizeof(float));
  b->destroy(device);
  return 0;
}
