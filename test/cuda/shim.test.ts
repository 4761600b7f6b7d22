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

  // A place that is to leave before the next comes there, and bytes that come back once they have gone: seen however the queues happen to run.
  describe.each(["000", "011", "010", "001"])("the two queues of transfers, early %s", (early) => {
    const env = { ...SHIM, CTX_SHIM_EARLY: early };
    test.each([
      ["place left", "left 1, came 2\n"],
      ["bytes gone", "left 1, came 1\n"],
    ])("ordered by an event: %s", (wanted, words) => {
      const { stdout, stderr } = run(wanted, env);
      expect(stderr).toBe("");
      expect(stdout).toBe(words);
    });

    test.each([
      ["place not left", "the first reads them, the second writes them"],
      ["bytes not gone", "the first writes them, the second reads them"],
    ])("not ordered is an error: %s", (wanted, words) => {
      const { stdout, stderr } = run(wanted, env);
      expect(stderr).toBe(
        `CUDA shim: two copies of different streams touch the same bytes (of 256 and of 256), and no event orders them: ${words}\n`,
      );
      expect(stdout).toContain("comes: 3 transfer: unspecified launch failure\n");
    });
  });

  const two = { ...SHIM, CTX_SHIM_GPUS: "2" };

  test("another GPU's memory is no kernel's", () => {
    const { signal, stderr } = run("kernel reads another GPU", two);
    expect(stderr).toMatch(
      /CUDA shim: a kernel touches address 0x\w+, at byte 0 of 256 of device memory of GPU 1, on GPU 0/,
    );
    expect(signal).toBe("SIGSEGV");
  });

  test("a copy from another GPU says so", () => {
    const { stdout } = run("copy from another GPU", two);
    expect(stdout).toMatch(/as on the device: 3 transfer: invalid argument/);
    expect(stdout).toMatch(/under a wrong owner: 3 transfer: invalid argument/);
    expect(stdout).toMatch(/under its own: 0 \ncame 1\n/);
  });

  test("an event is recorded by its own GPU, and waited for by any", () => {
    const { stdout } = run("event of another GPU", two);
    expect(stdout).toMatch(/recorded: 3 record: failed\nwaited for: 0/);
  });

  test("without CTX_SHIM_APART all of it is plain memory", () => {
    expect(run("host reads device", {}).stdout).toBe("0\n");
  });
});
