// One rank of an engine of several processes, for engine.test.ts: `node … <golden case> <ring> <f32|bf16> <lora|full> [oddity]`. Trains three
// steps of two batches each; rank 0 prints what came of it as JSON. Without mpirun it is the engine of a single process. An oddity:
//   isa      ranks compute with different instruction sets
//   moments  each rank's share of the moments waits in the host's memory
//   masters  so does that of the masters, of which ranks hold the matrices rounded
//   shard    ranks divide weights and gradients too
//   layout   rank 1 lays its engine out for more tokens
//   cancel   rank 0 gives the second step up in its middle, closes its engine and ends the job with status 9
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { NativeBatch, NativeRanks } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { modelShape } from "../../runtime/engine/model_shape.ts";
import { readModelFolder } from "../../runtime/engine/safetensors.ts";
import { launchOf } from "../../runtime/ranks/launch.ts";
import { caseFolder, readGolden } from "../engine/golden.ts";
import { HYPER, lossOf, toBatch } from "../engine/native.ts";

/** What rank 0 prints. */
export interface WorkerResult {
  losses: number[];
  norms: number[];
  /** Values and moments of every trained parameter after the last step. */
  parameters: { [name: string]: { value: number[]; adam_m: number[]; adam_v: number[] } };
  memory: { [term: string]: number };
  library: string;
}

const [name, ring, dtype, method, oddity] = process.argv.slice(2) as [string, string, "f32" | "bf16", string, string?];
if (method === undefined) {
  process.stderr.write(
    "usage: engine_worker <golden case> <ring> <f32|bf16> <lora|full> [isa | moments | masters | shard | layout | cancel]\n",
  );
  process.exit(2);
}
const addon = loadAddon();
const ranks: NativeRanks | null = launchOf(process.env) === null ? null : addon.joinRanks();
const isas = addon.describe().backends.map((backend) => backend.name.replace(/^cpu-/, ""));
const maxTokens = oddity === "layout" && ranks?.rank === 1 ? 2048 : 1024;
const moments = oddity === "moments" || oddity === "masters" ? "host" : "device";
const weights = oddity === "masters" ? "bf16" : "f32";
const folder = caseFolder(name);
const { model } = readModelConfig(readFileSync(join(folder, "config.json"), "utf8"), folder);
const engine = addon.createEngine({
  device: "cpu",
  threads: 1,
  ...(oddity === "isa" && ranks !== null && { isa: isas[ranks.rank % isas.length]! }),
  ring: Number(ring),
  processes: ranks !== null,
  ...(oddity === "shard" && { shard: "all" as const }),
  model: modelShape(model!),
  memory: { maxTokens, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0, dtype, moments, weights },
  ...(method === "lora"
    ? { training: { lora: { rank: 4, alpha: 8, targets: ["q_proj", "down_proj"], seed: 3 } } }
    : {}),
});
if (ranks !== null && ranks.rank > 0) {
  await engine.follow();
} else {
  engine.setRope(Float64Array.from(model!.rope.inv_freq), model!.rope.attention_factor);
  await engine.load(await readModelFolder(folder), "value", false);
  const golden = readGolden(name);
  const batches = [toBatch(golden.plain), toBatch(golden.packed)];
  const result: WorkerResult = {
    losses: [],
    norms: [],
    parameters: {},
    memory: { ...engine.memory() },
    library: ranks?.library ?? "",
  };
  for (let step = 1; step <= 3; step++) {
    if (step === 2 && oddity === "cancel") await giveUp(batches);
    const scores = await engine.accumulateAll(batches);
    result.losses.push(scores.reduce((sum, { nll }, index) => sum + lossOf(nll, batches[index]!), 0));
    result.norms.push((await engine.step({ ...HYPER, step })).gradNorm);
  }
  for (const { name, trainable } of engine.parameters()) {
    if (!trainable) continue;
    const [value, adam_m, adam_v] = [
      await engine.read(name, "value"),
      await engine.read(name, "adam_m"),
      await engine.read(name, "adam_v"),
    ];
    result.parameters[name] = { value: [...value], adam_m: [...adam_m], adam_v: [...adam_v] };
  }
  process.stdout.write(JSON.stringify(result));
}
await engine.close();
ranks?.leave();

/** Again and again until it happens inside an attention block, with keys and values on their way. */
async function giveUp(batches: NativeBatch[]): Promise<void> {
  const many = Array.from({ length: 1000 }, () => batches).flat();
  setTimeout(() => engine.cancel(), 100);
  const error = await engine.accumulateAll(many).catch((reason) => reason as { code?: string });
  await engine.close();
  await new Promise((wake) => setTimeout(wake, 200)); // what was freed would be read now
  process.stderr.write(
    `given up: ${"code" in error ? error.code : "never"}, ${ranks!.allDone() ? "all done" : "not done"}\n`,
  );
  ranks!.abort(9);
}
