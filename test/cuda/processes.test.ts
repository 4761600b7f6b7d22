// GPUs of several processes: what one process with as many GPUs learns, to the bit, over the CUDA backend that runs on the host; through the
// hosts' memory, and by a library in NCCL's place that checks what it is asked for (fake_nccl.cc).
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { readMetrics } from "../../runtime/track/metrics.ts";
import { hasMpi, isOpenMpi, ranks, ranksOf, start } from "../ranks/mpirun.ts";
import { ctx, tinyFolder } from "../soak/tiny_cli.ts";
import type { GpuResult } from "./processes_worker.ts";
import { SHIM } from "./shim.ts";
import { apart } from "./small_engine.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 });

const worker = resolve("dist", "test", "processes_worker.js");
const program = (...words: (string | number)[]) => [process.execPath, worker, ...words.map(String)];
const NCCL = resolve("native/build/libctx_fake_nccl.so");
const SHIMS = { ...SHIM, CTX_SHIM_GPUS: "4", CTX_NCCL: NCCL };

beforeAll(() => {
  const targets = ["ctx_cuda_on_host", "ctx_fake_nccl", "ctx_fake_nccl_partly"];
  const made = spawnSync(process.execPath, ["native/build.mjs", ...targets], { encoding: "utf8" });
  expect(made.status, made.stdout + made.stderr).toBe(0);
});

