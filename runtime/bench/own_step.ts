import { loadAddon } from "../engine/load.ts";
import { modelShape } from "../engine/model_shape.ts";
import type { Stepper, Timing, Workload } from "./stepper.ts";

/** Our engine's training step: forward, backward, clipping, AdamW. */
export async function ownStepper({ shape, tokens, threads, checkpoint }: Workload): Promise<Stepper> {
  const engine = loadAddon().createEngine({
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
    positions: new Int32Array(tokens).map((_, t) => t),
    starts: new Int32Array(tokens),
    targets: new Int32Array(tokens).map((_, t) => ids[t + 1] ?? -100),
    weights: new Float32Array(tokens).fill(1 / (tokens - 1)),
  };
  const hyper = { lr: 3e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, clipNorm: 1, loraPlusRatio: 1 };
  let step = 0;
  return {
    name: "ctx",
    async step(): Promise<Timing> {
      const cpu = process.cpuUsage();
      const start = process.hrtime.bigint();
      await engine.accumulate(batch);
      await engine.step({ ...hyper, step: ++step });
      const { user, system } = process.cpuUsage(cpu);
      return { wall: Number(process.hrtime.bigint() - start) / 1e9, cpu: (user + system) / 1e6 };
    },
    memory: () => engine.memory().total - engine.memory().weights,
    close: () => engine.close(),
  };
}
