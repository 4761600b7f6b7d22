import { expect, test } from "vitest";
import {
  CUDA_CONTEXT,
  deviceNeed,
  evaluationNeed,
  scorableTokens,
  scoringBytes,
  stageMemory,
} from "../../compiler/memory/index.ts";
import { stageLedger } from "../../compiler/memory/stage.ts";
import type { PlanStage } from "../../compiler/plan.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { checkEvaluation, checkMachine } from "../../runtime/run/check_machine.ts";
import { besideRanks } from "../../runtime/run/memory_needs.ts";
import {
  dividesWeights,
  type Machine,
  rankBytes,
  rankMemory,
  scoringEngine,
} from "../../runtime/train/stage_engine.ts";
import { evaluate, plan } from "./tiny_run.ts";

/** This machine with another amount of memory, and with one CUDA device or none. */
function machine(memoryBytes: number, device: "cpu" | "cuda" = "cpu", devices: number[] = [], free?: number): Machine {
  const addon = loadAddon();
  const cuda = {
    available: devices.length > 0,
    reason: "no driver",
    devices: devices.map((bytes) => ({ name: "test", memoryBytes: bytes, capability: "9.0", driver: "13.0" })),
  };
  const cudaFreeMemory = () => free ?? devices[0]!;
  const describe = () => ({ ...addon.describe(), memoryBytes, cuda });
  return { addon: { ...addon, describe, cudaFreeMemory } as Machine["addon"], device, threads: 1 };
}

test("a stage, and an evaluation, that cannot fit are refused with what they need", () => {
  const given = plan();
  const needed = Math.max(...given.stages.map((stage) => stage.memory.device!.total));
  const scored = scoringBytes(given.model, 4096, "cpu");
  expect(() => checkMachine(given, machine(needed - 1), null)).toThrow(
    /stage \w+ needs .* of memory, and this machine has/,
  );
  expect(scored).toBeGreaterThan(needed);
  expect(() => checkMachine(given, machine(scored - 1), null)).toThrow(
    /the evaluation after stage second, of up to 4,096 tokens at once, needs .* of memory/,
  );
  expect(() => checkMachine(given, machine(scored), null)).not.toThrow();
  const long = { ...evaluate, needle: { ...evaluate.needle!, lengths: [2 ** 20] } };
  expect(() => checkEvaluation("the evaluation", long, given.model, machine(scored))).toThrow(/up to 1,048,576 tokens/);
});

test("what an evaluation is said to need is what its engine takes", async () => {
  const { model } = plan();
  for (const tokens of [4096, 5000]) {
    const engine = scoringEngine({ addon: loadAddon(), device: "cpu", threads: 1 }, model, tokens);
    expect(scoringBytes(model, tokens, "cpu")).toBe(engine.memory().total);
    await engine.close();
  }
});

test("GPUs that divide weights need room for their parts; one GPU, or a process on a CPU, for all of them", () => {
  const given = plan();
  const [first, second] = given.stages;
  const parallel = { ...second!.parallel, devices: 4, ring: 4 };
  const stageOf = (shard?: "all") => ({
    ...second!,
    evaluate: null,
    parallel: { ...parallel, ...(shard && { shard }) },
  });
  const [whole, divided] = [stageOf(), stageOf("all")];
  const four = machine(2 ** 40, "cuda", [2 ** 40, 2 ** 40, 2 ** 40, 2 ** 40]);
  expect([dividesWeights(four, divided), dividesWeights(four, whole)]).toEqual([true, false]);
  expect(dividesWeights(machine(2 ** 40, "cuda", [2 ** 40]), divided)).toBe(false);
  expect(dividesWeights(machine(2 ** 40), divided)).toBe(false);
  const part = rankMemory(given, divided, 4);
  expect(part).toMatchObject({ sharded: true, shares: 4, ranksHere: 1 });
  expect(rankMemory(given, divided, 1)).toMatchObject({ sharded: false });
  const needed = rankBytes(given, divided, 4) + besideRanks(given, divided, 4, 1);
  const on = (stage: PlanStage, free: number) => () =>
    checkMachine({ ...given, stages: [stage], before: null }, machine(2 ** 40, "cuda", [free, free, free, free]), null);
  expect(on(divided, needed)).not.toThrow();
  expect(on(divided, needed - 1)).toThrow(/stage second needs .* of memory, and GPU 0/);
  expect(on(whole, needed)).toThrow(/stage second needs .* of memory, and GPU 0/);
  expect(first!.parallel.shard).toBeUndefined();
});

