import { describe, expect, test } from "vitest";
import {
  adapterParameters,
  causalPairs,
  cpuHardware,
  forwardFlops,
  HARDWARE_NAMES,
  hardwarePreset,
  hostBytes,
  stageFlops,
  stageSeconds,
} from "../../compiler/cost/index.ts";
import { knownConfig, modelFromConfig } from "../../compiler/model/index.ts";

const model = modelFromConfig(knownConfig("meta-llama/Meta-Llama-3-8B-Instruct")!, "x").model!;
const full = { steps: 1, sequences: 1, checkpointEvery: 0, lora: null };

describe("FLOPs", () => {
  // Llama 3 8B: 7.505e9 weights in matrix products, 4096 × 32 attention width, from the formulas with T² for T(T+1)
  test.each([
    [131072, 1.97e15, 4.5e15],
    [524288, 7.87e15, 7.21e16],
    [1048576, 1.57e16, 2.88e17],
  ])("forward over one row of %d", (length, linear, attention) => {
    const flops = forwardFlops(model, 1, length);
    expect((flops.layers + flops.head) / linear).toBeCloseTo(1, 2);
    expect(flops.attention / attention).toBeCloseTo(1, 2);
  });

  test.each([
    [131072, 2.8e16],
    [524288, 3.55e17],
    [1048576, 1.36e18],
  ])("a training step with full recomputation at %d", (length, total) => {
    expect(stageFlops(model, { ...full, length, checkpointEvery: 1 }).total / total).toBeCloseTo(1, 1);
  });

  // What the engine really does is counted in test/native-flops.
  test("terms add up; recomputation never repeats the head, and is least where one segment holds all layers", () => {
    const flops = stageFlops(model, { ...full, length: 8192, checkpointEvery: 1 });
    const forward = forwardFlops(model, 1, 8192);
    expect(flops.total).toBe(flops.linear + flops.attention + flops.recompute);
    expect(flops.recompute).toBeLessThan(forward.layers + forward.attention);
    expect(flops.recompute).toBeGreaterThan(0.6 * (forward.layers + forward.attention));
    expect(stageFlops(model, { ...full, length: 8192 }).recompute).toBe(0);
    const whole = stageFlops(model, { ...full, length: 8192, checkpointEvery: 32 });
    expect(whole.recompute).toBe(32 * 2 * 2 * 4096 * 14336 * 8192);
  });

  test("attention equals linear near 61K tokens when both count forward and backward alike", () => {
    const { layers, head, attention } = forwardFlops(model, 1, 61_264);
    expect(attention / (layers + head)).toBeCloseTo(1.07, 1);
  });

  test("documents only ever save", () => {
    expect(causalPairs(100)).toBe(5050);
    expect(causalPairs(100, [50, 50])).toBe(2550);
    const visible = (length: number, window: number) =>
      Array.from({ length }, (_, query) => Math.min(query + 1, window)).reduce((sum, keys) => sum + keys, 0);
    for (const window of [1, 7, 99, 100, 5000]) {
      expect(causalPairs(100, [100], window)).toBe(visible(100, window));
      expect(causalPairs(100, [60, 40], window)).toBe(visible(60, window) + visible(40, window));
    }
  });

  test("LoRA: r = 64 on all maps of Llama 3 8B is 168M weights, and a third of the linear work is gone", () => {
    const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    expect(adapterParameters(model, { rank: 64, targets })).toBe(167_772_160);
    const lora = stageFlops(model, { ...full, length: 8192, lora: { rank: 8, targets: ["q_proj", "v_proj"] } });
    expect(lora.linear / stageFlops(model, { ...full, length: 8192 }).linear).toBeCloseTo(2 / 3, 2);
  });
});

