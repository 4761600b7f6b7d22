// The cost model's FLOPs against those that the engine's backend is asked for.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { stageFlops } from "../../compiler/cost/index.ts";

const build = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "native", "build");
const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const small = (max: number) => fc.integer({ min: 1, max });

const cases = fc
  .record({
    vocab: small(20),
    hidden: small(12),
    ffn: small(14),
    layers: small(9),
    kv_heads: small(3),
    group: small(3),
    head_dim: small(4).map((half) => 2 * half),
    tied: fc.boolean(),
    qk_norm: fc.boolean(),
    window: fc.integer({ min: 0, max: 12 }),
    windowed: fc.integer({ min: 0, max: 511 }),
    rank: fc.integer({ min: 0, max: 3 }),
    targets: fc.integer({ min: 1, max: 127 }),
    head: fc.boolean(),
    length: small(20),
    rows: small(3),
    every: fc.integer({ min: 0, max: 10 }),
    chunk: small(30),
    tile: fc.integer({ min: 0, max: 30 }),
    offload: fc.boolean(),
    bf16: fc.boolean(),
    ring: small(3),
    deterministic: fc.boolean(),
  })
  // A ring's rows divide into two blocks for each rank.
  .map(({ group, length, ring, ...rest }) => ({
    ...rest,
    heads: rest.kv_heads * group,
    ring,
    length: ring === 1 ? length : 2 * ring * length,
  }));

/** What the cost model says. */
function planned(given: typeof cases extends fc.Arbitrary<infer Case> ? Case : never) {
  const layers = Array.from({ length: given.layers }, (_, layer) => ((given.windowed >> layer) & 1) === 1);
  const { linear, attention, recompute, total } = stageFlops(
    {
      ...{ vocab_size: given.vocab, hidden_size: given.hidden, intermediate_size: given.ffn, layers: given.layers },
      ...{ heads: given.heads, kv_heads: given.kv_heads, head_dim: given.head_dim, tie_word_embeddings: given.tied },
      window: given.window === 0 ? null : { tokens: given.window, layers },
    },
    {
      ...{ steps: 1, sequences: given.rows, length: given.length, checkpointEvery: given.every },
      lora:
        given.rank === 0
          ? null
          : {
              rank: given.rank,
              targets: targets.filter((_, bit) => (given.targets >> bit) & 1),
              also: given.head ? [given.tied ? "embed_tokens" : "lm_head"] : [],
            },
    },
  );
  return { linear, attention, recompute, total };
}

test("a step's FLOPs are those that the engine asks of its backend, to the last one", () => {
  const given = fc.sample(cases, { numRuns: 400, seed: 20 });
  const lines = given.map((one) =>
    Object.entries(one)
      .map(([name, value]) => `${name}=${Number(value)}`)
      .join(" "),
  );
  const library = join(build, "libctx_cpu_portable.so");
  const input = `${lines.join("\n")}\n`;
  const { status, stdout } = spawnSync(join(build, "ctx_test_flops"), [library], { input, encoding: "utf8" });
  expect(status, stdout.slice(-500)).toBe(0);
  const counted = stdout.trim().split("\n");
  expect(counted).toHaveLength(given.length);
  for (const [k, one] of given.entries()) {
    const [products, attention, order] = counted[k]!.split(" ");
    expect(order, lines[k]).toBe(one.deterministic ? "kept" : "any");
    const { total, attention: first, recompute } = planned(one);
    expect(Number(products) + Number(attention), lines[k]).toBe(total);
    // What attention computes again is part of `recompute`.
    expect(Number(attention), lines[k]).toBeGreaterThanOrEqual(first);
    expect(Number(attention), lines[k]).toBeLessThanOrEqual(first + recompute);
  }
});
