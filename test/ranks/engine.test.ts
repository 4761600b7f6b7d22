import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { deviceLedger, hostMomentBytes } from "../../compiler/memory/index.ts";
import { readModelConfig } from "../../compiler/model/index.ts";
import { caseFolder, distance } from "../engine/golden.ts";
import { HYPER } from "../engine/native.ts";
import type { WorkerResult } from "./engine_worker.ts";
import { hasMpi, ranks, start } from "./mpirun.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const worker = resolve("dist", "test", "engine_worker.js");
const program = (...words: (string | number)[]) => [process.execPath, worker, ...words.map(String)];

/** Root mean square difference. */
const rms = (a: number[], b: number[]) => Math.hypot(...a.map((x, index) => x - b[index]!)) / Math.sqrt(a.length);
/** Largest relative difference. */
const apart = (a: number[], b: number[]) => Math.max(...a.map((x, index) => Math.abs(x / b[index]! - 1)));

describe.skipIf(!hasMpi)("an engine of several processes (needs an MPI with its compiler at build time)", () => {
  beforeAll(() => {
    // Bundles the worker; run without words it stops at once.
    const made = spawnSync(process.execPath, ["test/soak/program.mjs", "test/ranks/engine_worker.ts"], {
      encoding: "utf8",
    });
    expect(made.stderr).toContain("usage");
  });

  async function trained(count: number, ...words: (string | number)[]): Promise<WorkerResult> {
    const { ended } = count === 1 ? start(program(...words), ".") : ranks(count, program(...words), ".");
    const { status, stdout, stderr } = await ended;
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as WorkerResult;
  }

  // Rounding alone differs: sums are cut differently. Adam's first steps turn the sign of a tiny gradient into a whole step of lr, so
  // values are compared on that scale, and by their mean.
  test.each([
    ["tied-default-d24", "f32", "full", 1e-5],
    ["mistral-window-d16", "f32", "full", 1e-5],
    ["tied-default-d24", "f32", "lora", 1e-5],
    ["tied-default-d24", "bf16", "full", 2e-3],
  ] as const)("%s in %s, %s: as one process", async (name, dtype, method, tolerance) => {
    const alone = await trained(1, name, 1, dtype, method);
    for (const [count, ring] of [
      [2, 2],
      [2, 1],
      [4, 2],
      [3, 1],
    ] as const) {
      const together = await trained(count, name, ring, dtype, method);
      const label = `${count} ranks, rings of ${ring}`;
      expect(apart(together.losses, alone.losses), label).toBeLessThan(tolerance);
      expect(apart(together.norms, alone.norms), label).toBeLessThan(10 * tolerance);
      expect(Object.keys(together.parameters)).toEqual(Object.keys(alone.parameters));
      for (const [parameter, { value, adam_m, adam_v }] of Object.entries(together.parameters)) {
        const other = alone.parameters[parameter]!;
        expect(rms(value, other.value), `${label}, ${parameter}`).toBeLessThan(HYPER.lr * 1000 * tolerance);
        expect(distance(adam_m, other.adam_m), `${label}, ${parameter}`).toBeLessThan(tolerance);
        expect(distance(adam_v, other.adam_v), `${label}, ${parameter}`).toBeLessThan(tolerance);
      }
    }
  });

  test("each process allocates what the ledger says", async () => {
    const name = "tied-default-d24";
    const { model } = readModelConfig(readFileSync(`${caseFolder(name)}/config.json`, "utf8"), name);
    const options = { maxTokens: 1024, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0 };
    for (const [count, ring, dtype] of [
      [2, 2, "f32"],
      [4, 2, "bf16"],
      [3, 1, "f32"],
    ] as const) {
      const { memory } = await trained(count, name, ring, dtype, "full");
      const { kvCache, offloaded, hostGradients, hostMoments, scratch: _, ...terms } = memory;
      expect([offloaded, hostGradients, hostMoments]).toEqual([0, 0, 0]);
      const ledger = deviceLedger(model!, { ...options, dtype, ring, ranksHere: 1, shares: count });
      expect({ ...terms, kv_cache: kvCache }).toEqual(ledger);
    }
  });

  test("shares of moments that wait in the host's memory: the same bytes, and what the ledger says", async () => {
    const name = "tied-default-d24";
    const { model } = readModelConfig(readFileSync(`${caseFolder(name)}/config.json`, "utf8"), name);
    const plan = { maxTokens: 1024, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0 };
    const inside = await trained(3, name, 1, "f32", "full");
    const outside = await trained(3, name, 1, "f32", "full", "moments");
    expect(outside.parameters).toEqual(inside.parameters);
    expect([outside.losses, outside.norms]).toEqual([inside.losses, inside.norms]);
    const { kvCache, hostMoments, offloaded: _, hostGradients: __, scratch: ___, ...terms } = outside.memory;
    const options = { ...plan, ring: 1, shares: 3, hostMoments: true };
    expect({ ...terms, kv_cache: kvCache }).toEqual(deviceLedger(model!, options));
    expect(hostMoments).toBe(hostMomentBytes(model!, options));
    expect(hostMoments).toBe(inside.memory.optimizer);
  });

  test("and of masters, beside matrices in bf16: the same again", async () => {
    const name = "tied-default-d24";
    const { model } = readModelConfig(readFileSync(`${caseFolder(name)}/config.json`, "utf8"), name);
    const inside = await trained(3, name, 1, "bf16", "full");
    const rounded = await trained(3, name, 1, "bf16", "full", "masters");
    expect([rounded.parameters, rounded.losses, rounded.norms]).toEqual([
      inside.parameters,
      inside.losses,
      inside.norms,
    ]);
    const { kvCache, hostMoments, offloaded: _, hostGradients: __, scratch: ___, ...terms } = rounded.memory;
    const plan = { maxTokens: 1024, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0 };
    const held = { dtype: "bf16", hostMoments: true, masters: true } as const;
    const options = { ...plan, ...held, ring: 1, shares: 3 };
    expect({ ...terms, kv_cache: kvCache }).toEqual(deviceLedger(model!, options));
    expect(hostMoments).toBe(hostMomentBytes(model!, options));
    expect(terms.weights).toBeLessThan(0.55 * inside.memory.weights!);
  });

  // A sum of two is the same in either order; more are added in another than where each adds up its own micro batches first.
  test.each([
    [2, 2, "f32", "full", 1e-6],
    [3, 1, "bf16", "lora", 2e-3],
    [4, 2, "f32", "full", 1e-5],
  ] as const)(
    "%i processes in rings of %i, %s, %s: the same where they divide weights and gradients too, of which each holds what the ledger says",
    async (count, ring, dtype, method, tolerance) => {
      const name = "tied-default-d24";
      const whole = await trained(count, name, ring, dtype, method);
      const divided = await trained(count, name, ring, dtype, method, "shard");
      expect(apart(divided.losses, whole.losses)).toBeLessThan(tolerance);
      expect(apart(divided.norms, whole.norms)).toBeLessThan(10 * tolerance);
      for (const [parameter, { value, adam_m }] of Object.entries(divided.parameters)) {
        expect(rms(value, whole.parameters[parameter]!.value), parameter).toBeLessThan(HYPER.lr * 1000 * tolerance);
        expect(distance(adam_m, whole.parameters[parameter]!.adam_m), parameter).toBeLessThan(tolerance);
      }
      const { kvCache, hostMoments: _, offloaded: __, hostGradients: ___, scratch: ____, ...terms } = divided.memory;
      const { model } = readModelConfig(readFileSync(`${caseFolder(name)}/config.json`, "utf8"), name);
      const plan = { maxTokens: 1024, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0, dtype };
      const learning = method === "lora" ? { lora: { rank: 4, targets: ["q_proj", "down_proj"] } } : {};
      const options = { ...plan, ...learning, ring, ranksHere: 1, shares: count, sharded: true };
      expect({ ...terms, kv_cache: kvCache }).toEqual(deviceLedger(model!, options));
    },
  );

  // On a machine with one of them only it is the test above once more.
  test.each([
    ["f32", 1e-5],
    ["bf16", 2e-3],
  ] as const)("hosts with different instruction sets learn the same, in %s", async (dtype, tolerance) => {
    const alone = await trained(1, "tied-default-d24", 1, dtype, "full");
    const together = await trained(4, "tied-default-d24", 2, dtype, "full", "isa");
    expect(apart(together.losses, alone.losses)).toBeLessThan(tolerance);
    expect(apart(together.norms, alone.norms)).toBeLessThan(10 * tolerance);
    // Whoever updates a share hands it to all: the ranks' weights cannot drift apart.
    for (const [name, { adam_m }] of Object.entries(together.parameters))
      expect(distance(adam_m, alone.parameters[name]!.adam_m), name).toBeLessThan(tolerance);
  });

  test("a rank with an engine of another build is refused before anything is computed", async () => {
    const { status, stderr, stdout } = await ranks(2, program("tied-default-d24", 2, "f32", "full", "layout"), ".")
      .ended;
    expect(status).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/rank 1 on \S+ lays its engine out otherwise than rank 0: they do not run the same build/);
  });

  test("a leader that gives up in the middle ends the job with its own status", async () => {
    const { status, stderr } = await ranks(2, program("tied-default-d24", 2, "f32", "full", "cancel"), ".").ended;
    expect(stderr).toContain("given up: CTX_CANCELLED, not done");
    expect(status, stderr).toBe(9);
  });

  test("a ring that does not divide the ranks is refused by every rank", async () => {
    const { status, stderr } = await ranks(3, program("tied-default-d24", 2, "f32", "full"), ".").ended;
    expect(status).not.toBe(0);
    expect(stderr).toContain("ring is 2, which does not divide the 3 ranks of the job");
  });
});
