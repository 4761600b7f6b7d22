// The working memory of the CUDA kernels with a library for products, against the compiler's bound: what the library may use, and operands that
// are rounded first.

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { cudaScratchBytes } from "../../compiler/memory/index.ts";
import { kept } from "../engine/kept.ts";
import { CASES, expectBound } from "./scratch_bound.ts";
import { LIBRARY } from "./shim.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 400_000 });
// Before the engine looks for them. Device memory is not apart: the library in cuBLASLt's place computes on the host.
Object.assign(process.env, {
  CTX_CUDA_LIBRARY: LIBRARY,
  CTX_CUBLASLT: resolve("native/build/libctx_fake_cublaslt.so"),
});

describe.skipIf(process.arch !== "x64")("scratch on a GPU, with cuBLASLt", () => {
  beforeAll(() => {
    const targets = ["ctx_cuda_on_host", "ctx_fake_cublaslt"];
    const made = spawnSync(process.execPath, ["native/build.mjs", ...targets], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each(CASES)("never more than is counted: %o", (run) => expectBound(run, true));

  const shape = {
    ...{ vocab_size: 300, hidden_size: 64, intermediate_size: 90, layers: 1, heads: 2, kv_heads: 1, head_dim: 32 },
    tie_word_embeddings: true,
  };
  const options = { maxTokens: 64, train: true, checkpointEvery: 0, lossChunk: 64, kvCacheTokens: 0, ring: 1 };
  const MiB = 2 ** 20;

  test("fp32: the library's workspace; bf16: copies of operands beside it", async () => {
    expect(await kept("cuda", shape, { ...options, dtype: "f32" }, 1)).toBe(32 * MiB);
    const most = await kept("cuda", shape, { ...options, dtype: "bf16" }, 1);
    expect(most).toBeGreaterThan(32 * MiB);
    expect(most).toBeLessThanOrEqual(cudaScratchBytes(shape, { ...options, dtype: "bf16" }));
  });

  test("copies are bounded, whatever the model", () => {
    const large = { ...shape, vocab_size: 151_936, hidden_size: 8192, intermediate_size: 29_568 };
    const many = { ...options, maxTokens: 2 ** 20, lossChunk: 1024, dtype: "bf16" as const };
    expect(cudaScratchBytes(large, many)).toBe((32 + 2 * 64) * MiB);
    expect(cudaScratchBytes(large, { ...many, ring: 4, ranksHere: 1 })).toBe((32 + 2 * 64) * MiB);
    expect(cudaScratchBytes(large, { ...many, ring: 4 })).toBe(4 * (32 + 2 * 64) * MiB);
  });
});
