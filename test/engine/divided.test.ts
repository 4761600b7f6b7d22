// Weights that ranks divide (native/model/divided_weights.h), on ranks that are threads of this process, each with memory of its own: what they
// learn is what ranks learn that divide moments alone, within the order of sums.
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type {
  NativeEngine,
  NativeEngineOptions,
  NativeMemoryPlan,
  NativeModelShape,
  NativeTraining,
} from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { loadCheckpoint, newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { norm } from "./golden.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

vi.setConfig({ testTimeout: 60_000 });

interface Case {
  ranks: number;
  ring: number;
  shard: NativeEngineOptions["shard"];
  model?: Partial<NativeModelShape>;
  memory?: Partial<NativeMemoryPlan>;
  training?: NativeTraining;
}

const LORA = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj", "down_proj"], seed: 3 };

async function made({ ranks, ring, shard, model, memory, training }: Case): Promise<NativeEngine> {
  const engine = loadAddon().createEngine({
    ...{ device: "cpu", threads: ranks, ring, devices: Array.from({ length: ranks }, () => 0), shard: shard! },
    model: {
      ...{ vocabSize: 61, hiddenSize: 16, intermediateSize: 24, layers: 5, heads: 4, kvHeads: 2, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true, ...model },
    },
    memory: { maxTokens: 48, train: true, checkpointEvery: 1, lossChunk: 16, kvCacheTokens: 0, ...memory },
    ...(training && { training }),
  });
  setSmallRope(engine);
  await engine.initialize(5, 0.3);
  return engine;
}

const batches = (count: number, step: number) =>
  Array.from({ length: count }, (_, k) => madeUpBatch(16 - 2 * k, 7 * step + k, 61, 0.5 / count / 16));

/** Steps of so many micro batches each; losses and norms. */
async function steps(engine: NativeEngine, from: number, to: number, micro: number, clipNorm = HYPER.clipNorm) {
  const told: number[] = [];
  for (let step = from; step <= to; step++) {
    for (const { nll } of await engine.accumulateAll(batches(micro, step)))
      told.push(nll.reduce((sum, value) => sum + value));
    told.push((await engine.step({ ...HYPER, step, clipNorm })).gradNorm);
  }
  return told;
}

const apart = (ours: number[], theirs: number[]) => Math.max(...ours.map((x, i) => Math.abs(x / theirs[i]! - 1)));

/** Mean distance of all weights, in steps of the learning rate: Adam turns the sign of a tiny gradient into a whole one. */
async function drift(ours: NativeEngine, theirs: NativeEngine): Promise<number> {
  const [a, b] = [await readAll(ours, "value"), await readAll(theirs, "value")];
  return Math.max(
    ...[...b].map(([name, data]) => norm(a.get(name)!.map((x, i) => x - data[i]!)) / Math.sqrt(data.length) / HYPER.lr),
  );
}

describe("ranks that divide the weights", () => {
  test.each<[string, Omit<Case, "shard">, number]>([
    ["two that share no sequence", { ranks: 2, ring: 1 }, 2],
    ["a ring of two", { ranks: 2, ring: 2, model: { tieWordEmbeddings: false } }, 1],
    ["a ring of four, two groups of heads", { ranks: 4, ring: 4, memory: { headGroups: 2 } }, 1],
    ["two rings of two, three micro batches", { ranks: 4, ring: 2, model: { qkvBias: true, qkNorm: true } }, 3],
    ["three, two micro batches", { ranks: 3, ring: 1, model: { tieWordEmbeddings: false, layers: 1 } }, 2],
    ["checkpoints of two layers", { ranks: 2, ring: 2, memory: { checkpointEvery: 2 } }, 2],
    ["all activations kept", { ranks: 2, ring: 1, memory: { checkpointEvery: 0, dtype: "bf16" } }, 3],
    ["inputs and moments outside", { ranks: 2, ring: 2, memory: { offload: { to: "host" }, moments: "host" } }, 2],
    ["an adapter", { ranks: 2, ring: 2, training: { lora: LORA } }, 2],
    [
      "an adapter beside matrices in bf16, of which two learn",
      {
        ranks: 3,
        ring: 1,
        memory: { dtype: "bf16" },
        training: { lora: LORA, alsoTrain: ["k_proj.weight", "down_proj"] },
      },
      2,
    ],
    [
      "an adapter with norms and some of the weights that lie together",
      {
        ...{ ranks: 4, ring: 2, model: { tieWordEmbeddings: false } },
        training: { lora: LORA, alsoTrain: ["norm", "k_proj.weight", "lm_head"] },
      },
      3,
    ],
  ])("learn what those do that divide moments alone: %s", async (_, given, micro) => {
    const whole = await made({ ...given, shard: "moments" });
    const parts = await made({ ...given, shard: "all" });
    expect(digest(await readAll(parts, "value"))).toBe(digest(await readAll(whole, "value")));
    const tolerance = given.memory?.dtype === "bf16" ? 1e-3 : 2e-5;
    expect(apart(await steps(parts, 1, 3, micro), await steps(whole, 1, 3, micro))).toBeLessThan(tolerance);
    expect(await drift(parts, whole)).toBeLessThan(0.05);
    await Promise.all([whole.close(), parts.close()]);
  });

  // A sum of two is the same in either order; a norm that does not clip changes nothing. The gradient of an embedding that is the output layer too has
  // two parts on each rank.
  test("two ranks with a micro batch each learn the same to the bit", async () => {
    const trainings = [{}, { lora: LORA }, { lora: LORA, alsoTrain: ["norm", "embed_tokens", "layers.0.mlp"] }];
    const given = fc.record({
      training: fc.constantFrom(...trainings),
      tieWordEmbeddings: fc.boolean(),
      layers: fc.integer({ min: 1, max: 5 }),
      checkpointEvery: fc.integer({ min: 0, max: 3 }),
    });
    const property = fc.asyncProperty(given, async ({ training, tieWordEmbeddings, layers, checkpointEvery }) => {
      fc.pre(!tieWordEmbeddings || training === trainings[1]);
      const learned = [];
      for (const shard of ["moments", "all"] as const) {
        const [model, memory] = [{ tieWordEmbeddings, layers }, { checkpointEvery }];
        const engine = await made({ ranks: 2, ring: 1, shard, training, model, memory });
        await steps(engine, 1, 3, 2, Number.POSITIVE_INFINITY);
        learned.push(digest(await readAll(engine, "value")));
        await engine.close();
      }
      expect(learned[1]).toBe(learned[0]);
    });
    await fc.assert(property, { numRuns: 15 });
  });

  // On a device that notes what each queue touches and waits for, of every kind of model, and micro batches.
  test("events order all that touches the same bytes, and a unit waits for nothing that comes beside it", () => {
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_test_divided"], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { stdout, stderr } = spawnSync("native/build/ctx_test_divided", [`${seed}`, "40"], { encoding: "utf8" });
    expect(`${stdout}${stderr}`, `seed ${seed}`).toBe("40 models, 0 failures\n");
  });

  test("the same bits at every run, and a rank holds its part", async () => {
    const given = { ranks: 4, ring: 2, model: { hiddenSize: 32, intermediateSize: 64, layers: 9 } };
    const digests = [];
    for (let run = 0; run < 2; run++) {
      const engine = await made({ ...given, shard: "all" });
      await steps(engine, 1, 2, 3);
      digests.push(digest(await readAll(engine, "value")));
      const { weights, gradients, optimizer } = engine.memory();
      await engine.close();
      const whole = await made({ ...given, shard: "moments" });
      const largest = (whole.memory().weights - 4 * 61 * 32) / 9;
      expect(weights).toBeLessThan(whole.memory().weights / 4 + 2.1 * largest);
      expect(gradients).toBeLessThan(whole.memory().gradients / 4 + 2.1 * largest);
      expect(optimizer).toBeLessThan(1.1 * whole.memory().optimizer);
      await whole.close();
    }
    expect(digests[1]).toBe(digests[0]);
  });

  test("a checkpoint goes on divided, with moments divided alone, and on other ranks", async () => {
    const parts: Case = { ranks: 4, ring: 2, shard: "all", training: { lora: LORA, alsoTrain: ["norm"] } };
    const engine = await made(parts);
    await steps(engine, 1, 1, 3);
    const folder = mkdtempSync(join(tmpdir(), "ctx-divided-"));
    const at = { stage: "s", stage_index: 0, step: 1, global_step: 1, adam_step: 1, plan_sha256: "" };
    await saveCheckpoint(folder, engine, at);
    const expected = await steps(engine, 2, 3, 3);
    for (const [other, tolerance] of [
      [{}, 0],
      [{ shard: "moments" }, 2e-5],
      [{ ranks: 3, ring: 1 }, 2e-5],
    ] as const) {
      const again = await made({ ...parts, ...other });
      await loadCheckpoint((await newestCheckpoint(folder, () => {}))!, again, true);
      expect(apart(await steps(again, 2, 3, 3), expected)).toBeLessThanOrEqual(tolerance);
      await again.close();
    }
    // And the other way round.
    const whole = await made({ ...parts, shard: "moments" });
    await loadCheckpoint((await newestCheckpoint(folder, () => {}))!, whole, true);
    const back = mkdtempSync(join(tmpdir(), "ctx-divided-"));
    await saveCheckpoint(back, whole, at);
    const divided = await made(parts);
    await loadCheckpoint((await newestCheckpoint(back, () => {}))!, divided, true);
    expect(await steps(divided, 2, 3, 3)).toEqual(expected);
    await Promise.all([whole.close(), divided.close(), engine.close()]);
  });

  test("what is read, merged and written is the whole of it", async () => {
    const given = { ranks: 3, ring: 3, training: { lora: LORA }, memory: { dtype: "bf16" } as const };
    const [whole, parts] = [await made({ ...given, shard: "moments" }), await made({ ...given, shard: "all" })];
    const stem = "model.layers.2.mlp.down_proj";
    const numbers = (await whole.read(`${stem}.lora_B.weight`, "value")).map((_, i) => Math.sin(i));
    for (const engine of [whole, parts]) await engine.write(`${stem}.lora_B.weight`, "value", numbers);
    expect(await parts.read(`${stem}.lora_B.weight`, "value")).toEqual(numbers);
    for (const name of [`${stem}.weight`, "model.layers.2.mlp.up_proj.weight"])
      expect(await parts.read(name, "merged")).toEqual(await whole.read(name, "merged"));
    expect(await parts.read(`${stem}.weight`, "merged")).not.toEqual(await parts.read(`${stem}.weight`, "value"));
    await Promise.all([whole.close(), parts.close()]);
  });

  test("one rank, gradients in the host's memory and an engine that does not train are refused", async () => {
    await expect(made({ ranks: 1, ring: 1, shard: "all" })).rejects.toThrow(/there is one that holds all of them/);
    const waiting = { gradients: "host" } as const;
    await expect(made({ ranks: 2, ring: 1, shard: "all", memory: waiting })).rejects.toThrow(/for one rank alone/);
    const idle = { train: false };
    await expect(made({ ranks: 2, ring: 1, shard: "all", memory: idle })).rejects.toThrow(/made without training/);
  });
});
