import { stageFlops } from "../../compiler/cost/index.ts";
import type { ModelShape } from "../../compiler/model/index.ts";

/** Of activations and of the operands of matrix products; weights, sums and the loss are fp32 either way. */
export type BenchDtype = "f32" | "bf16";

/** A model to be trained on random tokens. */
export interface Workload {
  name: string;
  shape: ModelShape;
  tokens: number;
  /** Tokens of the documents that they are, which do not see each other; absent: one document. */
  document?: number;
  threads: number;
  /** Recompute activations. */
  checkpoint: boolean;
  dtype: BenchDtype;
}

/** The 15M-parameter model of docs/benchmarks: 7 layers of 384, GQA 6:3, tied 8192-token vocabulary. */
export const LLAMA_15M: ModelShape = {
  vocab_size: 8192,
  hidden_size: 384,
  intermediate_size: 1024,
  layers: 7,
  heads: 6,
  kv_heads: 3,
  head_dim: 64,
  tie_word_embeddings: true,
};

/** The model of recipes/tiny-base.ctx and of the quickstart. */
export const TINY: ModelShape = {
  vocab_size: 1024,
  hidden_size: 128,
  intermediate_size: 384,
  layers: 3,
  heads: 4,
  kv_heads: 4,
  head_dim: 32,
  tie_word_embeddings: true,
};

/** FLOPs of one training step as a plan counts them. `repeated`: with the forward passes that checkpointing takes again. */
export function stepFlops({ shape, tokens, document = tokens, checkpoint }: Workload, repeated: boolean): number {
  const checkpointEvery = checkpoint && repeated ? 1 : 0;
  const rows = { sequences: tokens / document, length: document };
  return stageFlops(shape, { steps: 1, ...rows, checkpointEvery, lora: null }).total;
}

/** "15M, T = 2048, bf16, checkpointing". */
export function describeWorkload({ name, tokens, dtype, checkpoint }: Workload): string {
  return `${name}, T = ${tokens}${dtype === "bf16" ? ", bf16" : ""}${checkpoint ? ", checkpointing" : ""}`;
}

/** Name of the backend that engines of this process take: the best, unless CTX_CPU_ISA names one. */
export function backendName({ backends }: { backends: readonly { name: string }[] }): string {
  const forced = process.env.CTX_CPU_ISA;
  return forced ? `cpu-${forced}` : (backends[0]?.name ?? "no backend");
}
