// The CUDA kernels compiled as C++ over native/cuda/host, one thread at a time: their arithmetic and their indices against the same float64
// references as every other backend. What only a GPU can show (races, speed, tensor cores) it does not.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

// The shim switches threads in x86-64 assembly.
describe.skipIf(process.arch !== "x64")("CUDA kernels on the host", () => {
  beforeAll(() => {
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_on_host"], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each([
    ["operations", "ctx_test_ops", "rising", / cases, 0 failed/],
    ["attention", "ctx_test_attention", "reverse", / checks, 0 failures/],
  ])("%s", (_, program, order, summary) => {
    const env = { ...process.env, CTX_SHIM_ORDER: order };
    const run = spawnSync(`native/build/${program}`, ["native/build/libctx_cuda_on_host.so"], {
      encoding: "utf8",
      env,
    });
    expect(run.status, run.stdout.slice(0, 4000) + run.stderr.slice(0, 4000)).toBe(0);
    expect(run.stdout).toMatch(summary);
  });
});
