// GPUs of several processes: what one process with as many GPUs learns, to the bit, over the CUDA backend that runs on the host.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { hasMpi, ranks, start } from "../ranks/mpirun.ts";
import { tinyFolder } from "../soak/tiny_cli.ts";
import type { GpuResult } from "./processes_worker.ts";
import { buildShim, SHIM } from "./shim.ts";
import { apart } from "./small_engine.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 });

const worker = resolve("dist", "test", "processes_worker.js");
const program = (...words: (string | number)[]) => [process.execPath, worker, ...words.map(String)];
const SHIMS = { ...SHIM, CTX_SHIM_GPUS: "4" };

describe.skipIf(!hasMpi || process.arch !== "x64")("GPUs of several processes (needs an MPI)", () => {
  beforeAll(() => {
    buildShim();
    const made = spawnSync(process.execPath, ["test/soak/program.mjs", "test/cuda/processes_worker.ts"], {
      encoding: "utf8",
    });
    expect(made.stderr).toContain("usage"); // bundled; run without words it stops at once
  });

  async function trained(count: number, words: (string | number)[], env: NodeJS.ProcessEnv = {}): Promise<GpuResult> {
    const all = { ...SHIMS, ...env };
    const { ended } = count === 1 ? start(program(...words), ".", all) : ranks(count, program(...words), ".", all);
    const { status, stdout, stderr } = await ended;
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as GpuResult;
  }

  test.each<[string, number, number, string[]]>([
    ["a ring of two", 2, 2, []],
    ["two rings of two, in bf16", 4, 2, ["bf16"]],
    ["three that share no sequence", 3, 1, []],
  ])("through the hosts' memory: %s", async (_, count, ring, words) => {
    const threads = await trained(1, [ring, count, ...words]);
    expect(threads.way).toBe("");
    const processes = await trained(count, [ring, count, ...words], { CTX_SHIM_EARLY: "1" });
    expect(processes.way).toMatch(/^through the hosts' memory/);
    expect([processes.digest, processes.told]).toEqual([threads.digest, threads.told]);
    if (words.length === 0) expect(apart(processes.told, (await trained(1, [1, 0])).told)).toBeLessThan(1e-3);
  });

  test("more processes than GPUs share them", async () => {
    const shared = await trained(4, [4, 4], { CTX_SHIM_GPUS: "2" });
    expect(shared.digest).toBe((await trained(1, [4, 4])).digest);
  });

  test("ctx run", async () => {
    const folder = tinyFolder([2, 1]);
    const file = join(folder, "plan.json");
    const plan = JSON.parse(readFileSync(file, "utf8"));
    for (const stage of plan.stages) Object.assign(stage.parallel, { ring: 2, devices: 2 });
    writeFileSync(file, JSON.stringify(plan));
    const words = ["run", "plan.json", "--device", "cuda", "--threads", "1"];
    const run = (...more: string[]) =>
      start([process.execPath, resolve("dist", "cli", "ctx.js"), ...words, ...more], folder, SHIMS).ended;
    const alone = await run("--out", "threads");
    expect(alone.status, alone.stderr).toBe(0);
    const { status, stderr } = await run("--out", "processes", "--nproc", "2");
    expect(status, stderr).toBe(0);
    expect(
      stderr.match(/the GPUs of these processes pass keys, values and gradients on through the hosts' memory/g),
    ).toHaveLength(1);
    const losses = (root: string) => readMetrics(join(folder, root, "metrics.jsonl")).map(({ loss }) => loss);
    expect(losses("processes")).toEqual(losses("threads"));
    const weights = (root: string) => readFileSync(join(folder, root, "stages", "second", "model.safetensors"));
    expect(weights("processes").equals(weights("threads"))).toBe(true);
  });
});
