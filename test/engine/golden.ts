import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Norm of a gradient and some of its entries. */
export interface GoldenEntries {
  norm: number;
  at: number[];
  values: number[];
}

/** What transformers computed for one sequence; see test/golden/make_models.py. */
export interface GoldenSequence {
  documents?: number[];
  ids: number[];
  targets: number[];
  rows: number[];
  logits: number[];
  loss: number;
  gradients: { [parameter: string]: GoldenEntries };
}

export interface Golden {
  plain: GoldenSequence;
  packed: GoldenSequence;
  generate: { prompt: number; new: number[] };
  lora?: {
    rank: number;
    alpha: number;
    targets: string[];
    also: string[];
    loss: number;
    gradients: { [parameter: string]: GoldenEntries };
  };
  adamw?: {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
    clip: number;
    losses: number[];
    norms: number[];
    parameters: { [parameter: string]: { at: number[]; values: number[] } };
  };
}

export const CASES = [
  "tied-default-d24",
  "untied-llama3-d32",
  "tied-yarn-d64",
  "untied-bf16-d128",
  "sharded-f16-d16",
  "llama-biases-d16",
  "mistral-window-d16",
  "qwen2-windows-d12",
  "qwen3-d32",
  "qwen3-alternating-d16",
] as const;

/** One for each thing that a family does otherwise: ties, biases, windows, norms of heads. */
export const FAMILY_CASES = [
  "tied-default-d24",
  "untied-llama3-d32",
  "llama-biases-d16",
  "mistral-window-d16",
  "qwen2-windows-d12",
  "qwen3-alternating-d16",
] as const;

/** From the repository, where tests and their programs are started: a bundled program lies elsewhere. */
export const caseFolder = (name: string) => resolve("test", "golden", "models", name);

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(join(caseFolder(name), "golden.json"), "utf8")) as Golden;
}

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}

/** Largest absolute difference. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= most)) most = difference;
  }
  return most;
}

/** Error of a whole gradient, judged by its sampled entries, relative to its root mean square entry; and of its norm. */
export function gradientError(gradient: Float32Array, golden: GoldenEntries): number {
  const rms = golden.norm / Math.sqrt(gradient.length);
  const sampled = golden.at.map((index) => gradient[index]!);
  const entries = distance(sampled, golden.values) / rms;
  return Math.max(entries, Math.abs(norm(gradient) - golden.norm) / golden.norm);
}
