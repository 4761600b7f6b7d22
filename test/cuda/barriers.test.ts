// Every barrier of the kernels is needed, and the look for races (races.test.ts) sees when one is missing: each is left out in turn.
// It takes minutes: npm run soak:races.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 900_000 });

const library = "native/build/libctx_cuda_races.so";

/** Programs that see what a file is without, and which part of them. */
const SOURCES: { readonly [file: string]: readonly string[] } = {
  "attention_sm80.cu": ["ctx_test_attention_sm80"],
  "attention_plain.cu": ["ctx_test_attention"],
  "gemm.cu": ["ctx_test_ops", "gemm"],
  "cross_entropy.cu": ["ctx_test_ops", "cross_entropy"],
  "reduce.cuh": ["ctx_test_ops", "rmsnorm"],
};

/**
 * Barriers whose lack is no race of shared memory in any test: of the row's lse, which is in global memory, before
 * a second row of a block (there are as many blocks as rows up to 65,536), and the last wait, when nothing is under way in a block that saw a key.
 */
const OTHERS = /__syncwarp\(\)|cp_async_wait<0>\(\)/;
const SECOND_ROW = "cross_entropy.cu:50";

const barriers = Object.entries(SOURCES).flatMap(([file, program]) =>
  readFileSync(`native/cuda/${file}`, "utf8")
    .split("\n")
    .flatMap((line, i) =>
      /__syncthreads\(\)|cp_async_wait<\d>\(\)/.test(line) && !OTHERS.test(line) && `${file}:${i + 1}` !== SECOND_ROW
        ? [{ place: `${file}:${i + 1}`, program }]
        : [],
    ),
);

describe.skipIf(process.arch !== "x64" || process.env.CTX_RACES !== "1")("barriers of the CUDA kernels", () => {
  beforeAll(() => {
    const programs = ["ops", "attention", "attention_sm80"].map((name) => `ctx_test_${name}`);
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_races", ...programs], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
    expect(barriers.length).toBeGreaterThan(18);
  });

  test.each(barriers)("missing: $place", ({ place, program: [name, ...args] }) => {
    const env = { ...process.env, CTX_SHIM_SM: "80", CTX_CUBLASLT: "none", CTX_SHIM_WITHOUT: place };
    const run = spawnSync(`native/build/${name}`, [library, ...args], { encoding: "utf8", env });
    expect(run.stderr, run.stdout.slice(-2000)).toMatch(/a race: /);
  });
});
