/**
 * node gpu_step.js [--model llama-3-8b|tiny] [--layers N] [--length N] [--method full|lora] [--dtype bf16|f32] [--steps N]
 *                  [--seconds N] [--memory 'checkpoint = every(8)'] [--device cuda|cpu] [--threads N]
 *
 * Training steps of a model of random weights on one row of random tokens: the plan that the compiler makes for this machine, with the engine
 * that `ctx run` makes of it and its checks before. Prints a JSON document a line, each as soon as it is known:
 *
 * - `plan`: what was chosen, the ledger, what lies beside it, FLOPs of a step and the seconds that are expected of it;
 * - `engine`: seconds that its memory took, and what it holds;
 * - `ready`: seconds that the weights took;
 * - `step`, one each, as many as `--seconds` leave time for: seconds, of them those of AdamW; tokens/s; the loss; scratch of the kernels;
 * - `failed`: why there is nothing more, and the exit status is 3.
 *
 * test/gpu/step.py runs it, watches the memory, and runs PyTorch beside it.
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { deviceNeed } from "../../compiler/memory/index.ts";
import type { Plan, PlanStage } from "../../compiler/plan.ts";
import type { NativeBatch } from "../engine/addon.ts";
import { loadAddon } from "../engine/load.ts";
import { checkMachine, expectCuda } from "../run/check_machine.ts";
import { messageOf } from "../run/failure.ts";
import { hostMemory, memoryLimit } from "../run/memory_limits.ts";
import { besideArena } from "../run/memory_needs.ts";
import { type Machine, trainingEngine } from "../train/stage_engine.ts";
import { planStep, SHAPES, type StepRecipe } from "./gpu_step_plan.ts";

const say = (kind: string, values: object) => process.stdout.write(`${JSON.stringify({ kind, ...values })}\n`);

function whole(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number from ${least}, not "${text}"`);
  return value;
}

function choice<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === text);
  if (!found) throw new Error(`--${name} must be one of ${known.join(", ")}, not "${text}"`);
  return found;
}

interface Options {
  recipe: StepRecipe;
  device: Machine["device"];
  threads: number;
  /** Of the process: no step begins that would not end in time. */
  seconds: number;
}

function readOptions(cores: number): Options {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: "llama-3-8b" },
      layers: { type: "string" },
      length: { type: "string", default: "131072" },
      method: { type: "string", default: "full" },
      dtype: { type: "string", default: "bf16" },
      steps: { type: "string", default: "3" },
      seconds: { type: "string" },
      memory: { type: "string", default: "" },
      device: { type: "string", default: "cuda" },
      threads: { type: "string", default: String(cores) },
    },
  });
  const shape = SHAPES[choice("model", values.model, Object.keys(SHAPES))]!;
  return {
    recipe: {
      shape: values.layers === undefined ? shape : { ...shape, layers: whole("layers", values.layers) },
      length: whole("length", values.length, 2), // the last token predicts nothing
      method: choice("method", values.method, ["full", "lora"]),
      dtype: choice("dtype", values.dtype, ["bf16", "f32"]),
      steps: whole("steps", values.steps),
      memory: values.memory,
    },
    device: choice("device", values.device, ["cuda", "cpu"]),
    threads: whole("threads", values.threads),
    seconds: values.seconds === undefined ? Number.POSITIVE_INFINITY : whole("seconds", values.seconds),
  };
}

/** One row of random tokens. */
function randomRow(length: number, vocabulary: number): NativeBatch {
  const ids = new Int32Array(length).map(() => Math.floor(Math.random() * vocabulary));
  return {
    ids,
    positions: new Int32Array(length).map((_, t) => t),
    starts: new Int32Array(length),
    targets: new Int32Array(length).map((_, t) => ids[t + 1] ?? -100),
    weights: new Float32Array(length).fill(1 / (length - 1)),
  };
}

/** What the plan says of a step. */
function sayPlan(plan: Plan, stage: PlanStage, device: Machine["device"]): void {
  const { memory, flops } = stage;
  const { total: _, ...ledger } = memory.device!;
  say("plan", {
    tokens: stage.length,
    parameters: plan.model.parameters,
    hardware: plan.hardware.name,
    ledger: { ...ledger, total: memory.device!.total },
    // The kernels' working memory and their code; and all that a process takes of the device, CUDA's context too.
    beside: device === "cuda" ? besideArena(plan, stage) : 0,
    need: deviceNeed(plan, stage),
    host: memory.host,
    checkpoint_every: memory.checkpoint_every,
    offload: memory.offload,
    moments: memory.moments ?? "device",
    weights: memory.weights ?? "f32",
    gradients: memory.gradients ?? "device",
    mlp_tile: memory.mlp_tile,
    loss_chunk: memory.loss_chunk,
    head_groups: memory.head_groups ?? 1,
    seconds: stage.seconds / stage.steps,
    flops: Object.fromEntries(Object.entries(flops).map(([name, all]) => [name, all / stage.steps])),
  });
}

async function main(): Promise<void> {
  const addon = loadAddon();
  const { cores, cuda } = addon.describe();
  const { recipe, device, threads, seconds: allowed } = readOptions(cores);
  const machine: Machine = { addon, device, threads };
  if (device === "cuda") expectCuda(addon);
  // What others hold of the host is not there for this step.
  const hostBytes = Math.min(hostMemory().bytes, memoryLimit()?.bytes ?? Number.POSITIVE_INFINITY);
  const plan = planStep(recipe, { device, cores: threads, hostBytes, gpu: cuda.devices[0] });
  const stage = plan.stages[0]!;
  sayPlan(plan, stage, device);
  checkMachine(plan, machine, null);

  const since = (start: number) => (performance.now() - start) / 1000;
  let start = performance.now();
  const engine = trainingEngine(machine, plan, stage, tmpdir());
  say("engine", { seconds: since(start), memory: engine.memory() });
  start = performance.now();
  await engine.initialize(plan.seed, 0.02);
  say("ready", { seconds: since(start) });

  const { optimizer, clip, lora } = stage.train;
  const hyper = {
    lr: optimizer.lr,
    beta1: optimizer.betas[0],
    beta2: optimizer.betas[1],
    eps: optimizer.eps,
    weightDecay: optimizer.weight_decay,
    clipNorm: clip ?? Number.POSITIVE_INFINITY,
    loraPlusRatio: lora?.plus_ratio ?? 1,
  };
  for (let step = 1; step <= recipe.steps; step++) {
    const batch = randomRow(recipe.length, recipe.shape.vocab_size);
    start = performance.now();
    const { nll } = await engine.accumulate(batch);
    const gradients = since(start);
    const { gradNorm } = await engine.step({ ...hyper, step });
    const seconds = since(start);
    say("step", {
      step,
      seconds,
      update: seconds - gradients,
      tokens_per_second: recipe.length / seconds,
      loss: nll.reduce((sum, loss) => sum + loss, 0) / (recipe.length - 1),
      grad_norm: gradNorm,
      scratch: engine.memory().scratch,
    });
    if (performance.now() / 1000 + seconds > allowed) break;
  }
  await engine.close();
}

main().catch((error: unknown) => {
  say("failed", { message: messageOf(error) });
  process.exitCode = 3;
});
