import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type JsonObject,
  longRopeAttentionFactor,
  proveExport,
  type RopeSpec,
  readBack,
  readHuggingFaceRope,
  ropeTable,
  servedByVllm,
  tableDifference,
  writeHuggingFaceRope,
} from "../../compiler/rope/index.ts";

type Table = { inv_freq: number[]; attention: number; error?: undefined } | { error: string };
type Case = { name: string; length: number; config: JsonObject } & {
  [consumer in "transformers 4" | "transformers 5"]: Table;
};

const golden: { head_dim: number; cases: Case[] } = JSON.parse(
  readFileSync(new URL("../golden/rope_readback.json", import.meta.url), "utf8"),
);

const worst = (got: readonly number[], want: readonly number[]) =>
  Math.max(...want.map((value, i) => (got[i] === value ? 0 : Math.abs(got[i]! - value) / Math.abs(value))));

describe("read back, against both versions of transformers", () => {
  for (const consumer of ["transformers 4", "transformers 5"] as const) {
    test.each(golden.cases)(`${consumer}: $name, $length tokens`, (entry) => {
      const want = entry[consumer];
      const { rope, refused } = readBack(entry.config, golden.head_dim, consumer, entry.length);
      if (want.error !== undefined) {
        expect(refused).toBeTypeOf("string");
      } else if (entry.name.endsWith("wrong length")) {
        expect(refused).toMatch(/32 pairs, not 31/); // transformers fails only once the list is used
      } else {
        expect(refused).toBeNull();
        expect(worst(rope!.inv_freq, want.inv_freq)).toBeLessThan(6e-7);
        expect(worst([rope!.attention_factor], [want.attention])).toBeLessThan(1e-15);
      }
    });
  }
});

describe("findings", () => {
  const findings = (name: string) => {
    const { config } = golden.cases.find((entry) => entry.name === name)!;
    const reading = readHuggingFaceRope(config, golden.head_dim, config.max_position_embeddings as number);
    return reading.findings.map((f) => `${f.severity} ${f.kind}`);
  };

  test.each([
    ["old plain", []],
    ["both plain", []],
    ["no theta", ["warning theta-missing"]],
    ["new plain", ["warning parameters-unseen"]],
    ["both plain, thetas differ", ["error theta-conflict"]],
    ["old yarn", []],
    ["old yarn, word type", []],
    ["old yarn without theta", ["error theta-missing"]],
    ["old yarn without original", ["error original-missing"]],
    ["old yarn without factor", ["error factor-missing"]],
    ["new yarn, factor null", ["warning parameters-unseen", "warning factor-inferred"]],
    ["old yarn, factor off", ["warning factor-mismatch"]],
    ["old yarn, attn_factor", ["warning key-ignored"]],
    ["old yarn, mscale pair", []],
    ["old yarn, mscale alone", ["warning mscale-ignored"]],
    ["both, scaling wins, theta only inside parameters", ["error theta-shadowed", "warning parameters-shadowed"]],
    ["type and rope_type conflict", ["error type-conflict"]],
    ["old llama3", []],
    ["old llama3 without original", ["error original-missing"]],
    ["old llama3 without high factor", ["error factor-missing"]],
    ["old longrope, top-level original", []],
    ["old longrope", ["warning original-unseen"]],
    ["old longrope, wrong length", ["error factors-length", "warning original-unseen"]],
    ["unknown type", ["error type-unknown"]],
  ])("%s", (name, want) => {
    expect(findings(name)).toEqual(want);
  });

  test("names from the prototype are not types", () => {
    for (const rope_type of ["constructor", "toString", "__proto__"]) {
      const { rope, findings } = readHuggingFaceRope({ rope_theta: 1e4, rope_scaling: { rope_type } }, 64, 4096);
      expect(rope).toBeNull();
      expect(findings.map((f) => f.kind)).toContain("type-unknown");
    }
  });

  test("every message is one sentence that ends in a full stop", () => {
    for (const { config } of golden.cases) {
      const reading = readHuggingFaceRope(config, golden.head_dim, config.max_position_embeddings as number);
      for (const finding of reading.findings) expect(finding.message).toMatch(/^\S.*\.$/);
    }
  });
});

