import { expect, test } from "vitest";
import { analyze } from "../../compiler/index.ts";
import { codesOf, memoryHost } from "./recipes.ts";

/**
 * The RoPE settings of published extensions, as far as the language can say them: none of them raises a warning, but for
 * those that the literature itself calls doubtful. Base models that ctx does not know by heart stand in `files` with
 * what matters here: family, sizes, trained length, theta.
 */
const config = (family: string, context: number, theta: number, sizes: object = {}) =>
  JSON.stringify({
    ...{ model_type: family, vocab_size: 32_000, hidden_size: 4096, intermediate_size: 11_008 },
    ...{ num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 32, rms_norm_eps: 1e-5 },
    ...{ max_position_embeddings: context, rope_theta: theta, ...sizes },
  });

const files: Record<string, string> = {
  "llama1/config.json": config("llama", 2048, 10_000),
  "mistral/config.json": config("mistral", 8192, 10_000, { num_key_value_heads: 8, sliding_window: null }),
  "danube2/config.json": config("mistral", 8192, 10_000, {
    ...{
      hidden_size: 2560,
      intermediate_size: 6912,
      num_hidden_layers: 24,
      num_key_value_heads: 8,
      sliding_window: null,
    },
  }),
  "yi/config.json": config("llama", 4096, 5_000_000, { num_key_value_heads: 4, vocab_size: 64_000 }),
  "4k5e4/config.json": config("llama", 4096, 50_000, { num_key_value_heads: 8 }),
  "qwen25_4k/config.json": config("qwen2", 4096, 10_000, { num_key_value_heads: 4, vocab_size: 152_064 }),
  "qwen25_32k/config.json": config("qwen2", 32_768, 1_000_000, { num_key_value_heads: 4, vocab_size: 152_064 }),
  ...Object.fromEntries(
    ["llama1", "mistral", "danube2", "yi", "4k5e4", "qwen25_4k", "qwen25_32k"].map((name) => [
      `${name}/tokenizer.json`,
      "{}",
    ]),
  ),
  // Text without end, so that only RoPE is spoken of.
  "text/a.jsonl": "x",
};

const model = (from: string) => `model { from = "${from}" }\n`;
const llama2 = model("meta-llama/Llama-2-7b-hf");
const llama3 = model("meta-llama/Meta-Llama-3-8B");

