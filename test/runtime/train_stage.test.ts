import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StepBatch } from "../../runtime/data/stream.ts";
import type { NativeAdamW, NativeEngine } from "../../runtime/engine/addon.ts";
import { type RunEvent, StopSignal } from "../../runtime/run/events.ts";
import type { StepMetrics } from "../../runtime/track/metrics.ts";
import { newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { type StageOptions, trainStage } from "../../runtime/train/train_stage.ts";
import { sampleStage } from "./sample_run.ts";

/** Two micro batches of two tokens: text, then an answer; the prompt's token has no weight. */
const batch: StepBatch = {
  tokens: 4,
  microBatches: [
    { ids: [1, 2], kinds: [0, 0], weights: [0.25, 0.25] },
    { ids: [3, 4], kinds: [1, 2], weights: [0.5, 0] },
  ].map(({ ids, kinds, weights }) => ({
    kinds: Uint8Array.from(kinds),
    batch: {
      ids: Int32Array.from(ids),
      positions: Int32Array.of(0, 1),
      starts: Int32Array.of(0, 0),
      targets: Int32Array.of(5, 6),
      weights: Float32Array.from(weights),
    },
  })),
};

/** An engine that answers with given costs and remembers what it was told. */
function fakeEngine(nll: (call: number) => number, gradNorm: (step: number) => number = () => 2) {
  const steps: NativeAdamW[] = [];
  let accumulated = 0;
  let cleared = 0;
  const engine = {
    accumulate: async () => {
      const cost = nll(accumulated++);
      return { nll: Float32Array.of(cost, cost + 2), correct: Uint8Array.of(1, 0) };
    },
    step: async (hyper: NativeAdamW) => {
      steps.push(hyper);
      return { gradNorm: gradNorm(steps.length) };
    },
    zeroGradients: async () => {
      cleared++;
    },
    memory: () => ({ total: 1000 }),
  } as unknown as NativeEngine;
  return { engine, steps, accumulated: () => accumulated, cleared: () => cleared };
}

function options(
  engine: NativeEngine,
  change: Partial<StageOptions> = {},
): StageOptions & { lines: StepMetrics[]; saved: number[]; notes: string[] } {
  const lines: StepMetrics[] = [];
  const saved: number[] = [];
  const notes: string[] = [];
  return {
    engine,
    stage: sampleStage("long", { steps: 5 }),
    batch: async () => batch,
    done: 0,
    globalBefore: 100,
    adamBefore: 30,
    record: (line) => lines.push(line),
    checkpoint: async (step) => {
      saved.push(step);
      return `checkpoints/${step}`;
    },
    lastCheckpoint: null,
    checkpointEvery: 2,
    listen: (event) => {
      if (event.kind === "note") notes.push(event.text);
    },
    stop: new StopSignal(),
    lines,
    saved,
    notes,
    ...change,
  };
}

test("losses of text and answers are kept apart, and each step gets its learning rate", async () => {
  const { engine, steps, accumulated } = fakeEngine(() => 1);
  const given = options(engine);
  expect(await trainStage(given)).toBe(true);
  expect(accumulated()).toBe(10);
  // Weighted: 1/4 · 1 + 1/4 · 3 + 1/2 · 1. The prompt's token counts nowhere.
  expect(given.lines[0]).toMatchObject({
    stage: "long",
    step: 1,
    global_step: 101,
    loss: 1.5,
    text_loss: 2,
    answer_loss: 1,
    answer_accuracy: 1,
    grad_norm: 2,
    tokens: 4,
    memory_bytes: 1000,
  });
  expect(steps.map((hyper) => hyper.step)).toEqual([31, 32, 33, 34, 35]);
  // Two steps of warm-up, then down to a tenth of 1e-3 over three.
  const rates = [1 / 3, 2 / 3, 1, 0.7, 0.4].map((factor) => 1e-3 * factor);
  for (const [n, hyper] of steps.entries()) expect(hyper.lr).toBeCloseTo(rates[n]!, 12);
  expect(steps[0]).toMatchObject({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, clipNorm: 1, loraPlusRatio: 1 });
  expect(given.saved).toEqual([2, 4, 5]);
});

test("a loss that is no number changes no weight, is told, and after three in a row ends the run", async () => {
  const bad = [1, 3, 4, 6, 7, 8]; // steps, from 0
  const { engine, steps, cleared } = fakeEngine((call) => (bad.includes(Math.floor(call / 2)) ? Number.NaN : 1));
  const given = options(engine, { stage: sampleStage("long", { steps: 20 }), lastCheckpoint: "checkpoints/before" });
  await expect(trainStage(given)).rejects.toMatchObject({
    kind: "run",
    message:
      "the loss is NaN at step 9 of stage long, the 3rd step in a row that could change no weight (since step 7); the last checkpoint with finite weights is checkpoints/6",
    hint: expect.stringMatching(/^likely causes: a learning rate too high \(\S+ before it\); change the recipe/),
  });
  // AdamW never saw a gradient of a bad step, and no checkpoint was taken after one.
  expect(steps.map((hyper) => hyper.step - 31)).toEqual([0, 2, 5]);
  expect(cleared()).toBe(bad.length);
  expect(given.saved).toEqual([6]);
  expect(given.notes).toEqual([
    "step 2 of stage long: the loss is NaN, so no weight was changed (1 in a row; 3 end the run)",
    "step 4 of stage long: the loss is NaN, so no weight was changed (1 in a row; 3 end the run)",
    "step 5 of stage long: the loss is NaN, so no weight was changed (2 in a row; 3 end the run)",
    "step 7 of stage long: the loss is NaN, so no weight was changed (1 in a row; 3 end the run)",
    "step 8 of stage long: the loss is NaN, so no weight was changed (2 in a row; 3 end the run)",
  ]);
  // Every line can be read back: JSON has no NaN.
  expect(given.lines.map((line) => line.loss)).toEqual([1.5, null, 1.5, null, null, 1.5, null, null, null]);
  expect(given.lines.map((line) => line.grad_norm === null)).toEqual(given.lines.map((line) => line.loss === null));
});

test("so does a gradient that overflows; what a stage lacks is named as a cause", async () => {
  const stage = sampleStage("long", { steps: 5 });
  stage.train = {
    ...stage.train,
    clip: null,
    dtype: "bf16",
    schedule: { kind: "constant", warmup_steps: 0, final: 1 },
  };
  const given = options(
    fakeEngine(
      () => 1,
      () => Number.POSITIVE_INFINITY,
    ).engine,
    { stage },
  );
  await expect(trainStage(given)).rejects.toMatchObject({
    message: expect.stringMatching(
      /gradient norm is infinite at step 3 of stage long.*there is no checkpoint before it/,
    ),
    hint: expect.stringMatching(/0\.001 before it\), no clipping .*, no warm-up .*, activations in bf16/),
  });
  expect(given.saved).toEqual([]);
  expect(given.lines.map((line) => [line.loss, line.grad_norm])).toEqual([1, 2, 3].map(() => [1.5, null]));
});

