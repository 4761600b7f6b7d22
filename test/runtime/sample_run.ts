import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan, PlanRope, PlanStage } from "../../compiler/plan.ts";
import { classifyPairs } from "../../compiler/rope/index.ts";
import type { EvaluationResult } from "../../runtime/evaluate/result.ts";
import { share } from "../../runtime/evaluate/wilson.ts";
import type { RunOrigin } from "../../runtime/run/folder.ts";
import type { StepMetrics } from "../../runtime/track/metrics.ts";

/** Default frequency table: theta^(-2i/d). */
export function plainRope(theta: number, headDim: number): PlanRope {
  return {
    method: "default",
    theta,
    inv_freq: Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim)),
    attention_factor: 1,
    parameters: { rope_type: "default", rope_theta: theta },
    formula: `theta = ${theta}`,
  };
}

export function sampleStage(name: string, change: Partial<PlanStage> = {}): PlanStage {
  const length = change.length ?? 64;
  const steps = change.steps ?? 6;
  return {
    name,
    length,
    context: length,
    steps,
    sequences: 2,
    tokens: steps * 2 * length,
    rope: plainRope(40000, 16),
    pairs: classifyPairs(plainRope(10000, 16).inv_freq, 32, plainRope(40000, 16).inv_freq, length),
    mix: { text: 1 },
    positions: { kind: "plain", chunks: 1 },
    train: {
      method: "full",
      lora: null,
      optimizer: {
        kind: "adamw",
        lr: 1e-3,
        betas: [0.9, 0.95],
        eps: 1e-8,
        weight_decay: 0,
        state: "reset",
      },
      schedule: { kind: "linear", warmup_steps: 2, final: 0.1 },
      clip: 1,
      dtype: "f32",
    },
    parallel: { devices: 1, ring: 1, layout: "zigzag", data_parallel: 1, micro_batch: 1, accumulation: 2 },
    memory: {
      checkpoint_every: 0,
      loss_chunk: 64,
      mlp_tile: 1024,
      offload: "none",
      disk: 0,
      device: {
        weights: 0,
        gradients: 0,
        optimizer: 0,
        activations: 0,
        checkpoints: 0,
        logits: 0,
        workspace: 0,
        kv_cache: 0,
        total: 1_000_000,
      },
      host: {},
    },
    flops: { linear: 1e9, attention: 1e8, recompute: 0, total: 1.1e9 },
    seconds: 1,
    evaluate: null,
    ...change,
  };
}

export function samplePlan(change: Partial<Plan> = {}): Plan {
  return {
    version: 2,
    recipe: "sample",
    source: { file: "sample.ctx", sha256: "0".repeat(64) },
    seed: 7,
    model: {
      from: null,
      path: null,
      family: "llama",
      ...{ qkv_bias: false, o_bias: false, mlp_bias: false, qk_norm: false, window: null },
      vocab_size: 400,
      hidden_size: 32,
      intermediate_size: 64,
      layers: 2,
      heads: 2,
      kv_heads: 1,
      head_dim: 16,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
      initializer_range: 0.02,
      bos_token_id: null,
      eos_token_id: null,
      context: 64,
      parameters: 1,
      rope: plainRope(10000, 16),
      initialize: { std: 0.02 },
    },
    tokenizer: { kind: "bpe", path: null, vocab: 400 },
    data: {
      sources: [
        {
          name: "text",
          kind: "files",
          files: ["*.txt"],
          format: "text",
          text: null,
          chat: null,
          loss: "all",
          holdout_every: 3,
          min_tokens: 0,
          max_tokens: null,
          synthesize: null,
        },
      ],
      documents: "mask",
      overflow: "split",
    },
    stages: [sampleStage("first"), sampleStage("second", { length: 128 })],
    before: null,
    export: { dtype: "f32", merge: false },
    hardware: {
      name: "this machine",
      kind: "cpu",
      devices: 1,
      devices_per_host: 1,
      device_bytes: 8e9,
      host_bytes: 8e9,
      peak_flops: 1e11,
      peak_flops_bf16: 2e11,
      efficiency: 0.5,
      efficiency_bf16: 0.5,
      memory_bytes_per_second: 2e10,
      link_bytes_per_second: 1e10,
      network_bytes_per_second: 1e9,
      origin: "test",
    },
    defaults: [{ path: "train.clip", value: "1", from: "default" }],
    trace: {},
    ...change,
  };
}

