// fake_cublaslt.cc: cuBLASLt's functions in float64 on the CPU, for tests of what native/cuda/gemm_lt.cu asks of the library.
//
// It believes nothing: types, sizes of attributes, leading dimensions, alignments that were promised, the algorithm and its workspace are
// checked, and a call that the library would refuse gets CUBLAS_STATUS_INVALID_VALUE with a line on stderr. The workspace is overwritten. Numbers are
// written out here as the documentation has them (https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api), not taken from ctx's header.
//
// CTX_FAKE_CUBLASLT, read at each call: `old` (version 11.8), `no handle`, `no algorithm`, `no result`, `not supported` (at the product), `fails`.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
constexpr size_t NEEDED = 1 << 20; // workspace of the only algorithm
constexpr uint64_t MAGIC = 0x6374782d66616b65;

struct Desc {
  int32_t trans_a = 0, trans_b = 0;
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t ld;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t scheme = 7, alignment[4] = {256, 256, 256, 256};
};
struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
struct Handle {
  char nothing;
};

long alive = 0, asked = 0, computed = 0; // objects, heuristics, products

bool mode(const char *name) {
  const char *set = std::getenv("CTX_FAKE_CUBLASLT");
  return set && !std::strcmp(set, name);
}

int refuse(const char *why) {
  std::fprintf(stderr, "fake cuBLASLt: %s\n", why);
  return INVALID_VALUE;
}