describe("time", () => {
  const parallel = { devices: 8, ring: 8, layout: "zigzag" as const };

  test("a step of one million tokens on one device at 600 TFLOP/s takes 2,265 seconds", () => {
    const flops = stageFlops(model, { ...full, length: 1048576, checkpointEvery: 1 });
    const hardware = { peak_flops: 600e12, efficiency: 1 };
    // The figure takes the last layer's forward pass as repeated too, which it is not.
    expect(stageSeconds(flops, hardware, { ...parallel, devices: 1 }) / 2265).toBeCloseTo(1, 1);
  });

  test("Gradient's five stages on L40S: within 25% of the published GPU minutes together", () => {
    const l40s = hardwarePreset("l40s")!;
    const stages = [
      { length: 65536, steps: 30, sequences: 32, gpus: 8, minutes: 202 },
      { length: 262144, steps: 24, sequences: 16, gpus: 32, minutes: 555 },
      { length: 524288, steps: 50, sequences: 16, gpus: 512, minutes: 61 },
      { length: 1048576, steps: 50, sequences: 16, gpus: 512, minutes: 87 },
      { length: 4194304, steps: 12, sequences: 4, gpus: 512, minutes: 433 },
    ];
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    const predicted = stages.map((stage) => {
      const flops = stageFlops(model, { ...stage, checkpointEvery: 1, lora: null });
      return (stageSeconds(flops, l40s, { ...parallel, devices: stage.gpus }) / 60) * stage.gpus;
    });
    const published = sum(stages.map((stage) => stage.gpus * stage.minutes));
    expect(published).toBe(316_848);
    expect(Math.abs(sum(predicted) / published - 1)).toBeLessThan(0.25);
    // The 1M stage's published time would need more than the card's whole peak at its published batch.
    expect((predicted[3]! * l40s.efficiency) / (512 * 87)).toBeGreaterThan(1);
  });

  test("a contiguous ring waits", () => {
    const flops = stageFlops(model, { ...full, length: 1048576 });
    const hardware = { peak_flops: 1e12, efficiency: 1 };
    const zigzag = stageSeconds(flops, hardware, parallel);
    expect(stageSeconds(flops, hardware, { ...parallel, layout: "contiguous" }) / zigzag).toBeCloseTo(16 / 9, 1);
  });
});

describe("hardware", () => {
  test("presets have plausible figures", () => {
    for (const name of HARDWARE_NAMES) {
      const preset = hardwarePreset(name)!;
      expect(preset.peak_flops).toBeGreaterThan(3e14);
      expect(preset.device_bytes).toBeLessThan(preset.host_bytes);
      expect(preset.efficiency).toBeLessThan(0.6);
    }
    expect(HARDWARE_NAMES).toEqual(["l40s", "a100", "h100", "h200", "b200"]);
  });

  test("unknown names are none", () => {
    for (const name of ["", "H100", "constructor", "tpu"]) expect(hardwarePreset(name)).toBeNull();
  });

  test("this machine", () => {
    const cpu = cpuHardware({ cores: 2, isa: "avx512", gigahertz: 3.64, memoryBytes: 2 ** 34 });
    expect(cpu.peak_flops / 2).toBeCloseTo(233e9, -9);
    expect(cpu).toMatchObject({ kind: "cpu", device_bytes: 2 ** 34, host_bytes: 2 ** 34 });
  });

  test("host memory", () => {
    const stage = { sequences: 4, length: 1024, devices: 8, device: 7, offloaded: 0 };
    expect(hostBytes(stage, { kind: "cpu", devices_per_host: 1 })).toEqual({ engine: 7 });
    // Twenty bytes a token; twelve devices stand in two hosts of eight.
    const gpus = { kind: "cuda", devices_per_host: 8 } as const;
    expect(hostBytes(stage, gpus)).toEqual({ batch: 81_920 });
    expect(hostBytes({ ...stage, devices: 12 }, gpus)).toEqual({ batch: 40_960 });
    // What waits for eight devices waits in one host, of twelve six to a host.
    expect(hostBytes({ ...stage, offloaded: 100 }, gpus)).toEqual({ batch: 81_920, offload: 800 });
    expect(hostBytes({ ...stage, devices: 12, offloaded: 100 }, gpus)).toEqual({ batch: 40_960, offload: 600 });
  });
});
