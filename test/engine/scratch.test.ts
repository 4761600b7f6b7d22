// The kernels' working memory: never more than the compiler counts, for any instruction set, and not far from it where it matters.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { scratchBytes } from "../../compiler/memory/index.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { given, kept, runs, shapes } from "./kept.ts";

vi.setConfig({ testTimeout: 240_000 });

const isas = loadAddon()
  .describe()
  .backends.map(({ name }) => name.replace("cpu-", ""));

test("no engine's kernels keep more than is counted", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, runs, fc.constantFrom(...isas), async (model, run, isa) => {
      const { shape, options } = given(model, run);
      const { threads } = run;
      expect(await kept(isa, shape, options, threads)).toBeLessThanOrEqual(scratchBytes(shape, options, threads));
    }),
    { numRuns: 30 },
  );
});

test.each(["f32", "bf16"] as const)("a 15M model's, %s: at least half of what is counted", async (dtype) => {
  const shape = {
    ...{ vocab_size: 8192, hidden_size: 384, intermediate_size: 1024, layers: 1, heads: 6, kv_heads: 2, head_dim: 64 },
    tie_word_embeddings: true,
  };
  const options = { maxTokens: 512, train: true, checkpointEvery: 0, lossChunk: 256, kvCacheTokens: 0, ring: 1, dtype };
  const most = Math.max(...(await Promise.all(isas.map((isa) => kept(isa, shape, options, 2)))));
  const counted = scratchBytes(shape, options, 2);
  expect(most).toBeLessThanOrEqual(counted);
  expect(most).toBeGreaterThan(counted / 2);
});
