import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { calibrate } from "../../cli/calibrate.ts";
import { calibrationFile, readCalibration } from "../../cli/calibration.ts";
import { nodeHost } from "../../cli/host.ts";
import { processorName } from "../../cli/processor.ts";
import { movingSeconds, savingSeconds, updateSeconds } from "../../compiler/cost/index.ts";
import { compile } from "../../compiler/index.ts";
import type { Plan } from "../../compiler/plan.ts";
import { collectRun } from "../../runtime/report/collect.ts";
import { reachedRate } from "../../runtime/report/reached.ts";
import type { RunOrigin } from "../../runtime/run/folder.ts";
import { writeSampleRun } from "../runtime/sample_run.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ctx-calibrate-"));
  vi.stubEnv("XDG_CONFIG_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const cores = cpus().length;
const here = { processor: processorName(), threads: cores };

/** A run of this machine whose steps of 0.82 s reach so many FLOP/s, in fp32 and, if asked for, in bf16 in the second stage. */
function runAt(rate: number, { machine = here, bf16 = false, name = "run" } = {}): string {
  const root = join(folder, name);
  mkdirSync(root);
  writeSampleRun(root);
  const edit = <T>(file: string, change: (value: T) => void) => {
    const value = JSON.parse(readFileSync(join(root, file), "utf8")) as T;
    change(value);
    writeFileSync(join(root, file), JSON.stringify(value));
  };
  edit<Plan>("plan.json", (plan) => {
    for (const stage of plan.stages) stage.flops.total = rate * 0.82 * stage.steps;
    if (bf16) plan.stages[1]!.train.dtype = "bf16";
  });
  edit<RunOrigin>("run.json", (origin) => Object.assign(origin, { machine }));
  return root;
}

const secondsOf = (dtype: string) =>
  compile(
    `model { from = "meta-llama/Llama-3.2-1B" }
data { source text { files = "text/*.txt" } }
train { dtype = ${dtype} }
stage a { length = 2Ki  steps = 10  batch = 1 }
`,
    nodeHost(),
  ).plan!;

describe("ctx doctor --calibrate", () => {
  test("the peak is measured and plans go by it, bf16 by its own", () => {
    const { peak } = calibrate([]);
    expect(peak.f32).toBeGreaterThan(1e9 * cores);
    expect(peak.bf16).toBeGreaterThan(0.9 * peak.f32);
    expect(peak.bf16).toBeLessThan(2.5 * peak.f32);
    const [f32, bf16] = [secondsOf("f32"), secondsOf("bf16")];
    expect(f32.hardware).toMatchObject({ peak_flops: peak.f32, peak_flops_bf16: peak.bf16, efficiency: 0.92 });
    expect(f32.hardware.origin).toMatch(/^measured: /);
    const [work, half] = [f32.stages[0]!, bf16.stages[0]!];
    const { model, hardware } = f32;
    for (const [stage, dtype, rate] of [
      [work, "f32", 0.92 * peak.f32],
      [half, "bf16", 0.75 * peak.bf16],
    ] as const) {
      const { steps, tokens, flops, memory } = stage;
      const moved = { tokens, steps, checkpointEvery: memory.checkpoint_every, dtype };
      const moving = movingSeconds(model, moved, hardware) + updateSeconds(model.parameters, steps, hardware);
      const computing = flops.total / rate + moving;
      const { parameters } = model;
      const saving = savingSeconds(computing, { parameters, trained: parameters }, "cpu");
      expect(stage.seconds / (computing + saving)).toBeCloseTo(1, 3);
    }
  });

  test("a run's share of the peak is what later plans expect, and stays when the peak is measured again", () => {
    const { peak } = calibrate([]);
    const share = calibrate([runAt(peak.f32 / 2), runAt(peak.f32 / 4, { bf16: true, name: "other" })]).efficiency;
    expect(share.f32).toBeGreaterThan(0.25);
    expect(share.f32).toBeLessThan(0.5);
    expect(share.bf16).toBeLessThan(share.f32!);
    expect(calibrate([]).efficiency).toEqual(share);
    expect(secondsOf("f32").hardware.efficiency).toBe(share.f32);
  });

  test("the median step counts, of each type apart", () => {
    const root = runAt(2e9, { bf16: true });
    const slow = readFileSync(join(root, "metrics.jsonl"), "utf8").replace('"seconds":0.82', '"seconds":99');
    writeFileSync(join(root, "metrics.jsonl"), slow);
    const { f32, bf16 } = reachedRate(collectRun(root));
    // What a plan counts apart is taken off the time, of so small a model some thousandths.
    for (const rate of [f32!, bf16!]) {
      expect(rate / 2e9).toBeGreaterThan(1);
      expect(rate / 2e9).toBeLessThan(1.01);
    }
  });

  test.each([
    ["another processor", { machine: { processor: "Z80", threads: cores } }, "ran on another processor, Z80"],
    ["fewer threads", { machine: { processor: here.processor, threads: cores + 1 } }, `computed with ${cores + 1} of`],
    ["an earlier version", { machine: undefined as never }, "does not say what it computed on"],
  ])("a run of %s is refused, and nothing is kept", (_, change, problem) => {
    const root = runAt(1e9, change);
    if (change.machine === undefined) {
      const { machine: _machine, ...origin } = JSON.parse(readFileSync(join(root, "run.json"), "utf8"));
      writeFileSync(join(root, "run.json"), JSON.stringify(origin));
    }
    expect(() => calibrate([root])).toThrow(problem);
    expect(readCalibration()).toBeUndefined();
  });

  test.each([
    ["no JSON", "{"],
    [
      "another machine's",
      JSON.stringify({ version: 1, processor: "Z80", cores, peak: { f32: 1e9, bf16: 1e9 }, efficiency: {} }),
    ],
    ["impossible", JSON.stringify({ version: 1, ...here, cores, peak: { f32: -1, bf16: 1e9 }, efficiency: {} })],
    [
      "a share above 1",
      JSON.stringify({ version: 1, ...here, cores, peak: { f32: 1e9, bf16: 1e9 }, efficiency: { f32: 7 } }),
    ],
  ])("a file of figures that is %s counts for nothing", (_, text) => {
    mkdirSync(dirname(calibrationFile()), { recursive: true });
    writeFileSync(calibrationFile(), text);
    expect(secondsOf("f32").hardware.origin).toContain("a cycle");
  });
});