const published: [title: string, recipe: string, named?: string[]][] = [
  [
    "Position Interpolation (2306.15595): LLaMA to 8K, 16K, 32K, 1000 steps each",
    `${model("llama1")}rope { method = linear(factor: scale) }
stage s8k { length = 8Ki  steps = 1000  batch = 64 }
stage s16k { length = 16Ki  steps = 1000  batch = 128 }
stage s32k { length = 32Ki  steps = 1000  batch = 128 }`,
  ],
  [
    "YaRN (2309.00071): Llama-2 to 64K with 16, then 32 on the same 64K of text",
    `${llama2}
stage s64k { length = 64Ki  steps = 400  batch = 64  rope { method = yarn(factor: 16) } }
stage s128k { length = 64Ki  steps = 200  batch = 64  rope { method = yarn(factor: 32) } }`,
  ],
  [
    "YaRN, Llama-2-70B to 32K: factor 8",
    `${model("meta-llama/Llama-2-70b-hf")}rope { method = yarn(factor: 8) }
stage s32k { length = 32Ki  steps = 400  batch = 64 }`,
  ],
  [
    "YaRN, Mistral to 64K and 128K on 16K of text",
    `${model("mistral")}
stage s64k { length = 16Ki  steps = 1000  batch = 64  rope { method = yarn(factor: 8) }  train { optimizer = adamw(lr: 1e-6) } }
stage s128k { length = 16Ki  steps = 500  batch = 64  rope { method = yarn(factor: 16) }  train { optimizer = adamw(lr: 1e-6) } }`,
  ],
  [
    "PoSE (2309.10400): LLaMA to 16K, linear",
    `${model("llama1")}rope { method = linear(factor: scale) }
stage s { length = 2Ki  context = 16Ki  steps = 1000  batch = 64  train { positions = pose(chunks: 2) } }`,
  ],
  [
    "PoSE: LLaMA to 128K, YaRN",
    `${model("llama1")}rope { method = yarn(factor: scale) }
stage s { length = 2Ki  context = 128Ki  steps = 1000  batch = 64  train { positions = pose(chunks: 2) } }`,
  ],
  [
    "PoSE: LLaMA to 128K, linear; the paper on interpolation measures what a factor above 8 costs",
    `${model("llama1")}rope { method = linear(factor: scale) }
stage s { length = 2Ki  context = 128Ki  steps = 1000  batch = 64  train { positions = pose(chunks: 2) } }`,
    ["CTX3010"],
  ],
  [
    "PoSE: LLaMA to 16K, NTK; YaRN's section 3.1 says that some pairs leave what they have seen",
    `${model("llama1")}rope { theta = ntk(scale) }
stage s { length = 2Ki  context = 16Ki  steps = 1000  batch = 64  train { positions = pose(chunks: 2) } }`,
    ["CTX3001"],
  ],
  [
    "CREAM (2406.07138): Llama-2 to 32K on rows of 4K, linear 8",
    `${llama2}rope { method = linear(factor: 8) }
stage s { length = 4Ki  context = 32Ki  steps = 1000  batch = 32  train { positions = pose(chunks: 3) } }`,
  ],
  [
    "LongLoRA (2309.12307): Llama-2 to 32K and 100K, linear",
    `${llama2}rope { method = linear(factor: ceil(context / 4Ki)) }
train { method = lora(rank: 8, alpha: 16, also: [embed_tokens, norm])  optimizer = adamw(lr: 2e-5) }
stage s32k { length = 32Ki  steps = 1000  batch = 64 }
stage s100k { length = 100Ki  steps = 1000  batch = 64 }`,
  ],
  [
    "Fu et al. (2402.10171): Llama-2 to 80K, linear, 5B tokens",
    `${llama2}rope { method = linear(factor: 20) }
stage s80k { length = 80Ki  tokens = 5B  batch = 50 }`,
  ],
  [
    "Llama-2-Long (2309.16039): theta 500,000 at 32K, 400B tokens",
    `${llama2}rope { theta = abf(500_000) }
stage s32k { length = 32Ki  steps = 100_000  batch = 128 }`,
  ],
  [
    "Code Llama (2308.12950): theta 1e6 at 16K",
    `${llama2}rope { theta = 1M }
stage s16k { length = 16Ki  steps = 10_000  batch = 128 }`,
  ],
  [
    "Llama 3 (2407.21783): theta 500,000 from the start, 128K with hundreds of billions of tokens",
    `${llama3}stage s128k { length = 128Ki  tokens = 800B  batch = 128 }`,
  ],
  [
    "Llama 3.1's released table: llama3, factor 8",
    `${llama3}rope { method = llama3(factor: 8) }
stage s128k { length = 128Ki  tokens = 800B  batch = 128 }`,
  ],
  [
    "Llama 3.1 kept as it is",
    `${model("meta-llama/Llama-3.1-8B")}stage s128k { length = 128Ki  steps = 50  batch = 8 }`,
  ],
  [
    "Llama 3.2 kept as it is",
    `${model("meta-llama/Llama-3.2-1B")}stage s128k { length = 128Ki  steps = 50  batch = 8 }`,
  ],
  ...([256, 512] as const).map((factor): [string, string] => [
    `UltraLong, ${factor === 256 ? "2M" : "4M"}: YaRN ${factor} from 8K, beta_fast 4, a billion tokens`,
    `${model("meta-llama/Llama-3.1-8B-Instruct")}rope { method = yarn(factor: ${factor}, beta_fast: 4)  original = 8Ki }
stage s { length = ${factor / 128}Mi  tokens = ${factor === 256 ? "1.1B" : "1.26B"}  batch = 2  train { optimizer = adamw(lr: 3e-5) } }`,
  ]),
  [
    "EasyContext's danube2 1.8B to 256K: nine thetas",
    `${model("danube2")}
stage a { length = 16_000  steps = 400  batch = 64  rope { theta = 30K } }
stage b { length = 32_000  steps = 400  batch = 32  rope { theta = 100K } }
stage c { length = 32_000  steps = 400  batch = 32  rope { theta = 300K } }
stage d2 { length = 64_000  steps = 400  batch = 16  rope { theta = 1M } }
stage e { length = 64_000  steps = 400  batch = 16  rope { theta = 2.5M } }
stage f { length = 64_000  steps = 400  batch = 16  rope { theta = 5M } }
stage g { length = 128_000  steps = 300  batch = 8  rope { theta = 10M } }
stage h { length = 128_000  steps = 200  batch = 8  rope { theta = 30M } }
stage j { length = 256_000  steps = 200  batch = 4  rope { theta = 100M } }`,
  ],
  [
    "EasyContext's last step: theta 1e9 for a million tokens, all but untrained",
    `${llama2}
stage g { length = 512_000  steps = 1000  batch = 2  rope { theta = 250M } }
stage h { length = 1_000_000  steps = 1  batch = 1  rope { theta = 1B } }`,
    ["CTX3021"],
  ],
  [
    "LongVILA's language model: Gradient's thetas on Qwen2",
    `${model("qwen25_32k")}train { method = lora(rank: 8, alpha: 16, also: [embed_tokens, norm])  optimizer = adamw(lr: 2e-5) }
stage s128k { length = 128Ki  steps = 40  batch = 4  rope { theta = 15_300_000 } }
stage s256k { length = 256Ki  steps = 80  batch = 16  rope { theta = 207_112_184 } }
stage s512k { length = 512Ki  steps = 80  batch = 16  rope { theta = 1_062_356_830 } }
stage s1m { length = 1Mi  steps = 50  batch = 4  rope { theta = 3_580_165_449 } }`,
  ],
  [
    "Yi 200K: theta 5e6 from the start, 5B tokens",
    `${model("yi")}stage s200k { length = 200Ki  tokens = 5B  batch = 20 }`,
  ],
  [
    "Qwen2.5: theta 1e6 at 32K",
    `${model("qwen25_4k")}rope { theta = 1M }
stage s32k { length = 32Ki  tokens = 100B  batch = 128 }`,
  ],
  [
    "Qwen2.5-1M: 64K to 256K",
    `${model("qwen25_32k")}
stage s64k { length = 64Ki  tokens = 10B  batch = 64  rope { theta = 1M } }
stage s128k { length = 128Ki  tokens = 10B  batch = 32  rope { theta = 5M } }
stage s256k { length = 256Ki  tokens = 10B  batch = 16  rope { theta = 10M } }`,
  ],
  [
    "Qwen2.5 and Qwen3 with their model cards' YaRN 4 from 32K",
    `${model("Qwen/Qwen3-8B")}rope { method = yarn(factor: 4)  original = 32Ki }
stage s128k { length = 128Ki  steps = 50  batch = 16 }`,
  ],
  [
    "SmolLM3's thetas: 1.5M at 32K, 5M at 64K",
    `${model("4k5e4")}
stage s32k { length = 32Ki  tokens = 50B  batch = 64  rope { theta = 1_500_000 } }
stage s64k { length = 64Ki  tokens = 50B  batch = 32  rope { theta = 5M } }`,
  ],
  [
    "InternLM2's theta: 1e6 at 32K",
    `${model("4k5e4")}rope { theta = 1M }
stage s32k { length = 32Ki  tokens = 200B  batch = 128 }`,
  ],
  [
    "Olmo 3's table: YaRN 8 from 8K",
    `${llama3}rope { method = yarn(factor: 8) }
stage s64k { length = 64Ki  tokens = 50B  batch = 64  train { optimizer = adamw(lr: 2.07e-4)  schedule = linear(warmup: 200) } }`,
  ],
  [
    "DeepSeek's table on a Llama: YaRN 40 from 4K, 32K and 128K",
    `${llama2}rope { method = yarn(factor: 40) }
stage s32k { length = 32Ki  steps = 1000  batch = 1920 }
stage s128k { length = 128Ki  steps = 1000  batch = 480 }`,
  ],
  [
    "DeepSeek-V2's temperature: the pair of keys that only its own code completes",
    `${llama2}rope { method = yarn(factor: 40, mscale: 0.707, mscale_all_dim: 0.707) }
stage s32k { length = 32Ki  steps = 1000  batch = 576 }`,
    ["CTX3007"],
  ],
  ...(["linear(factor: 8)", "dynamic(factor: 4)", "yarn(factor: 8)"] as const).map((method): [string, string] => [
    `LCEG (2409.12181): Llama-2 to 32K, ${method}, 1B tokens`,
    `${llama2}rope { method = ${method} }
stage s32k { length = 32Ki  tokens = 1B  batch = 256 }`,
  ]),
];

