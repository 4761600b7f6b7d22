// Shared memory of the CUDA kernels, on the host: no two threads of a block touch the same bytes, one of them writing, with no barrier between,
// in whatever order threads may run (native/cuda/host/races.cc). Kernels for Hopper are not in it: their barriers are of another kind.
// It takes minutes: npm run soak:races.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 1_200_000, hookTimeout: 900_000 });

const library = "native/build/libctx_cuda_races.so";
/** A GPU for which there are no kernels of its own, and no library for products. */
const env = { ...process.env, CTX_SHIM_SM: "80", CTX_CUBLASLT: "none" };
const run = (program: string, ...args: string[]) =>
  spawnSync(`native/build/${program}`, [library, ...args], { encoding: "utf8", env });

// The shim switches threads in x86-64 assembly.
describe.skipIf(process.arch !== "x64" || process.env.CTX_RACES !== "1")("races of the CUDA kernels", () => {
  beforeAll(() => {
    const programs = ["shim", "ops", "attention", "attention_sm80"].map((name) => `ctx_test_${name}`);
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_races", ...programs], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each([
    ["nothing between", /a race: /],
    ["__syncwarp between, two warps", /race: read after a write/],
    ["a shuffle between", /race: read after a write/],
    ["written again before all have read", /race: written after a read|race: read after a write/],
    ["all read, one of them writes", /race: written after a read|race: read after a write/],
    ["all of a warp read, one of another writes", /race: written after a read|race: read after a write/],
    ["two bf16 at one place", /race: written after a write/],
    ["a copy not waited for", /race: read while it is copied/],
    ["a copy waited for, and no barrier", /a race: /],
    ["a copy over what is being read", /race: written after a read|race: read while it is copied/],
  ])("seen: %s", (name, words) => {
    const { status, stderr } = run("ctx_test_shim", name);
    expect(stderr).toMatch(words);
    expect(status).not.toBe(0);
  });

  test.each([
    "__syncthreads between",
    "__syncwarp between, one warp",
    "written again when all have read",
    "a warp reads, meets, one writes",
    "each its own",
    "two halves of a word",
    "a copy waited for, and a barrier",
    "a copy waited for by its own thread",
  ])("none: %s", (name) => {
    const { stdout, stderr } = run("ctx_test_shim", name);
    expect(stderr).toBe("");
    expect(stdout).toBe("no race\n");
  });

  // Of a part of the cases: a look at every load and store takes long.
  test.each([
    ["ctx_test_ops", "61x129x70", / [1-9]\d* cases, 0 failed/], // of gemm
    ["ctx_test_ops", "cross_entropy", / cases, 0 failed/],
    ["ctx_test_ops", "rmsnorm", / cases, 0 failed/],
    ["ctx_test_attention", "few", / checks, 0 failures/],
    ["ctx_test_attention_sm80", "few", / checks, 0 failures/],
  ])("none in %s %s", (program, part, summary) => {
    const { status, stdout, stderr } = run(program, part);
    expect(status, stdout.slice(-4000) + stderr.slice(-4000)).toBe(0);
    expect(stdout).toMatch(summary);
  });
});
