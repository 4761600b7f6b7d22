// The optimizer's moments in the host's memory: the same bytes as in the arena, whatever is trained and whatever passes in pieces.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { NativeEngine } from "../../runtime/engine/addon.ts";
import { loadCheckpoint, newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { type GoldenSequence, readGolden } from "./golden.ts";
import { digest, goldenEngine, HYPER, type Overrides, readAll, toBatch } from "./native.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-moments-"));
afterAll(() => rmSync(folder, { recursive: true }));

const NAME = "untied-llama3-d32";
const { lora, plain } = readGolden(NAME);
const { rank, alpha, targets, also } = lora!;
const ADAPTED: Overrides = { training: { lora: { rank, alpha, targets, seed: 1 }, alsoTrain: also } };

const cut = (tokens: number): GoldenSequence => ({
  ...plain,
  ids: plain.ids.slice(0, tokens),
  targets: plain.targets.slice(0, tokens),
  documents: [0, 4],
});

/** An engine with the case's weights. */
function make(moments: "device" | "host", { memory, ...rest }: Overrides = {}): Promise<NativeEngine> {
  return goldenEngine(NAME, { ...rest, memory: { maxTokens: 64, lossChunk: 20, moments, ...memory } });
}

/** Steps of two micro batches each. */
async function steps(engine: NativeEngine, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) {
    for (const tokens of [40, 32]) await engine.accumulate(toBatch(cut(tokens - 4 * step)));
    await engine.step({ ...HYPER, step, loraPlusRatio: 4 });
  }
}

/** All that was learnt, and both moments. */
async function learnt(engine: NativeEngine): Promise<string[]> {
  const moments = async (slot: "adam_m" | "adam_v") => {
    const trained = engine.parameters().filter(({ trainable }) => trainable);
    return new Map(await Promise.all(trained.map(async ({ name }) => [name, await engine.read(name, slot)] as const)));
  };
  return [await readAll(engine, "value"), await moments("adam_m"), await moments("adam_v")].map(digest);
}

test.each<[string, Overrides]>([
  ["all weights in f32", {}],
  ["all weights in bf16", { memory: { dtype: "bf16", checkpointEvery: 1 } }],
  ["an adapter and more", ADAPTED],
  ["a ring of two", { ring: 2 }],
  ["the portable kernels", { isa: "portable", threads: 1 }],
])("%s: the same bytes as in the arena", async (_, overrides) => {
  const [inside, outside] = [await make("device", overrides), await make("host", overrides)];
  for (const engine of [inside, outside]) await steps(engine, 1, 3);
  expect(await learnt(outside)).toEqual(await learnt(inside));
  const [within, beside] = [inside.memory(), outside.memory()];
  expect(within.hostMoments).toBe(0);
  expect(beside.hostMoments).toBe(within.optimizer);
  // Sixteenths of them, two at a time.
  expect(beside.optimizer).toBeLessThan(within.optimizer / 7);
  expect(within.total - within.optimizer).toBe(beside.total - beside.optimizer);
  await Promise.all([inside.close(), outside.close()]);
});

test("a checkpoint of one is a checkpoint of the other, and the next steps are those of a run that goes on", async () => {
  const at = { stage: "s", stage_index: 0, step: 2, global_step: 2, adam_step: 2, plan_sha256: "" };
  const unbroken = await make("device", ADAPTED);
  await steps(unbroken, 1, 4);
  const expected = await learnt(unbroken);
  await unbroken.close();
  for (const [first, second] of [
    ["host", "host"],
    ["host", "device"],
    ["device", "host"],
  ] as const) {
    const checkpoints = join(folder, `${first}-${second}`);
    const before = await make(first, ADAPTED);
    await steps(before, 1, 2);
    await saveCheckpoint(checkpoints, before, at);
    const after = await make(second, ADAPTED);
    await steps(after, 1, 1); // what it had goes
    await loadCheckpoint((await newestCheckpoint(checkpoints, () => {}))!, after, true);
    await steps(after, 3, 4);
    expect(await learnt(after)).toEqual(expected);
    await Promise.all([before.close(), after.close()]);
  }
});

test("they begin at zero, and a norm that is not finite leaves them alone", async () => {
  const engine = await make("host");
  const name = "model.norm.weight";
  expect(await engine.read(name, "adam_v")).toEqual(new Float32Array((await engine.read(name, "value")).length));
  await steps(engine, 1, 1);
  const before = await learnt(engine);
  const batch = toBatch(cut(24));
  await engine.accumulate({ ...batch, weights: batch.weights.fill(Number.POSITIVE_INFINITY) });
  expect((await engine.step({ ...HYPER, step: 2 })).gradNorm).not.toSatisfy(Number.isFinite);
  expect(await learnt(engine)).toEqual(before);
  await engine.close();
});

test("a place that there is not is refused", async () => {
  await expect(make("tape" as never)).rejects.toThrow(/memory.moments is "tape", expected device or host/);
});
