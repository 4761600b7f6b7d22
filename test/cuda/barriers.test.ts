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

/** Programs that compute something else when a thread of a row writes its lse before the others have read it: that is in global memory. */
const OF_LSE: { readonly [file: string]: readonly [gpu: string, ...program: string[]] } = {
  "attention_fwd_sm90.cu": ["90", "ctx_test_attention_bf16"],
  "attention_sm80.cu": ["80", "ctx_test_attention_sm80"],
  "attention_plain.cu": ["80", "ctx_test_attention", "few"],
};

/** Where in a file there is what `what` finds. Not the last wait of all, when nothing is under way in a block that saw a key. */
function places(file: string, what: RegExp): string[] {
  const lines = readFileSync(`native/cuda/${file}`, "utf8").split("\n");
  return lines.flatMap((line, i) =>
    what.test(line) && !line.includes("cp_async_wait<0>") ? [`${file}:${i + 1}`] : [],
  );
}

const barriers = Object.entries(SOURCES).flatMap(([file, program]) =>
  places(file, /__syncthreads\(\)|cp_async_wait<\d>\(\)/).map((place) => ({ place, program })),
);
const ofLse = Object.entries(OF_LSE).flatMap(([file, program]) =>
  places(file, /__syncwarp\(\)/).map((place) => ({ place, program })),
);

describe.skipIf(process.arch !== "x64" || process.env.CTX_RACES !== "1")("barriers of the CUDA kernels", () => {
  beforeAll(() => {
    const programs = ["ops", "attention", "attention_bf16", "attention_sm80"].map((name) => `ctx_test_${name}`);
    const targets = ["native/build.mjs", "ctx_cuda_races", "ctx_cuda_on_host", ...programs];
    const made = spawnSync(process.execPath, targets, { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
    expect(barriers.length).toBeGreaterThan(18);
    expect(ofLse).toHaveLength(3);
  });

  test.each(barriers)("missing: $place", ({ place, program: [name, ...args] }) => {
    const env = { ...process.env, CTX_SHIM_SM: "80", CTX_CUBLASLT: "none", CTX_SHIM_WITHOUT: place };
    const run = spawnSync(`native/build/${name}`, [library, ...args], { encoding: "utf8", env });
    expect(run.stderr, run.stdout.slice(-2000)).toMatch(/a race: /);
  });

  test.each(ofLse)("missing, of a row's lse: $place", ({ place, program: [gpu, name, ...args] }) => {
    const order = { CTX_SHIM_SM: gpu, CTX_SHIM_ORDER: "rising", CTX_SHIM_WITHOUT: place };
    const run = spawnSync(`native/build/${name}`, ["native/build/libctx_cuda_on_host.so", ...args], {
      encoding: "utf8",
      env: { ...process.env, ...order },
    });
    expect(run.stdout.slice(-2000) + run.stderr.slice(-2000)).toMatch(/ checks, [1-9]\d* failures/);
  });
});
