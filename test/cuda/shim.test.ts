// The shim's device memory and streams must notice what they are there for, or test/cuda/model.test.ts would show nothing.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { buildShim, LIBRARY, SHIM } from "./shim.ts";

vi.setConfig({ hookTimeout: 400_000 });

describe.skipIf(process.arch !== "x64")("device memory apart", () => {
  beforeAll(buildShim);

  const run = (wanted: string, env = SHIM as { [name: string]: string }) =>
    spawnSync("native/build/ctx_test_shim", [LIBRARY, wanted], {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });

  test("a host that reads it is told where, and ends", () => {
    const { signal, stderr } = run("host reads device");
    expect(stderr).toMatch(/CUDA shim: the host touches address 0x\w+, at byte 0 of 256 of device memory/);
    expect(signal).toBe("SIGSEGV");
  });

  test("so does a kernel that leaves its memory", () => {
    const { signal, stderr } = run("kernel leaves its memory");
    expect(stderr).toMatch(/CUDA shim: a kernel touches address 0x\w+, at byte 256 of 256 of device memory/);
    expect(signal).toBe("SIGSEGV");
  });

  test("host memory is no argument of a kernel", () => {
    expect(run("kernel reads host").stdout).toMatch(/kernel: 3 add: invalid argument/);
  });

  test("a copy goes where it says", () => {
    const { stdout } = run("wrong direction");
    expect(stdout).toMatch(/to the host: 3 upload: invalid argument/);
    expect(stdout).toMatch(/from the host: 3 download: invalid argument/);
    expect(stdout).toMatch(/beyond the end: 3 upload: invalid argument/);
  });

  test("work that no event orders comes late", () => {
    expect(run("with an event").stdout).toBe("moved 1\n");
    expect(run("without an event").stdout).toBe("moved 2\n");
  });

  test("without CTX_SHIM_APART all of it is plain memory", () => {
    expect(run("host reads device", {}).stdout).toBe("0\n");
  });
});