describe.skipIf(!hasMpi || process.arch !== "x64")("GPUs of several processes (needs an MPI)", () => {
  beforeAll(() => {
    const bundled = spawnSync(process.execPath, ["test/soak/program.mjs", "test/cuda/processes_worker.ts"], {
      encoding: "utf8",
    });
    expect(bundled.stderr).toContain("usage"); // run without words it stops at once
  });

  const started = (count: number, words: (string | number)[], env: NodeJS.ProcessEnv) =>
    (count === 1
      ? start(program(...words), ".", { ...SHIMS, ...env })
      : ranks(count, program(...words), ".", { ...SHIMS, ...env })
    ).ended;

  async function trained(count: number, words: (string | number)[], env: NodeJS.ProcessEnv = {}): Promise<GpuResult> {
    const { status, stdout, stderr } = await started(count, words, env);
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain("fake NCCL");
    return JSON.parse(stdout) as GpuResult;
  }

  const known = new Map<string, Promise<GpuResult>>();
  /** What so many GPUs of one process learn. */
  function alone(...words: (string | number)[]): Promise<GpuResult> {
    const key = words.join(" ");
    const result = known.get(key) ?? trained(1, words);
    known.set(key, result);
    return result;
  }

  test.each<[string, number, number, string[], string]>([
    ["a ring of two", 2, 2, [], "000"],
    ["two rings of two, in bf16", 4, 2, ["bf16"], "011"],
    ["two that divide weights and gradients too", 2, 1, ["shard"], "000"],
  ])("learn what as many GPUs of one process do: %s", async (_, count, ring, words, early) => {
    const threads = await alone(ring, count, ...words);
    expect(threads.way).toBe("");
    const env = { CTX_SHIM_EARLY: early };
    const staged = await trained(count, [ring, count, ...words], { ...env, CTX_NCCL: "none" });
    expect(staged.way).toMatch(/^through the hosts' memory, which is slower: on \S+ CTX_NCCL is none$/);
    expect([staged.digest, staged.told]).toEqual([threads.digest, threads.told]);
    const peers = await trained(count, [ring, count, ...words], env);
    expect(peers.way).toBe(`by NCCL 2.27.5 (${NCCL})`);
    expect([peers.digest, peers.told]).toEqual([threads.digest, threads.told]);
    if (ring === 2 && count === 2) expect(apart(peers.told, (await alone(1, 0)).told)).toBeLessThan(1e-3);
  });

  test("more processes than GPUs share them, and go through the host's memory", async () => {
    const shared = await trained(2, [2, 2], { CTX_SHIM_GPUS: "1" });
    expect(shared.way).toMatch(/which is slower: ranks 0 and 1 of a ring share a GPU of \S+$/);
    expect(shared.digest).toBe((await alone(2, 2)).digest);
  });

  test.each([
    ["no id", /rank 0 on \S+: cannot form a ring of devices: NCCL: unhandled system error;/],
    ["no join", /rank [01] on \S+: cannot form a ring of devices: join_peers: NCCL: unhandled system error;/],
    ["refuses", /rank [01]: on \S+: pass_on: NCCL: unhandled system error \(as it was told to\);/],
    // The others wait for what does not come, until it is noticed.
    ["rank 1 loses 3", /rank 1: on \S+: NCCL: remote process exited or there was a network error;/],
  ])("an error of NCCL's ends all, with the rank and its words: %s", async (behaviour, words) => {
    const { status, stderr, stdout } = await started(2, [2, 2], { CTX_FAKE_NCCL: behaviour });
    expect(stderr).toMatch(words);
    expect(status).not.toBe(0);
    expect(stdout).toBe("");
  });

  test.each([NCCL, "none"])("a leader that gives up in the middle waits for nobody: CTX_NCCL=%s", async (library) => {
    const { status, stderr } = await started(2, [2, 2, "cancel"], { CTX_NCCL: library });
    expect(stderr).toContain("given up: CTX_CANCELLED, not done");
    expect(status).toBe(9);
  });
});

describe.skipIf(!hasMpi || process.arch !== "x64")("ctx run on GPUs of several processes (needs an MPI)", () => {
  let folder: string;
  const run = (...words: string[]) => [process.execPath, resolve("dist", "cli", "ctx.js"), "run", ...words];
  const here = (env: NodeJS.ProcessEnv, ...words: string[]) =>
    start(run("--device", "cuda", "--threads", "1", ...words), folder, { ...SHIMS, ...env });
  const metrics = (root: string) => readMetrics(join(folder, root, "metrics.jsonl"));
  const losses = (root: string) => metrics(root).map(({ loss }) => loss);
  const weights = (root: string) => readFileSync(join(folder, root, "stages", "second", "model.safetensors"));

  beforeAll(async () => {
    folder = tinyFolder([3, 1]);
    const file = join(folder, "plan.json");
    const plan = JSON.parse(readFileSync(file, "utf8"));
    for (const stage of plan.stages) {
      Object.assign(stage.parallel, { ring: 2, devices: 2 });
      stage.evaluate = null;
    }
    writeFileSync(file, JSON.stringify({ ...plan, before: null }));
    plan.stages[0].steps = 1_000_000; // never comes to its end
    writeFileSync(join(folder, "long.json"), JSON.stringify({ ...plan, before: null }));
    const { status, stderr } = await here({}, "plan.json", "--out", "threads").ended;
    expect(status, stderr).toBe(0);
  });

  test("a run that loses a rank's transfers says so, and goes on to the same bytes through the hosts' memory", async () => {
    const words = ["--nproc", "2", "--checkpoint-every", "1"];
    const lost = await here({ CTX_FAKE_NCCL: "rank 1 loses 30" }, "plan.json", "--out", "lost", ...words).ended;
    expect(lost.stderr).toContain(
      `the GPUs of these processes pass keys, values and gradients on by NCCL 2.27.5 (${NCCL})`,
    );
    expect(lost.stderr).toMatch(/rank 1: on \S+: NCCL: remote process exited or there was a network error;/);
    expect(lost.status).not.toBe(0);
    const done = losses("lost").length;
    expect(done).toBeGreaterThan(0);
    expect(existsSync(join(folder, "lost", "stages", "second"))).toBe(false);
    const again = await here({ CTX_NCCL: "none" }, "--resume", "lost", ...words).ended;
    expect(again.status, again.stderr).toBe(0);
    expect(again.stderr.match(/on through the hosts' memory, which is slower/g)).toHaveLength(1);
    expect(losses("lost")).toEqual(losses("threads"));
    expect(weights("lost").equals(weights("threads"))).toBe(true);
  });

  test("a rank that is killed ends all, and what was saved is intact", async () => {
    const words = run("long.json", "--device", "cuda", "--threads", "1", "--out", "killed", "--checkpoint-every", "1");
    const job = ranks(2, words, folder, SHIMS);
    let over = false;
    job.ended.then(() => {
      over = true;
    });
    while (!over && metrics("killed").length < 2) await new Promise((wake) => setTimeout(wake, 5));
    const all = ranksOf(job.child.pid!);
    expect(all).toHaveLength(2);
    process.kill(all[1]!, "SIGKILL");
    const { status, stderr } = await job.ended;
    expect(status).not.toBe(0);
    if (isOpenMpi) expect(stderr).toMatch(/rank 1.*(signal 9|Killed)/s);
    expect(stderr).toMatch(/what was saved before is intact: go on with ctx run --resume killed|rank 0: on \S+: NCCL/);
    await vi.waitUntil(() => !all.some((pid) => existsSync(`/proc/${pid}`)), { timeout: 120_000 });
    const again = here({}, "--resume", "killed");
    await vi.waitUntil(() => /going on after step \d+/.test(again.said()), { timeout: 200_000 });
    again.child.kill("SIGINT");
    expect((await again.ended).status).toBe(130);
  });
});

describe.skipIf(process.arch !== "x64")("ctx doctor tells what carries transfers between processes", () => {
  test.each([
    ["NCCL", NCCL, "", /✓ NCCL +NCCL 2\.27\.5 \(.*libctx_fake_nccl\.so\), for GPUs of several processes/],
    [
      "one that is too old",
      NCCL,
      "old",
      /– NCCL +.*fake_nccl\.so: it is version 2\.10\.3, and ctx needs 2\.16\.0 or newer; .* slower/,
    ],
    [
      "one that lacks a function",
      NCCL.replace(".so", "_partly.so"),
      "",
      /– NCCL +.*partly\.so: it lacks ncclRecv; .* slower/,
    ],
    ["one that is not there", "/nowhere/libnccl.so.2", "", /– NCCL +\/nowhere\/libnccl\.so\.2: cannot open.* slower/],
    ["none that is wanted", "none", "", /– NCCL +CTX_NCCL is none; .* slower/],
    [
      "none",
      "",
      "",
      /– NCCL +NCCL was not found \(libnccl\.so\.2, on the loader's path, .*CTX_NCCL may name it\); .* slower/,
    ],
  ])("%s", async (_, library, behaviour, words) => {
    const { stdout } = await ctx(["doctor"], ".", { ...SHIM, CTX_NCCL: library, CTX_FAKE_NCCL: behaviour });
    expect(stdout).toMatch(words);
  });
});
