// What a process can have, from made-up /proc and /sys, and from limits that really hold.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { memoryValue } from "../../cli/doctor.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { checkMachine } from "../../runtime/run/check_machine.ts";
import { hostMemory, memoryLimit } from "../../runtime/run/memory_limits.ts";
import { plan } from "./tiny_run.ts";

const MiB = 2 ** 20;
const meminfo = { "proc/meminfo": "MemTotal: 9999 kB\nMemAvailable:    8192 kB\nSwapFree:   1024 kB\n" };

function rootOf(files: { [path: string]: string }): string {
  const root = mkdtempSync(join(tmpdir(), "ctx-limits-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("the tightest bound counts, and is named", () => {
  expect(memoryLimit(rootOf({}))).toBeNull();
  expect(memoryLimit(rootOf(meminfo))).toEqual({ bytes: 9 * MiB, what: "free memory" });
  const second = {
    ...meminfo,
    "proc/self/cgroup": "0::/jobs/one\n",
    "sys/fs/cgroup/jobs/one/memory.max": "max\n",
    "sys/fs/cgroup/jobs/memory.max": `${7 * MiB}\n`,
    "sys/fs/cgroup/jobs/memory.current": `${3 * MiB}\n`,
    "sys/fs/cgroup/jobs/memory.stat": `anon 5\ninactive_file ${MiB}\n`,
  };
  expect(memoryLimit(rootOf(second))).toEqual({ bytes: 5 * MiB, what: "this control group (container)" });
  const first = {
    ...meminfo,
    "proc/self/cgroup": "5:cpu:/\n4:memory:/box\n",
    "sys/fs/cgroup/memory/box/memory.limit_in_bytes": `${6 * MiB}\n`,
    "sys/fs/cgroup/memory/box/memory.usage_in_bytes": `${2 * MiB}\n`,
  };
  expect(memoryLimit(rootOf(first))?.bytes).toBe(4 * MiB);
  const own = {
    ...meminfo,
    "proc/self/limits": `Max data size             ${5 * MiB}              unlimited            bytes\n`,
    "proc/self/status": "VmData:\t    2048 kB\n",
  };
  expect(memoryLimit(rootOf(own))).toEqual({
    bytes: 3 * MiB,
    what: "the process's limit on data (ulimit -d)",
  });
});

const GiB = 2 ** 30;
const group = (files: { [name: string]: string }, line = "0::/jobs/one") =>
  rootOf({
    "proc/self/cgroup": `${line}\n`,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`])),
  });

test.each<[string, string, number | undefined, number, string]>([
  ["no limit", group({ "memory.max": "max" }), undefined, 16, "this machine"],
  ["a container's group at the top", group({ "memory.max": `${3 * GiB}` }), 0, 3, "this control group (container)"],
  [
    "the group above",
    group({
      "jobs/one/memory.max": `${9 * GiB}`,
      "jobs/memory.max": `${5 * GiB}`,
      "jobs/memory.current": `${4 * GiB}`,
    }),
    undefined,
    5,
    "this control group (container)",
  ],
  [
    "version 1",
    group({ "memory/box/memory.limit_in_bytes": `${2 * GiB}` }, "4:cpu,memory:/box"),
    undefined,
    2,
    "this control group (container)",
  ],
  [
    "version 1, none",
    group({ "memory/memory.limit_in_bytes": "9223372036854771712" }, "4:memory:/"),
    9223372036854772000,
    16,
    "this machine",
  ],
  ["more than there is", group({ "memory.max": `${99 * GiB}` }), 2 ** 64, 16, "this machine"],
  ["what Node alone knows", group({}), 7 * GiB, 7, "the system's limit on this process"],
  ["the least of all", group({ "memory.max": `${8 * GiB}` }), 6 * GiB, 6, "the system's limit on this process"],
  ["both the same", group({ "memory.max": `${6 * GiB}` }), 6 * GiB, 6, "this control group (container)"],
])("a machine of 16 GiB has for this process: %s", (_, root, constrained, gibibytes, what) => {
  expect(hostMemory(root, 16 * GiB, constrained)).toEqual({ bytes: gibibytes * GiB, what });
});

test("ctx doctor tells which limit it is", () => {
  expect(memoryValue({ bytes: 16 * GiB, what: "this machine" }, 16 * GiB, 9 * GiB)).toBe("16 GiB, 9 GiB free");
  expect(memoryValue({ bytes: 3 * GiB, what: "this control group (container)" }, 16 * GiB, GiB)).toBe(
    "3 GiB is what this control group (container) allows of the machine's 16 GiB, 1 GiB free",
  );
});

test("a stage larger than the container is refused, and the container named", () => {
  const machine = { addon: loadAddon(), device: "cpu" as const, threads: 1 };
  const root = group({ "memory.max": `${MiB}` });
  expect(() => checkMachine(plan(), machine, null, root)).toThrow(/and this control group \(container\) has 1 MiB/);
});

test("a stage beyond the bound is refused before anything is read, with what would fit", () => {
  const machine = { addon: loadAddon(), device: "cpu" as const, threads: 1 };
  const made = plan();
  for (const { memory } of made.stages) {
    memory.device!.total += 64 * MiB - memory.device!.activations;
    memory.device!.activations = 64 * MiB;
  }
  const root = rootOf({ "proc/meminfo": `MemAvailable: ${100 * 1024} kB\n` });
  expect(() => checkMachine(made, machine, null, root)).toThrow(
    /^stage first needs 1\d\d MiB of memory \(most of it [a-z ]+: 64 MiB\), and free memory has 100 MiB left$/,
  );
  try {
    checkMachine(made, machine, null, root);
  } catch (error) {
    expect(error).toMatchObject({
      kind: "run",
      hint: expect.stringMatching(/^in the recipe: .* fits.*; or free .* or more$/),
    });
  }
  // Not even the program itself: no change to the recipe would help.
  try {
    checkMachine(made, machine, null, rootOf({ "proc/meminfo": "MemAvailable: 20480 kB\n" }));
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ kind: "run", hint: expect.stringMatching(/^free .* or more$/) });
  }
  expect(() => checkMachine(made, machine, null, rootOf({}))).not.toThrow();
});

test.skipIf(process.platform !== "linux")("a limit that ulimit sets is seen", () => {
  const bytes = 40 * 2 ** 30;
  const limits = execFileSync("bash", ["-c", `ulimit -v ${bytes / 1024}; cat /proc/self/limits`], { encoding: "utf8" });
  const status = readFileSync("/proc/self/status", "utf8");
  const limit = memoryLimit(rootOf({ "proc/self/limits": limits, "proc/self/status": status }));
  expect(limit?.what).toContain("ulimit -v");
  expect(limit?.bytes).toBeLessThan(bytes);
});
