/**
 * node own_worker.js '{"shape": {...}, "tokens": 2048, ...}'
 *
 * Our side of the bench, a process of its own like the peers: prints one JSON line when the model is there, then, for every line
 * on stdin, takes one training step and prints {"wall", "cpu", "bytes"}.
 */
import { createInterface } from "node:readline";
import { loadAddon } from "../engine/load.ts";
import { modelShape } from "../engine/model_shape.ts";
import { watchMemory } from "./peak_memory.ts";
import { backendName, type Workload } from "./workload.ts";

const { shape, tokens, document = tokens, threads, checkpoint, dtype } = JSON.parse(process.argv[2]!) as Workload;
const addon = loadAddon();
const engine = addon.createEngine({
  device: "cpu",
  threads,
  ring: 1,
  model: modelShape({ ...shape, rms_norm_eps: 1e-6 }),
  memory: {
    maxTokens: tokens,
    train: true,
    checkpointEvery: checkpoint ? 1 : 0,
    lossChunk: Math.min(512, tokens),
    kvCacheTokens: 0,
    dtype,
  },
});
const half = shape.head_dim / 2;
engine.setRope(
  new Float64Array(half).map((_, pair) => 500000 ** (-pair / half)),
  1,
);
await engine.initialize(1, 0.02);
const ids = new Int32Array(tokens).map(() => Math.floor(Math.random() * shape.vocab_size));
const batch = {
  ids,
  positions: new Int32Array(tokens).map((_, t) => t % document),
  starts: new Int32Array(tokens).map((_, t) => t - (t % document)),
  targets: new Int32Array(tokens).map((_, t) => ids[t + 1] ?? -100),
  weights: new Float32Array(tokens).fill(1 / (tokens - 1)),
};
const hyper = { lr: 3e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, clipNorm: 1, loraPlusRatio: 1 };
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

const peak = watchMemory();
const { total, weights } = engine.memory();
say({ version: `ctx ${backendName(addon.describe())}`, ledger: total - weights });
let step = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  await engine.accumulate(batch);
  await engine.step({ ...hyper, step: ++step });
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(before);
  say({ wall, cpu: (user + system) / 1e6, bytes: peak() });
}
await engine.close();