test("a device that is not there is refused; of the first what is free counts", () => {
  const given = plan();
  expect(() => checkMachine(given, machine(2 ** 40, "cuda"), null)).toThrow(/CUDA is not available here: no driver/);
  expect(() => checkMachine(given, machine(0, "cuda", [2 ** 40, 1]), null)).not.toThrow();
  expect(() => checkMachine(given, machine(2 ** 40, "cuda", [1, 2 ** 40]), null)).toThrow(
    /the GPU \(test, 1 B\) has free 1 B/,
  );
  expect(() => checkMachine(given, machine(2 ** 40, "cuda", [2 ** 40], 100), null)).toThrow(/has free 100 B/);
});

test("a GPU that is found too small before a run is one that was found too small when the recipe was checked (CTX7006)", () => {
  const given = plan();
  const stages = given.stages.map((stage) => {
    const device = stageLedger(stageMemory(given, stage), "cuda", 1);
    return { ...stage, evaluate: null, memory: { ...stage.memory, device } };
  });
  const alone = { ...given, before: null, stages, hardware: { ...given.hardware, kind: "cuda" as const } };
  const need = Math.max(...stages.map((stage) => deviceNeed(alone, stage)));
  // Of what the device has, the context of the process that asks is gone already.
  const free = need - CUDA_CONTEXT;
  expect(() => checkMachine(alone, machine(2 ** 40, "cuda", [need], free), null)).not.toThrow();
  expect(() => checkMachine(alone, machine(2 ** 40, "cuda", [need], free - 1), null)).toThrow(/needs .* of memory/);
});

test("a plan that keeps layer inputs on a disk is not for a GPU", () => {
  const given = plan();
  for (const stage of given.stages) stage.memory = { ...stage.memory, offload: "disk" };
  expect(() => checkMachine(given, machine(2 ** 40, "cuda", [2 ** 40]), null)).toThrow(/on a disk, which is for a CPU/);
});

test("processes that sum their gradients cannot leave them in the host's memory", () => {
  const given = plan();
  const job = { ranks: { size: 2, here: 2, rank: 0 }, broken: false } as unknown as NonNullable<Machine["job"]>;
  for (const stage of given.stages) stage.memory = { ...stage.memory, gradients: "host" };
  expect(() => checkMachine(given, { ...machine(2 ** 40), job }, null)).toThrow(
    /stage first keeps gradients in the host's memory \(gradients = host\), which 2 processes that sum them cannot/,
  );
});

test("an evaluation that is found too long for a GPU before a run is one that was found too long when the recipe was checked (CTX7017)", () => {
  const given = plan();
  const need = evaluationNeed(given.model, "cuda", evaluate);
  const check = (free: number) =>
    checkEvaluation("the evaluation", evaluate, given.model, machine(2 ** 40, "cuda", [need], free));
  expect(() => check(need - CUDA_CONTEXT)).not.toThrow();
  expect(() => check(need - CUDA_CONTEXT - 1)).toThrow(
    /the evaluation, of up to .* tokens at once, needs .* of memory/,
  );
});

test("what is said to fit a device is the most that does", () => {
  const { model, hardware } = plan();
  for (const kind of ["cpu", "cuda"] as const) {
    const need = (tokens: number) =>
      evaluationNeed(model, kind, { ...evaluate, needle: { ...evaluate.needle!, lengths: [tokens] } });
    const held = need(20_480);
    const fitting = (device_bytes: number) => scorableTokens(model, { ...hardware, kind, device_bytes }, 2 ** 20);
    expect(fitting(held)).toBe(20_480);
    expect(fitting(held - 1)).toBe(19_456);
    expect(fitting(need(4096) - 1)).toBe(0);
  }
});