describe("export", () => {
  const d = 128;
  const theta = 500000;
  const original = 8192;
  const length = 65536;
  const specs: RopeSpec[] = [
    { method: "default", theta: 15296098, d },
    { method: "linear", theta, d, factor: 8 },
    { method: "dynamic", theta, d, factor: 4, original, length },
    { method: "yarn", theta, d, factor: 8, original },
    { method: "yarn", theta, d, factor: 8, original, betaFast: 4, truncate: false, attentionFactor: 1.25 },
    { method: "yarn", theta, d, factor: 8, original, mscale: Math.SQRT1_2, mscaleAllDim: 1 },
    { method: "llama3", theta, d, factor: 8, original },
    {
      method: "longrope",
      theta,
      d,
      factor: 8,
      original,
      length,
      longFactor: Array.from({ length: 64 }, (_, i) => 1 + i / 9),
    },
    {
      // The factor that sets the attention is not the ratio of the lengths, which transformers 4 and vLLM go by.
      method: "longrope",
      theta,
      d,
      factor: 4,
      original,
      length,
      longFactor: Array.from({ length: 64 }, (_, i) => 1 + i / 9),
    },
    { method: "resonance", of: { method: "yarn", theta, d, factor: 8, original }, original, length },
    { method: "custom", theta, d, original, length, frequencies: ropeTable({ method: "default", theta, d }).inv_freq },
    {
      method: "custom",
      theta,
      d,
      original,
      length,
      attentionFactor: 1.1,
      frequencies: Array.from({ length: 64 }, (_, i) => 0.9 ** i),
    },
  ];

  test.each(specs.map((spec) => [spec.method, spec] as const))(
    "%s reads back in both versions of transformers and in vLLM",
    (_, spec) => {
      const rope = ropeTable(spec);
      const config = writeHuggingFaceRope(rope, length, original);
      for (const proof of proveExport({ ...config }, d, rope, length)) {
        expect(proof.refused).toBeNull();
        expect(proof.difference).toBeLessThan(1e-12);
      }
    },
  );

  test("a custom table that is plain RoPE is written as plain RoPE", () => {
    const frequencies = ropeTable({ method: "default", theta, d }).inv_freq;
    const rope = ropeTable({ method: "custom", theta, d, original, length, frequencies });
    expect(rope.parameters).toEqual({ rope_type: "default", rope_theta: theta });
  });

  test("proportional is for transformers 5 alone", () => {
    const rope = ropeTable({ method: "proportional", theta, d, partial: 0.25 });
    const [five, four] = proveExport({ ...writeHuggingFaceRope(rope, length, original) }, d, rope, length);
    expect(five).toMatchObject({ difference: 0, refused: null });
    expect(four!.refused).toMatch(/proportional/);
  });

  test("a table with pairs that don't turn has no Hugging Face form", () => {
    const frequencies = Array.from({ length: 64 }, (_, i) => (i < 32 ? 0.5 ** i : 0));
    const rope = ropeTable({ method: "custom", theta, d, original, length, frequencies });
    expect(rope.parameters).toBeNull();
    expect(() => writeHuggingFaceRope(rope, length, original)).toThrow(/no Hugging Face rope_type/);
  });
});

describe("vLLM", () => {
  const d = 128;
  const [theta, original, context] = [500_000, 8192, 65_536];
  const factors = Array.from({ length: 64 }, () => 8);
  const longrope = (more: JsonObject): JsonObject => ({
    ...{ max_position_embeddings: context, rope_theta: theta, original_max_position_embeddings: original },
    rope_scaling: {
      rope_type: "longrope",
      factor: 8,
      short_factor: factors.map(() => 1),
      long_factor: factors,
      ...more,
    },
  });
  const attention = (config: JsonObject) => readBack(config, d, "vLLM", context).rope!.attention_factor;

  test("takes LongRoPE's attention factor from its own keys, else from the lengths", () => {
    expect(attention(longrope({}))).toBe(longRopeAttentionFactor(8, original));
    expect(attention(longrope({ factor: 4 }))).toBe(longRopeAttentionFactor(8, original));
    expect(attention(longrope({ attention_factor: 1.5 }))).toBe(longRopeAttentionFactor(8, original));
    expect(attention(longrope({ attention_factor: 1.5, short_mscale: 1.5, long_mscale: 1.5 }))).toBe(1.5);
  });

  test("stays with the long factors for short sequences of a long model", () => {
    const short = readBack(longrope({}), d, "vLLM", 100).rope!;
    expect(tableDifference(short, readBack(longrope({}), d, "transformers 5", context).rope!)).toBe(0);
    expect(readBack(longrope({}), d, "transformers 5", 100).rope!.inv_freq[0]).toBe(1);
  });

  test("an export that leaves its keys out would not pass the proof", () => {
    const rope = ropeTable({
      method: "longrope",
      theta,
      d,
      factor: 8,
      original,
      length: context,
      longFactor: factors,
      attentionFactor: 1.5,
    });
    const config = writeHuggingFaceRope(rope, context, original);
    const differences = (written: JsonObject) =>
      Object.fromEntries(
        proveExport(written, d, rope, context).map(({ consumer, difference }) => [consumer, difference]),
      );
    expect(differences({ ...config })).toEqual({ "transformers 5": 0, "transformers 4": 0, vLLM: 0 });
    const { long_mscale: _, short_mscale: __, ...without } = config.rope_parameters;
    const { rope_theta: ___, ...scaling } = without;
    const bare = differences({ ...config, rope_parameters: without, rope_scaling: scaling });
    expect(bare).toMatchObject({ "transformers 5": 0, "transformers 4": 0 });
    expect(bare.vLLM).toBeGreaterThan(0.2);
  });

  test.each([
    ["plain", null, context],
    ["linear", { rope_type: "linear", factor: 8 }, 8 * context],
    ["yarn", { rope_type: "yarn", factor: 8, original_max_position_embeddings: original }, context],
    ["yarn, beyond", { rope_type: "yarn", factor: 16, original_max_position_embeddings: original }, 2 * context],
    [
      "llama3",
      {
        rope_type: "llama3",
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: original,
      },
      context,
    ],
    ["longrope", longrope({}).rope_scaling as JsonObject, context],
  ])("serves %s up to a length of its own making", (_, rope_scaling, length) => {
    expect(servedByVllm({ max_position_embeddings: context, rope_theta: theta, rope_scaling })).toBe(length);
  });
});
