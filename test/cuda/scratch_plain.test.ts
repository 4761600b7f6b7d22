// The same without such a library: partial sums alone, and on a GPU for which there are Hopper's kernels.
import { beforeAll, describe, expect, test, vi } from "vitest";
import { cudaScratchBytes } from "../../compiler/memory/index.ts";
import { kept } from "../engine/kept.ts";
import { CASES, expectBound } from "./scratch_bound.ts";
import { buildShim, LIBRARY } from "./shim.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 400_000 });
Object.assign(process.env, { CTX_CUDA_LIBRARY: LIBRARY, CTX_CUBLASLT: "none", CTX_SHIM_SM: "90" });

describe.skipIf(process.arch !== "x64")("scratch on a GPU, without cuBLASLt", () => {
  beforeAll(buildShim);
  test.each(CASES)("never more than is counted: %o", (run) => expectBound(run, false));

  // Of a model with many heads and little else, whose norms sum 3 parts of 4 numbers: 48 bytes.
  test("gradients of queries take turns, a number for each tile and head, unless they need no order", async () => {
    const shape = {
      ...{ vocab_size: 20, hidden_size: 4, intermediate_size: 8, layers: 1, heads: 8, kv_heads: 1, head_dim: 128 },
      tie_word_embeddings: true,
    };
    const options = { maxTokens: 65, train: true, checkpointEvery: 0, lossChunk: 32, kvCacheTokens: 0, ring: 1 };
    const run = { ...options, dtype: "bf16" as const };
    const turns = 4 * (1 + 8 * 2);
    expect(await kept("cuda", shape, run, 1)).toBe(turns);
    expect(await kept("cuda", shape, run, 1, { deterministic: false })).toBe(48);
    expect(turns).toBeLessThanOrEqual(cudaScratchBytes(shape, run, false));
  });
});