test("stopped within such a row, it saves the state before it, so that going on counts alike", async () => {
  const stop = new StopSignal();
  const given = options(fakeEngine((call) => (call >= 6 ? Number.NaN : 1)).engine, {
    stage: sampleStage("long", { steps: 9 }),
    checkpointEvery: 100,
    stop,
  });
  given.listen = (event: RunEvent) => {
    if (event.kind === "step" && event.metrics.step === 5) stop.request();
  };
  expect(await trainStage(given)).toBe(false);
  expect(given.lines).toHaveLength(5);
  expect(given.saved).toEqual([3]);
});

test("a full disk is named, and the checkpoint before stays", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-full-"));
  let full = false;
  const engine = {
    parameters: () => [{ name: "w", shape: [2], trainable: true }],
    save: async (path: string, header: Uint8Array) => {
      if (full && path.endsWith("adam_v.safetensors")) {
        throw new Error(`write to ${path} failed: No space left on device`);
      }
      writeFileSync(path, header);
    },
  } as unknown as NativeEngine;
  const at = { stage: "long", stage_index: 0, global_step: 1, adam_step: 1, plan_sha256: "x" };
  await saveCheckpoint(folder, engine, { ...at, step: 1 });
  full = true;
  await expect(saveCheckpoint(folder, engine, { ...at, step: 2 })).rejects.toMatchObject({
    kind: "run",
    message: expect.stringContaining("the disk is full"),
  });
  expect(readdirSync(folder)).toEqual(["000-00000001"]);
  expect((await newestCheckpoint(folder, () => {}))!.state.step).toBe(1);
  expect(existsSync(join(folder, "000-00000001", "adam_v.safetensors"))).toBe(true);
});

test("a checkpoint with one changed bit, or with the state of another, is passed over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-damage-"));
  const engine = {
    parameters: () => [{ name: "w", shape: [2], trainable: true }],
    save: async (path: string, header: Uint8Array) => writeFileSync(path, Buffer.concat([header, Buffer.alloc(8)])),
  } as unknown as NativeEngine;
  const at = { stage: "long", stage_index: 0, global_step: 1, adam_step: 1, plan_sha256: "x" };
  for (const step of [1, 2]) await saveCheckpoint(folder, engine, { ...at, step });
  const notes: string[] = [];
  const newest = async () => (await newestCheckpoint(folder, (text) => notes.push(text)))?.state.step ?? null;
  expect(await newest()).toBe(2);
  const weights = join(folder, "000-00000002", "weights.safetensors");
  const bytes = readFileSync(weights);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(weights, bytes);
  expect(await newest()).toBe(1);
  expect(notes).toEqual([
    expect.stringMatching(/000-00000002 is damaged \(the checksum of weights\.safetensors differs\)/),
  ]);
  const state = join(folder, "000-00000001", "state.json");
  const text = readFileSync(state, "utf8");
  for (const broken of [text.replace('"step": 1', '"step": 3'), text.replace('"step": 1', '"step": "1"'), "{}", "["]) {
    writeFileSync(state, broken);
    expect(await newest()).toBeNull();
  }
  writeFileSync(state, text);
  rmSync(join(folder, "000-00000001", "adam_v.safetensors"));
  expect(await newest()).toBeNull();
});
