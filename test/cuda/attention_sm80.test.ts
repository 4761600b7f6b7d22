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

  function run(setting: Record<string, string>, ...args: string[]) {
    return spawnSync("native/build/ctx_test_attention_sm80", ["native/build/libctx_cuda_on_host.so", ...args], {
      encoding: "utf8",
      env: { ...process.env, ...setting },
    });
  }

  test.each([
    [
      "rising order, on a GPU for which there are no kernels of its own",
      { CTX_SHIM_ORDER: "rising", CTX_SHIM_SM: "80" },
    ],
    ["reverse order, with Hopper's kernels left out", { CTX_SHIM_ORDER: "reverse", CTX_ATTENTION: "sm80" }],
  ])("threads in %s", (_, setting) => {
    const { status, stdout, stderr } = run(setting);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^\d+ checks, 0 failures\n$/);
  });

  test("kernels that there are not are refused", () => {
    const { status, stdout } = run({ CTX_ATTENTION: "sm70" }, "few");
    expect(status).toBe(1);
    expect(stdout).toContain("attention_forward: CTX_ATTENTION is sm70, expected sm90, sm80 or plain");
  });
});