[[maybe_unused]] double read(const void *data, int type, int64_t i) {
  if (type == 0) return static_cast<const float *>(data)[i];
  const uint32_t bits = uint32_t(static_cast<const uint16_t *>(data)[i]) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

[[maybe_unused]] void write(void *data, int type, int64_t i, double value) {
  const float x = float(value);
  if (type == 0) {
    static_cast<float *>(data)[i] = x;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  static_cast<uint16_t *>(data)[i] = uint16_t(std::isnan(x) ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// What an algorithm was chosen for: it is of no use for anything else.
uint64_t mark(const Desc &desc, const Layout &a, const Layout &b, const Layout &c) {
  uint64_t hash = MAGIC;
  const auto mix = [&](uint64_t x) { hash = (hash ^ x) * 0x100000001b3 + (hash >> 29); };
  mix(uint64_t(desc.trans_a)), mix(uint64_t(desc.trans_b));
  for (const Layout *x : {&a, &b, &c}) mix(uint64_t(x->type)), mix(x->rows), mix(x->columns), mix(uint64_t(x->ld));
  return hash;
}

int check_shapes(const Desc &desc, const Layout &a, const Layout &b, const Layout &c) {
  const uint64_t m = desc.trans_a ? a.columns : a.rows, k = desc.trans_a ? a.rows : a.columns;
  const uint64_t kb = desc.trans_b ? b.columns : b.rows, n = desc.trans_b ? b.rows : b.columns;
  if (k != kb || c.rows != m || c.columns != n) return refuse("the shapes do not go together");
  if (a.type != b.type || (a.type == 0 && c.type != 0)) return refuse("no product of these types");
  return SUCCESS;
}

} // namespace

EXPORT long fake_cublaslt_alive() { return alive; }
EXPORT long fake_cublaslt_asked() { return asked; }
EXPORT long fake_cublaslt_computed() { return computed; }

EXPORT size_t cublasLtGetVersion() { return mode("old") ? 11 * 10000 + 8 * 100 : 13 * 10000 + 1 * 100 + 1; }
EXPORT const char *cublasLtGetStatusName(int status) {
  return status == INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE" : status == EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED" : status == NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED" : "another status";
}
EXPORT int cublasLtCreate(Handle **out) {
  if (mode("no handle")) return NOT_INITIALIZED;
  return *out = new Handle, alive++, SUCCESS;
}
EXPORT int cublasLtDestroy(Handle *handle) { return delete handle, alive--, SUCCESS; }

EXPORT int cublasLtMatmulDescCreate(Desc **out, int compute, int scale) {
  if (compute != 68) return refuse("not CUBLAS_COMPUTE_32F");
  if (scale != 0) return refuse("the scale type is not CUDA_R_32F");
  return *out = new Desc, alive++, SUCCESS;
}
EXPORT int cublasLtMatmulDescDestroy(Desc *desc) { return delete desc, alive--, SUCCESS; }
EXPORT int cublasLtMatmulDescSetAttribute(Desc *desc, int attribute, const void *value, size_t bytes) {
  if ((attribute != 3 && attribute != 4) || bytes != 4) return refuse("an attribute of a product that it does not know, or of another size");
  int32_t operation;
  std::memcpy(&operation, value, 4);
  if (operation != 0 && operation != 1) return refuse("an operation other than N and T");
  return (attribute == 3 ? desc->trans_a : desc->trans_b) = operation, SUCCESS;
}

EXPORT int cublasLtMatrixLayoutCreate(Layout **out, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  if (type != 0 && type != 14) return refuse("a type other than CUDA_R_32F and CUDA_R_16BF");
  if (rows == 0 || columns == 0 || ld < int64_t(rows)) return refuse("a leading dimension below the rows");
  return *out = new Layout{type, rows, columns, ld}, alive++, SUCCESS;
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout *layout) { return delete layout, alive--, SUCCESS; }

EXPORT int cublasLtMatmulPreferenceCreate(Preference **out) { return *out = new Preference, alive++, SUCCESS; }
EXPORT int cublasLtMatmulPreferenceDestroy(Preference *preference) { return delete preference, alive--, SUCCESS; }
EXPORT int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *value, size_t bytes) {
  if (bytes != (attribute == 1 ? 8 : 4)) return refuse("a preference of another size");
  if (attribute == 1) std::memcpy(&preference->workspace, value, 8);
  else if (attribute == 3) std::memcpy(&preference->scheme, value, 4);
  else if (attribute >= 5 && attribute <= 8) std::memcpy(&preference->alignment[attribute - 5], value, 4);
  else return refuse("a preference that it does not know");
  return SUCCESS;
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(Handle *handle, Desc *desc, Layout *a, Layout *b, Layout *c, Layout *d, Preference *preference, int wanted, Heuristic *out, int *found) {
  asked++;
  *found = 0;
  if (!handle || wanted < 1) return refuse("no handle, or no algorithm wanted");
  if (const int status = check_shapes(*desc, *a, *b, *c); status != SUCCESS) return status;
  if (c != d) return refuse("C and D are laid out differently");
  if (preference->workspace < NEEDED) return refuse("too small a workspace is allowed");
  if (preference->scheme != 2) return refuse("parts of a sum may meet in another type than fp32");
  if (mode("no algorithm")) return NOT_SUPPORTED;
  if (mode("no result")) return SUCCESS;
  *out = {};
  out->algorithm[0] = MAGIC;
  out->algorithm[1] = mark(*desc, *a, *b, *c);
  for (int i = 0; i < 4; i++) out->algorithm[2 + i] = preference->alignment[i];
  out->workspace = NEEDED;
  return *found = 1, SUCCESS;
}

#if !defined(WITHOUT_MATMUL)
EXPORT int cublasLtMatmul(Handle *handle, Desc *desc, const void *alpha, const void *A, Layout *a, const void *B, Layout *b, const void *beta, const void *C, Layout *c, void *D, Layout *d,
                          const uint64_t *algorithm, void *workspace, size_t workspace_bytes, void * /* stream */) {
  if (!handle) return refuse("no handle");
  if (mode("not supported")) return NOT_SUPPORTED;
  if (mode("fails")) return EXECUTION_FAILED;
  if (const int status = check_shapes(*desc, *a, *b, *c); status != SUCCESS) return status;
  if (C != D || c != d) return refuse("not in place");
  if (algorithm[0] != MAGIC || algorithm[1] != mark(*desc, *a, *b, *c)) return refuse("an algorithm for another product");
  const void *const at[] = {A, B, C, D};
  for (int i = 0; i < 4; i++)
    if (reinterpret_cast<uintptr_t>(at[i]) % algorithm[2 + i] != 0) return refuse("a matrix is not aligned as was promised");
  if (!workspace || workspace_bytes < NEEDED || reinterpret_cast<uintptr_t>(workspace) % 256 != 0) return refuse("no workspace, or one too small or not aligned");
  computed++;
  std::memset(workspace, 0xff, workspace_bytes);
  const int64_t m = int64_t(c->rows), n = int64_t(c->columns), k = int64_t(desc->trans_a ? a->rows : a->columns);
  const double scale = *static_cast<const float *>(alpha), keep = *static_cast<const float *>(beta);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < m; i++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++)
        sum += read(A, a->type, desc->trans_a ? l + i * a->ld : i + l * a->ld) * read(B, b->type, desc->trans_b ? j + l * b->ld : l + j * b->ld);
      write(D, d->type, i + j * d->ld, scale * sum + (keep == 0 ? 0 : keep * read(C, c->type, i + j * c->ld)));
    }
  return SUCCESS;
}
#endif
