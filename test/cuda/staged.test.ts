// Device memory from process to process through the hosts' (native/ring/staged.cc), in pieces: staged_test.cc, with each queue as late and as early as it
// may run. With a real MPI, and pieces larger than what is sent: processes.test.ts.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { LIBRARY, SHIM } from "./shim.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 400_000 });

describe.skipIf(process.arch !== "x64")("transfers through the hosts' memory", () => {
  beforeAll(() => {
    const targets = ["ctx_cuda_on_host", "ctx_test_staged"];
    const made = spawnSync(process.execPath, ["native/build.mjs", ...targets], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  // Where copies down are done as late as they may, a message that leaves shows that it waited for its own piece alone.
  test.each([
    ["000", "piece by piece"],
    ["010", "piece by piece"],
    ["001", "when all is down"],
    ["011", "when all is down"],
  ])("come whole and in order; a broken network is told to all ranks: early queues %s", (early, leave) => {
    const env = { ...process.env, ...SHIM, CTX_SHIM_EARLY: early };
    const { status, stdout, stderr } = spawnSync("native/build/ctx_test_staged", [LIBRARY], { encoding: "utf8", env });
    expect(stderr).toBe("");
    expect(stdout).toBe(`messages leave ${leave}\n0 failures\n`);
    expect(status).toBe(0);
  });
});
