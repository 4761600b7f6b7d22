import { expect } from "vitest";
import { cudaScratchBytes } from "../../compiler/memory/index.ts";
import { kept } from "../engine/kept.ts";

const shape = {
  ...{ vocab_size: 300, hidden_size: 64, intermediate_size: 90, layers: 1, heads: 2, kv_heads: 1, head_dim: 64 },
  ...{ tie_word_embeddings: true, qkv_bias: true, o_bias: true, mlp_bias: true, qk_norm: true },
};
const options = { maxTokens: 66, train: true, checkpointEvery: 0, lossChunk: 32, kvCacheTokens: 0, ring: 1 };

/** Runs whose kernels sum gradients, norms and biases, in both dtypes, with adapters, over ranks, and scoring alone. */
export const CASES = [
  { ...options, dtype: "f32" as const },
  { ...options, dtype: "bf16" as const, lora: { rank: 8, targets: ["q_proj", "down_proj"] } },
  { ...options, dtype: "bf16" as const, maxTokens: 64, ring: 2 },
  { ...options, dtype: "bf16" as const, train: false },
];

/** The kernels keep no more on the GPU than the compiler counts. @param library as cudaScratchBytes has it */
export async function expectBound(run: (typeof CASES)[number], library: boolean): Promise<void> {
  const [most, bound] = [await kept("cuda", shape, run, run.ring), cudaScratchBytes(shape, run, library)];
  expect(most).toBeLessThanOrEqual(bound);
  if (run.train && !("lora" in run)) expect(most).toBeGreaterThan(bound / 4);
}
