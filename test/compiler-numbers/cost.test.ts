import { describe, expect, test } from "vitest";
import {
  adapterParameters,
  type CpuFacts,
  causalPairs,
  cpuHardware,
  exchangeSeconds,
  expectedRate,
  forwardFlops,
  gpuHardware,
  HARDWARE_NAMES,
  hardwarePreset,
  hostBytes,
  packedPairs,
  stageFlops,
  stageSeconds,
  updateSeconds,
} from "../../compiler/cost/index.ts";
import { keyValueNumbers, knownConfig, modelFromConfig } from "../../compiler/model/index.ts";

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

  test("DeepSeek-V3: the experts that a token meets, scores over 192 dimensions and values of 128, nothing computed again", () => {
    const v3 = modelFromConfig(knownConfig("deepseek-ai/DeepSeek-V3")!, "x").model!;
    const length = 32_768;
    const { layers, head, attention } = forwardFlops(v3, 1, length);
    const routers = 58 * 7168 * 256;
    expect(layers).toBe(2 * length * (61 * 187_105_280 + 61 * 396_361_728 + routers));
    expect(head).toBe(2 * length * 129_280 * 7168);
    expect(attention).toBe(61 * 2 * 128 * (192 + 128) * causalPairs(length));
    const flops = stageFlops(v3, { ...full, length });
    expect([flops.linear, flops.recompute]).toEqual([3 * (layers + head), 0]);
    // Forward q·k and p·v; backward q·k again, three gradients by scores' and values' dimensions, and dp.
    expect(flops.attention / attention).toBeCloseTo(1 + (3 * 192 + 2 * 128) / (192 + 128), 12);
    // A cache holds the latent and the shared key of each layer: 512 + 64.
    expect([keyValueNumbers(v3), keyValueNumbers(model)]).toEqual([576, 2 * 8 * 128]);
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

  test("packed documents: as often as they are drawn, cut where rows end", () => {
    // A stream of these in turns, cut into rows: what a simulation counts.
    const count = (documents: readonly number[], length: number, window = Number.POSITIVE_INFINITY) => {
      const rows = 4000;
      let [pairs, left, k] = [0, 0, 0];
      for (let row = 0; row < rows; row++) {
        for (let room = length; room > 0; ) {
          if (left === 0) left = documents[k++ % documents.length]!;
          const piece = Math.min(left, room);
          pairs += causalPairs(length, [piece], window);
          left -= piece;
          room -= piece;
        }
      }
      return pairs / rows;
    };
    const mixed = [3, 17, 250, 41, 999, 1501, 77];
    for (const [documents, window] of [
      [mixed, undefined],
      [[101], undefined],
      [[4999, 7001], undefined],
      [mixed, 64],
      [[4999], 300],
    ] as const) {
      expect(packedPairs(documents, 512, window) / count(documents, 512, window)).toBeCloseTo(1, 1);
    }
    expect(packedPairs([1e9], 512) / causalPairs(512)).toBeCloseTo(1, 2);
    expect(packedPairs([1], 512)).toBeCloseTo(512, 0);
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
    // The figure takes the last layer's forward pass as repeated too, which it is not.
    expect(stageSeconds(flops, 600e12, { ...parallel, devices: 1 }) / 2265).toBeCloseTo(1, 1);
  });

  test("keys and values travel behind attention, unless the way is too slow", () => {
    const work = { rows: 1, length: 1048576, ring: 64, checkpointEvery: 1, dtype: "bf16" } as const;
    const h100 = hardwarePreset("h100")!;
    // Each layer: 63 × 64 MiB forward, again backward, with 64 × 128 MiB of fp32 gradients; all but the last forward once more.
    const bytes = 32 * (2 * 63 * 64 + 64 * 128) * 2 ** 20 + 31 * 63 * 64 * 2 ** 20;
    expect(exchangeSeconds(model, work, h100) / (bytes / 50e9)).toBeCloseTo(1, 9);
    // Of f32 on a CPU keys and values are twice as large; a ring of eight has NVLink; one rank sends nothing.
    const within = { ...work, ring: 8 };
    expect(exchangeSeconds(model, within, h100)).toBe(
      exchangeSeconds(model, within, { ...h100, network_bytes_per_second: 1 }),
    );
    expect(exchangeSeconds(model, { ...work, ring: 1 }, h100)).toBe(0);
    const cpu = { ...h100, kind: "cpu" as const };
    expect(exchangeSeconds(model, { ...within, dtype: "f32" }, cpu)).toBeGreaterThan(
      exchangeSeconds(model, within, cpu),
    );

    const flops = stageFlops(model, { ...full, length: 1048576, checkpointEvery: 1 });
    const ring = { devices: 64, ring: 64, layout: "zigzag" as const };
    const rate = expectedRate(h100, "bf16");
    const alone = stageSeconds(flops, rate, ring);
    expect(stageSeconds(flops, rate, ring, exchangeSeconds(model, work, h100))).toBe(alone);
    const slow = exchangeSeconds(model, work, { ...h100, network_bytes_per_second: 1e9 });
    expect(stageSeconds(flops, rate, ring, slow)).toBeGreaterThan(slow);
  });

  test("an optimizer step moves 36 bytes a parameter", () => {
    // 8 billion at 3.35 TB/s.
    const h100 = hardwarePreset("h100")!;
    expect(updateSeconds(8e9, 10, h100)).toBeCloseTo(0.86, 2);
  });

  test("a contiguous ring waits", () => {
    const flops = stageFlops(model, { ...full, length: 1048576 });
    const zigzag = stageSeconds(flops, 1e12, parallel);
    expect(stageSeconds(flops, 1e12, { ...parallel, layout: "contiguous" }) / zigzag).toBeCloseTo(16 / 9, 1);
  });
});