export function sampleMetrics(stage: string, step: number, globalStep: number): StepMetrics {
  const falling = 3 + 3 * Math.exp(-globalStep / 12) + 0.1 * Math.sin(globalStep * 7);
  return {
    stage,
    step,
    global_step: globalStep,
    loss: falling,
    text_loss: falling,
    answer_loss: 4 * Math.exp(-globalStep / 9) + 0.05 * Math.abs(Math.sin(globalStep * 5)),
    answer_accuracy: 0.9,
    lr: 1e-3,
    grad_norm: 1 + Math.abs(Math.sin(globalStep * 3)),
    tokens: 4096,
    tokens_per_second: 5000,
    seconds: 0.82,
    memory_bytes: 300e6,
    rss_bytes: 500e6,
    time: "2026-11-25T00:00:00.000Z",
  };
}

/** An evaluation whose accuracy and perplexity follow the given curves. */
export function sampleEvaluation(
  name: string,
  lengths: number[],
  accuracy: (length: number, depth: number) => number,
  nll: (position: number) => number,
): EvaluationResult {
  const depths = [0, 0.25, 0.5, 0.75, 1];
  const cells = lengths.flatMap((length) =>
    depths.map((depth) => ({ length, depth, ...share(Math.round(20 * accuracy(length, depth)), 20) })),
  );
  const summed = (some: { correct: number; total: number }[]) =>
    share(
      some.reduce((sum, cell) => sum + cell.correct, 0),
      some.reduce((sum, cell) => sum + cell.total, 0),
    );
  return {
    version: 1,
    name,
    model: `stages/${name}`,
    rope: { method: "default", theta: 10000, attention_factor: 1 },
    context: 256,
    needle: {
      settings: { lengths, depths, samples: 20, haystack: "text", digits: 6 },
      cells,
      lengths: lengths.map((length) => ({ length, ...summed(cells.filter((cell) => cell.length === length)) })),
      overall: summed(cells),
      seconds: 3,
    },
    perplexity: {
      settings: { files: [], source: "text", lengths, samples: 8 },
      lengths: lengths.map((length) => {
        const buckets = [];
        for (let from = 0; from < length; from = Math.max(64, from * 2)) {
          const to = Math.max(64, from * 2);
          const mean = nll((from + to) / 2);
          buckets.push({ from, to, tokens: 8 * (to - from), nll: mean, perplexity: Math.exp(mean), error: 0.02 });
        }
        const mean = buckets.reduce((sum, bucket) => sum + bucket.nll * bucket.tokens, 0) / (8 * length);
        return { length, windows: 8, tokens: 8 * length, nll: mean, perplexity: Math.exp(mean), buckets };
      }),
      seconds: 2,
    },
    gate: null,
    seconds: 5,
  };
}

export function sampleOrigin(base: string): RunOrigin {
  return {
    base,
    started_from: "recipes/quickstart.ctx",
    options: [],
    started: "2026-11-25T01:02:03.000Z",
    version: "0.1.0",
  };
}

/** A finished run of two stages, 256 to 2,048 tokens, as files. */
export function writeSampleRun(root: string, recipe = "quickstart"): void {
  mkdirSync(join(root, "eval"), { recursive: true });
  const base = samplePlan();
  const stages = [
    sampleStage("pose", {
      length: 256,
      context: 2048,
      steps: 40,
      positions: { kind: "pose", chunks: 2 },
      rope: plainRope(91896, 32),
    }),
    sampleStage("long", { length: 2048, steps: 20, rope: plainRope(192484, 32) }),
  ];
  const model = {
    ...base.model,
    initialize: null,
    from: "models/tiny",
    context: 256,
    head_dim: 32,
    rope: plainRope(10000, 32),
  };
  const plan = samplePlan({ recipe, model, stages });
  writeFileSync(join(root, "plan.json"), JSON.stringify(plan));
  writeFileSync(join(root, "run.json"), JSON.stringify(sampleOrigin("recipes")));
  const lines = stages.flatMap((stage, index) =>
    Array.from({ length: stage.steps }, (_, step) =>
      sampleMetrics(stage.name, step + 1, (index === 0 ? 0 : 40) + step + 1),
    ),
  );
  writeFileSync(join(root, "metrics.jsonl"), lines.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  const lengths = [256, 512, 1024, 2048];
  const before = sampleEvaluation(
    "before",
    lengths,
    (length, depth) => (length <= 256 ? 1 : length === 512 ? 0.3 + depth * 0.7 : length === 1024 ? depth * 0.3 : 0),
    (position) => 3.4 + 0.5 * Math.exp(-position / 60) + Math.max(0, Math.log2(position / 256)) * 0.55,
  );
  const after = sampleEvaluation(
    "long",
    lengths,
    (length, depth) => (length === 2048 && depth === 0 ? 0.95 : 1),
    (position) => 3.35 + 0.5 * Math.exp(-position / 60) - 0.01 * Math.log2(position),
  );
  writeFileSync(join(root, "eval", "before.json"), JSON.stringify(before));
  writeFileSync(join(root, "eval", "long.json"), JSON.stringify(after));
}
