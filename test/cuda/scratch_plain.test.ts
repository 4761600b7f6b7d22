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

  // Of a model with many heads and little else, whose norms sum 5 parts of 4 numbers: 80 bytes.
  test.each([
    [64, 2],
    [128, 3],
  ])(
    "heads of %i: gradients of queries take turns, a number for each head and each of %i tiles, unless they need no order",
    async (head_dim, tiles) => {
      const shape = {
        ...{ vocab_size: 20, hidden_size: 4, intermediate_size: 8, layers: 1, heads: 16, kv_heads: 1, head_dim },
        tie_word_embeddings: true,
      };
      const options = { maxTokens: 129, train: true, checkpointEvery: 0, lossChunk: 32, kvCacheTokens: 0, ring: 1 };
      const run = { ...options, dtype: "bf16" as const };
      const turns = 4 * (1 + 16 * tiles);
      expect(await kept("cuda", shape, run, 1)).toBe(turns);
      expect(await kept("cuda", shape, run, 1, { deterministic: false })).toBe(80);
      expect(turns).toBeLessThanOrEqual(cudaScratchBytes(shape, run, false));
    },
  );
});