describe("hardware", () => {
  test("presets have plausible figures", () => {
    for (const name of HARDWARE_NAMES) {
      const preset = hardwarePreset(name)!;
      expect(preset.peak_flops_bf16).toBeGreaterThan(3e14);
      // Without tensor cores: on the H200 a product in fp32 took 13 times as long as one in bf16, at 51 TFLOP/s.
      expect(preset.peak_flops_bf16 / preset.peak_flops).toBeGreaterThan(3);
      expect(preset.peak_flops).toBeGreaterThan(1.9e13);
      expect(preset.device_bytes).toBeLessThan(preset.host_bytes);
      expect(preset.efficiency).toBeLessThan(0.6);
      expect(preset.memory_bytes_per_second).toBeGreaterThan(preset.link_bytes_per_second);
      expect(preset.link_bytes_per_second).toBeGreaterThan(preset.network_bytes_per_second);
    }
    expect(HARDWARE_NAMES).toEqual(["l40s", "a100", "a100_40g", "h100", "h200", "b200"]);
  });

  test("unknown names are none", () => {
    for (const name of ["", "H100", "constructor", "tpu"]) expect(hardwarePreset(name)).toBeNull();
  });

  test("this machine, by its instruction set and clock", () => {
    const cpu = (isa: CpuFacts["isa"], more = {}) =>
      cpuHardware({ cores: 2, isa, gigahertz: 3.64, memoryBytes: 2 ** 34, ...more });
    const peaks = (isa: CpuFacts["isa"], more = {}) => {
      const { peak_flops, peak_flops_bf16 } = cpu(isa, more);
      return [peak_flops, peak_flops_bf16].map((flops) => Math.round(flops / 2e9));
    };
    expect(peaks("avx512bf16")).toEqual([233, 466]);
    // Measured on an EPYC of that family: 117 and 234 a core.
    expect(peaks("avx512bf16", { halved: true })).toEqual([116, 233]);
    expect(peaks("avx512", { halved: true })).toEqual([116, 116]);
    expect(peaks("avx2", { halved: true })).toEqual([116, 116]);
    expect(cpu("avx512")).toMatchObject({ kind: "cpu", device_bytes: 2 ** 34, host_bytes: 2 ** 34 });
  });

  test("what was measured counts more; a type without a run keeps the usual share", () => {
    const measured = { peak: { f32: 2e11, bf16: 4e11 }, efficiency: { bf16: 0.5 } };
    const cpu = cpuHardware({ cores: 2, isa: "avx2", memoryBytes: 2 ** 34, measured });
    expect(cpu).toMatchObject({ peak_flops: 2e11, peak_flops_bf16: 4e11, efficiency: 0.92, efficiency_bf16: 0.5 });
    expect(cpu.origin).toBe("measured: 200 GFLOP/s in fp32, 400 in bf16");
    expect([expectedRate(cpu, "f32"), expectedRate(cpu, "bf16")]).toEqual([1.84e11, 2e11]);
  });

  test("a GPU of this machine: its own memory, the rates of its preset", () => {
    const gpu = (name: string, gibibytes: number) =>
      gpuHardware({ name, memoryBytes: gibibytes * 2 ** 30, count: 2, hostBytes: 2 ** 37 });
    const { peak_flops } = hardwarePreset("h100")!;
    expect(gpu("NVIDIA H100 80GB HBM3", 79.1)).toMatchObject({
      ...{ name: "NVIDIA H100 80GB HBM3", kind: "cuda", devices_per_host: 2, peak_flops },
      ...{ device_bytes: 79.1 * 2 ** 30, host_bytes: 2 ** 37 },
    });
    const rates = (name: string, gibibytes: number) => gpu(name, gibibytes).memory_bytes_per_second;
    expect(rates("NVIDIA A100-SXM4-40GB", 39.4)).toBe(hardwarePreset("a100_40g")!.memory_bytes_per_second);
    expect(rates("NVIDIA A100-SXM4-80GB", 79.2)).toBe(hardwarePreset("a100")!.memory_bytes_per_second);
    expect(gpu("NVIDIA GeForce RTX 4090", 23.5)).toMatchObject({
      device_bytes: 23.5 * 2 ** 30,
      origin: "this machine's GPU; its rates are taken to be those of an L40S",
    });
  });

  test("host memory", () => {
    const stage = { sequences: 4, length: 1024, devices: 8, device: 7, offloaded: 0, gradients: 0, moments: 0 };
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
