// The attention kernels for Ampere's tensor cores, over functions in place of its instructions: their arithmetic, where numbers lie in registers and
// tiles, and that they wait for what they read. What only a GPU can show (speed, and whether it does what its manual says) this does not.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

// The shim switches threads in x86-64 assembly.
describe.skipIf(process.arch !== "x64")("attention on Ampere's tensor cores, on the host", () => {
  beforeAll(() => {
    const targets = ["ctx_cuda_on_host", "ctx_test_attention_sm80"];
    const made = spawnSync(process.execPath, ["native/build.mjs", ...targets], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each(["rising", "reverse"])("threads in %s order", (order) => {
    // CTX_SHIM_SM: a GPU for which there are no kernels of its own.
    const env = { ...process.env, CTX_SHIM_ORDER: order, CTX_SHIM_SM: "80" };
    const program = "native/build/ctx_test_attention_sm80";
    const run = spawnSync(program, ["native/build/libctx_cuda_on_host.so"], { encoding: "utf8", env });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(/^\d+ checks, 0 failures\n$/);
  });
});
