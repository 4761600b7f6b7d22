import { expect, test } from "vitest";
import { loadAddon } from "../../runtime/engine/load.ts";
import { checkMachine } from "../../runtime/run/check_machine.ts";
import { stagedBytes } from "../../runtime/run/memory_needs.ts";
import { describeGpus, gpusOf, groupsHere, processesOnGpu } from "../../runtime/train/gpus.ts";
import { type Machine, rankBytes, rankMemory } from "../../runtime/train/stage_engine.ts";
import { plan } from "./tiny_run.ts";

/** This machine with GPUs that have so many bytes free each. */
function machine(free: number[], device: "cpu" | "cuda" = "cuda"): Machine {
  const addon = loadAddon();
  const devices = free.map(() => ({ name: "test", memoryBytes: 2 ** 40, capability: "9.0", driver: "13.0" }));
  const describe = () => ({ ...addon.describe(), cuda: { available: true, reason: "", devices } });
  const cudaFreeMemory = (gpu = 0) => free[gpu]!;
  return { addon: { ...addon, describe, cudaFreeMemory } as Machine["addon"], device, threads: 1 };
}

/** The tiny plan in rings of `ring`, `rings` of them. */
function planned(ring: number, rings: number) {
  const given = plan();
  for (const stage of given.stages)
    stage.parallel = { ...stage.parallel, ring, data_parallel: rings, devices: ring * rings };
  return given;
}

const GPUS = (count: number, bytes = 2 ** 40) => new Array<number>(count).fill(bytes);

test.each([
  // GPUs, ring, rings: the GPU of each rank
  [1, 4, 2, [], "one GPU does all of it"],
  [4, 1, 1, [], "one GPU does all of it"],
  [4, 4, 1, [0, 1, 2, 3], "4 GPUs do all of it"],
  [4, 2, 2, [0, 1, 2, 3], "4 GPUs do all of it"],
  [4, 2, 16, [0, 1, 2, 3], "4 GPUs do all of it"],
  [5, 2, 16, [0, 1, 2, 3], "4 GPUs do all of it"],
  [2, 4, 8, [0, 0, 1, 1], "2 GPUs do all of it, as 4 ranks"],
  [3, 4, 1, [0, 0, 1, 2], "3 GPUs do all of it, as 4 ranks"],
  [8, 2, 1, [0, 1], "2 GPUs do all of it"],
])("%i GPUs, rings of %i, %i of them", (gpus, ring, rings, expected, words) => {
  const [stage] = planned(ring, rings).stages;
  expect(gpusOf(machine(GPUS(gpus)), stage!)).toEqual(expected);
  expect(describeGpus(machine(GPUS(gpus)), stage!)).toBe(words);
  expect(groupsHere(machine(GPUS(gpus)), stage!)).toBe(Math.max(1, expected.length / ring));
  expect(gpusOf(machine(GPUS(gpus), "cpu"), stage!)).toEqual([]);
});

test("each GPU must have room for its ranks, and the one that has not is named", () => {
  const given = planned(4, 1);
  const most = Math.max(...given.stages.map((stage) => rankBytes(given, stage, 4)));
  const beside = 2 ** 30;
  expect(() => checkMachine(given, machine(GPUS(4, most + beside)), null)).not.toThrow();
  const [a, b, c] = GPUS(3);
  expect(() => checkMachine(given, machine([a!, b!, c!, 1000]), null)).toThrow(
    /stage \w+ needs .* of memory, and GPU 3 \(test, 1 TiB\) has free 1,000 B/,
  );
  expect(() => checkMachine(given, machine([a!, 1000]), null)).toThrow(
    /stage \w+, with 2 ranks on a GPU, needs .* of memory, and GPU 1 /,
  );
});

/** With `here` processes of a job of `size` on this machine. */
function jobOf(size: number, here: number, free: number[]): Machine {
  const job = { ranks: { size, here, rank: 0 }, broken: false } as unknown as NonNullable<Machine["job"]>;
  return { ...machine(free), job };
}

test.each([
  // processes here, GPUs that each sees, CUDA_VISIBLE_DEVICES: processes on a GPU
  [4, 4, undefined, 1],
  [4, 2, undefined, 2],
  [5, 4, "0,1,2,3", 2],
  [4, 1, undefined, 4],
  [4, 1, "2", 1],
])("%i processes that see %i GPUs each (CUDA_VISIBLE_DEVICES=%s)", (here, gpus, visible, expected) => {
  const env = visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible };
  expect(processesOnGpu(jobOf(8, here, GPUS(gpus)), env)).toBe(expected);
});

test("a process of a job has one GPU, whose room counts for those that share it alone", () => {
  const given = planned(4, 1);
  const most = Math.max(...given.stages.map((stage) => rankBytes(given, stage, 8)));
  const beside = 2 ** 30;
  expect(gpusOf(jobOf(8, 4, GPUS(4)), given.stages[0]!)).toEqual([]);
  expect(groupsHere(jobOf(8, 4, GPUS(4)), given.stages[0]!)).toBe(2);
  expect(describeGpus(jobOf(8, 4, GPUS(4)), given.stages[0]!)).toBe("8 processes do all of it, each on one GPU");
  expect(() => checkMachine(given, jobOf(8, 4, GPUS(4, most + beside)), null)).not.toThrow();
  expect(() => checkMachine(given, jobOf(8, 4, GPUS(4, most)), null)).toThrow(
    /stage \w+ needs .* of memory, and the GPU \(test, 1 TiB\) has free/,
  );
  expect(() => checkMachine(given, jobOf(8, 8, GPUS(4, most + beside)), null)).toThrow(/stage \w+ needs .* of memory/);
});

test("what processes pass on waits in the host's memory: keys, values and gradients that leave and arrive, and a piece of a sum", () => {
  const [ring, alone] = [planned(4, 1), planned(1, 4)];
  const [stage, single] = [ring.stages[0]!, alone.stages[0]!];
  const sums = stagedBytes(alone.model, rankMemory(alone, single, 4));
  expect(sums).toBe(2 * 64 * 2 ** 20);
  const { kv_heads, head_dim } = ring.model;
  const rows = (stage.parallel.micro_batch * stage.length) / 4;
  expect(stagedBytes(ring.model, rankMemory(ring, stage, 4)) - sums).toBe(2 * 2 * rows * kv_heads * head_dim * (4 + 4));
});
