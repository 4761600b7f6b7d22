// Rings whose ranks are GPUs of one process, over the CUDA backend that runs on the host: four GPUs, each with memory of its own, which
// neither the host nor another GPU's kernels and copies may touch (native/cuda/host/runtime.h).
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { NativeEngine, NativeMemoryPlan } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { loadCheckpoint, newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { norm } from "../engine/golden.ts";
import { digest, HYPER, readAll, setSmallRope } from "../engine/native.ts";
import { buildShim, SHIM } from "./shim.ts";
import { apart, smallOptions, steps, tokens } from "./small_engine.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 400_000 });
Object.assign(process.env, SHIM, { CTX_SHIM_GPUS: "4" }); // before the engine looks for the library

/** On GPUs with these numbers, in rings of `ring`. */
async function made(
  devices: number[],
  ring: number,
  memory: Partial<NativeMemoryPlan> = {},
  layers = 1,
  shard: "moments" | "all" = "moments",
): Promise<NativeEngine> {
  const engine = loadAddon().createEngine({ ...smallOptions(ring, layers, memory), devices, shard });
  setSmallRope(engine);
  await engine.initialize(5, 0.3);
  return engine;
}

/** Mean distance of all weights, in steps of the learning rate: Adam turns the sign of a tiny gradient into a whole one. */
async function drift(ours: NativeEngine, theirs: NativeEngine): Promise<number> {
  const [a, b] = [await readAll(ours, "value"), await readAll(theirs, "value")];
  return Math.max(
    ...[...b].map(([name, data]) => norm(a.get(name)!.map((x, i) => x - data[i]!)) / Math.sqrt(data.length) / HYPER.lr),
  );
}

describe.skipIf(process.arch !== "x64")("ranks on several GPUs", () => {
  beforeAll(buildShim);
  afterEach(() => vi.unstubAllEnvs());

  // The second step shows that all ranks have what the first one learned.
  test.each<[string, number[], number, "early" | "late"]>([
    ["a ring of two", [0, 1], 2, "late"],
    ["a ring of four", [0, 1, 2, 3], 4, "early"],
    ["two rings of two", [0, 1, 2, 3], 2, "late"],
    ["three that share no sequence", [3, 0, 2], 1, "early"],
    ["a ring of four on three", [0, 0, 1, 2], 4, "late"],
  ])("learn as one GPU does: %s", async (_, devices, ring, transfers) => {
    vi.stubEnv("CTX_SHIM_EARLY", transfers === "early" ? "011" : "000");
    const one = await made([], 1);
    const many = await made(devices, ring);
    expect(apart(await steps(many, 1, 2), await steps(one, 1, 2))).toBeLessThan(1e-3);
    expect(await drift(many, one)).toBeLessThan(0.05);
    await Promise.all([one.close(), many.close()]);
  });

  test("the same bits every time, with and without direct access, in bf16 and with inputs, or moments and masters, in the host's memory", async () => {
    const bits = async (devices: number[], memory: Partial<NativeMemoryPlan>) => {
      const engine = await made(devices, 2, memory, "offload" in memory ? 3 : 1);
      const told = await steps(engine, 1, "moments" in memory ? 2 : 1); // the second begins with moments
      const values = digest(await readAll(engine, "value"));
      await engine.close();
      return [values, ...told];
    };
    for (const memory of [
      { dtype: "bf16" as const },
      { offload: { to: "host" } as const },
      { moments: "host" as const, weights: "bf16" as const, dtype: "bf16" as const },
    ]) {
      const first = await bits([0, 1, 2, 3].slice(0, "offload" in memory ? 2 : 4), memory);
      vi.stubEnv("CTX_SHIM_PEERS", "0");
      vi.stubEnv("CTX_SHIM_EARLY", "011");
      expect(await bits([3, 2, 1, 0].slice(0, "offload" in memory ? 2 : 4), memory)).toEqual(first);
      vi.unstubAllEnvs();
      if (!("moments" in memory)) continue;
      const inside = { ...memory, moments: "device" as const };
      for (const weights of ["f32", "bf16"] as const)
        expect(await bits([0, 1, 2, 3], { ...inside, weights })).toEqual(first);
    }
  });

  // The order of queues alone keeps a unit's weights in place until they have been computed with, and a sum from being read before it is there.
  test.each<[string, number[], number, Partial<NativeMemoryPlan>, "early" | "late"]>([
    ["a ring of two", [0, 1], 2, { checkpointEvery: 2 }, "late"],
    ["two rings of two", [0, 1, 2, 3], 2, { moments: "host" }, "early"],
    ["three, of which one has nothing to compute", [2, 0, 1], 1, { offload: { to: "host" }, dtype: "bf16" }, "late"],
  ])("divide the weights, and learn what they learn whole: %s", async (_, devices, ring, memory, transfers) => {
    vi.stubEnv("CTX_SHIM_EARLY", transfers === "early" ? "011" : "000");
    const whole = await made(devices, ring, memory, 3);
    const parts = await made(devices, ring, memory, 3, "all");
    expect(apart(await steps(parts, 1, 2), await steps(whole, 1, 2))).toBeLessThan(memory.dtype ? 1e-3 : 1e-4);
    expect(await drift(parts, whole)).toBeLessThan(0.05);
    const bits = digest(await readAll(parts, "value"));
    await Promise.all([whole.close(), parts.close()]);
    vi.stubEnv("CTX_SHIM_EARLY", transfers === "early" ? "000" : "011");
    const again = await made(devices, ring, memory, 3, "all");
    await steps(again, 1, 2);
    expect(digest(await readAll(again, "value"))).toBe(bits);
    await again.close();
  });

  test("a checkpoint goes on with other GPUs", async () => {
    const four = await made([0, 1, 2, 3], 2);
    await steps(four, 1, 1);
    const folder = mkdtempSync(join(tmpdir(), "ctx-gpus-"));
    const at = { stage: "s", stage_index: 0, step: 1, global_step: 1, adam_step: 1, plan_sha256: "" };
    await saveCheckpoint(folder, four, at);
    const expected = await steps(four, 2, 2);
    for (const [devices, ring, tolerance] of [
      [[0, 1, 2, 3], 2, 0],
      [[1, 0], 2, 1e-3],
    ] as const) {
      const again = await made([...devices], ring);
      await loadCheckpoint((await newestCheckpoint(folder, () => {}))!, again, true);
      expect(apart(await steps(again, 2, 2), expected)).toBeLessThanOrEqual(tolerance);
      await again.close();
    }
    await four.close();
  });

  test.each(["moments", "all"] as const)(
    "each GPU gives its ranks what the ledger says, and gets it back: %s",
    async (shard) => {
      const addon = loadAddon();
      const free = () => [0, 1, 2, 3].map((gpu) => addon.cudaFreeMemory(gpu));
      const before = free();
      const engine = await made([0, 2, 2, 3], 4, {}, 1, shard);
      const { total } = engine.memory();
      const taken = free().map((bytes, gpu) => before[gpu]! - bytes);
      expect(taken).toEqual([1, 0, 2, 1].map((ranks) => ranks * (total + 4))); // 4: where kernels tell of a token that is none
      await engine.close();
      expect(free()).toEqual(before);
    },
  );

  test("a rank whose GPU has no memory is named, and nothing is left behind", async () => {
    const addon = loadAddon();
    const before = addon.cudaFreeMemory(0);
    vi.stubEnv("CTX_SHIM_FULL", "2");
    expect(() => addon.createEngine({ ...smallOptions(3), devices: [0, 1, 2] })).toThrow(
      /createEngine: rank 2 on device 2: .*no memory for \d+ bytes on the GPU/,
    );
    vi.unstubAllEnvs();
    expect(addon.cudaFreeMemory(0)).toBe(before);
    expect(() => addon.createEngine({ ...smallOptions(3), devices: [0, 1, 4] })).toThrow(
      /rank 2 on device 4: .*there are 4 GPUs, and none with index 4/,
    );
    expect(addon.cudaFreeMemory(0)).toBe(before);
  });

  test.each(["moments", "all"] as const)(
    "a rank that fails in the middle of a step ends it everywhere with its own words: %s",
    async (shard) => {
      const engine = await made([0, 1, 2], 3, {}, 1, shard);
      await steps(engine, 1, 1);
      const bad = tokens(24, 1);
      vi.stubEnv("CTX_SHIM_BROKEN", "2");
      await expect(engine.accumulate(bad)).rejects.toThrow(/rank 2.*: unspecified launch failure/);
      vi.unstubAllEnvs();
      await expect(engine.accumulate(bad)).rejects.toThrow(/an earlier operation was left in its middle/);
      await engine.close();
      const again = await made([0, 1, 2], 3, {}, 1, shard);
      expect(await steps(again, 1, 1)).toHaveLength(3);
      await again.close();
    },
  );

  test("a cancelled step ends on all ranks", async () => {
    for (const [delay, shard] of [
      [0, "moments"],
      [5, "moments"],
      [5, "all"],
      [30, "all"],
    ] as const) {
      const engine = await made([0, 1, 2, 3], 4, {}, 1, shard);
      const running = engine.accumulate(tokens(48, 7)).catch((error: Error & { code?: string }) => error.code);
      await new Promise((wake) => setTimeout(wake, delay));
      engine.cancel();
      const ended = await running;
      if (typeof ended === "string") expect(ended).toBe("CTX_CANCELLED");
      await engine.close();
    }
  });
});