test.each(published)("%s", (_, recipe, named = []) => {
  const lr = /lr:/.test(recipe) ? "" : "train { optimizer = adamw(lr: 2e-5) }\n";
  const text = `${recipe}\n${lr}data { source text { files = "text/*.jsonl" }  documents = join }\nhardware { preset = h200  devices = 1024  devices_per_host = 8  memory = 100TB  host_memory = 100TB }\n`;
  const { diagnostics } = analyze(text, memoryHost(files));
  const about = diagnostics.filter(({ code, severity }) => severity !== "info" && /^CTX[38]/.test(code));
  const others = diagnostics.filter(({ severity, code }) => severity === "error" && !/^CTX[357]/.test(code));
  expect(others.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(about.map(({ code, severity, message }) => `${severity} ${code} ${message}`.slice(0, 15 + 200))).toEqual(
    named.map((code) => expect.stringContaining(`warning ${code} `)),
  );
});

test("a model that ctx knows by heart raises nothing by itself", async () => {
  const { knownModels } = await import("../../compiler/model/index.ts");
  for (const name of knownModels()) {
    const codes = codesOf(
      `${model(name)}data { source text { files = "text/*.jsonl" } }\nstage a { length = 2Ki  steps = 200  batch = 8 }\n`,
      {},
      {},
    );
    const expected = name.startsWith("deepseek-ai/") ? ["CTX8026"] : [];
    expect([name, codes.filter((code) => /^CTX[38]/.test(code))]).toEqual([name, expected]);
  }
});
