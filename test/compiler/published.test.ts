import { expect, test } from "vitest";
import { emptyHost } from "../../compiler/host.ts";
import { compile } from "../../compiler/index.ts";

/**
 * Extensions that were published with their numbers (sources in the titles). They must compile to these numbers, and
 * raise nothing: a check that cries at what is known to work is worth nothing.
 */
const data = 'data { source text { files = "text/*.jsonl" } }';

const published: { title: string; recipe: string; theta: number[]; tokens: number[] }[] = [
  {
    title: "ProLong, Llama-3-8B to 512K (2410.02660): 20B tokens a stage, theta 8e6 and 1.28e8",
    recipe: `
model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
train { optimizer = adamw(lr: 1e-5, weight_decay: 0.1)  schedule = cosine(warmup: 10%, final: 10%) }
stage s64k  { length = 64Ki   steps = 5000  batch = 64  rope { theta = 8M } }
stage s512k { length = 512Ki  steps = 2500  batch = 16  rope { theta = 128M }  train { optimizer = adamw(lr: 5e-6) } }
`,
    theta: [8e6, 1.28e8],
    tokens: [5000 * 64 * 65_536, 2500 * 16 * 524_288],
  },
  {
    title: "LWM-Text, Llama-2-7B to 1M (2402.08268, table 11)",
    recipe: `
model { from = "meta-llama/Llama-2-7b-hf" }
train { optimizer = adamw(lr: 4e-5)  schedule = constant(warmup: 25) }
stage s32k  { length = 32Ki   steps = 1200  batch = 128  rope { theta = 1M } }
stage s128k { length = 128Ki  steps = 3000  batch = 32   rope { theta = 10M } }
stage s256k { length = 256Ki  steps = 3000  batch = 16   rope { theta = 10M } }
stage s512k { length = 512Ki  steps = 720   batch = 8    rope { theta = 25M } }
stage s1m   { length = 1Mi    steps = 450   batch = 4    rope { theta = 50M } }
`,
    theta: [1e6, 1e7, 1e7, 2.5e7, 5e7],
    tokens: [1200, 3000, 3000, 720, 450].map((steps) => steps * 4 * 2 ** 20),
  },
  {
    title: "EasyContext, Llama-2-7B to 512K (jzhang38/EasyContext)",
    recipe: `
model { from = "meta-llama/Llama-2-7b-hf" }
train { optimizer = adamw(lr: 2e-5, weight_decay: 0.1) }
data { source text { files = "text/*.jsonl" }  documents = join }
stage a { length = 32_768   steps = 1000  batch = 32  rope { theta = 1M }  parallel { ring = 1 } }
stage b { length = 65_536   steps = 1000  batch = 16  rope { theta = 5M }  parallel { ring = 1 } }
stage c { length = 256_000  steps = 500   batch = 4   rope { theta = 10M } }
stage c2 { length = 256_000  steps = 500   batch = 4   rope { theta = 25M } }
stage e { length = 256_000  steps = 150   batch = 4   rope { theta = 50M } }
stage f { length = 512_000  steps = 300   batch = 2   rope { theta = 100M } }
stage g { length = 512_000  steps = 90    batch = 2   rope { theta = 250M }  train { optimizer = adamw(lr: 1e-5) } }
parallel { devices = 8  ring = 8 }
`,
    theta: [1e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8],
    tokens: [
      ...[1000 * 32 * 32_768, 1000 * 16 * 65_536],
      ...[500 * 4 * 256_000, 500 * 4 * 256_000, 150 * 4 * 256_000, 300 * 2 * 512_000, 90 * 2 * 512_000],
    ],
  },
  {
    title: "YaRN, Llama-2-7B to 64K (2309.00071): factor 16, 400 steps of 64 rows",
    recipe: `
model { from = "meta-llama/Llama-2-7b-hf" }
train { optimizer = adamw(lr: 2e-5)  schedule = linear(warmup: 20) }
rope { method = yarn(factor: 16) }
stage s64k { length = 64Ki  steps = 400  batch = 64 }
`,
    theta: [10_000],
    tokens: [400 * 64 * 65_536],
  },
  {
    title: "UltraLong, Llama-3.1-8B-Instruct to 1M in one jump: YaRN 128 from 8K, beta_fast 4, 1B tokens",
    recipe: `
model { from = "meta-llama/Llama-3.1-8B-Instruct" }
train { optimizer = adamw(lr: 3e-5) }
rope { method = yarn(factor: length / 8Ki, beta_fast: 4)  original = 8Ki }
stage s1m { length = 1Mi  tokens = 1B  batch = 2 }
`,
    theta: [500_000],
    tokens: [477 * 2 * 2 ** 20],
  },
  {
    title: "Gradient's second release and 4M model: the critical base, rounded (model cards)",
    recipe: `
model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
rope { theta = round(critical_base(length)) }
stage s64k  { length = 64Ki   steps = 30  batch = 32 }
stage s256k { length = 256Ki  steps = 24  batch = 16 }
stage s1m   { length = 1Mi    steps = 50  batch = 16 }
stage s4m   { length = 4Mi    steps = 12  batch = 4 }
`,
    theta: [22_443_169, 283_461_213, 3_580_165_449, 45_218_125_210],
    tokens: [62_914_560, 100_663_296, 838_860_800, 201_326_592],
  },
  {
    title: "PoSE, LLaMA to 32K on rows of 4K (2309.10400): linear, 1000 steps of 64 rows",
    recipe: `
model { from = "meta-llama/Llama-2-7b-hf" }
train { optimizer = adamw(lr: 2e-5)  schedule = linear(warmup: 10)  positions = pose(chunks: 2) }
rope { method = linear(factor: scale) }
stage skip { length = 4Ki  context = 32Ki  steps = 1000  batch = 64 }
`,
    theta: [10_000],
    tokens: [1000 * 64 * 4096],
  },
];

test.each(published)("$title", ({ recipe, theta, tokens }) => {
  const text = /^data/m.test(recipe) ? recipe : `${recipe}${data}\n`;
  const { plan, diagnostics } = compile(text, emptyHost);
  expect(diagnostics.filter(({ severity }) => severity !== "info").map(({ message }) => message)).toEqual([]);
  expect(plan?.stages.map((stage) => stage.rope.theta)).toEqual(theta);
  expect(plan?.stages.map((stage) => stage.tokens)).toEqual(tokens);
});

test("the card of the 1M model that lists a batch of 8 contradicts its own token count", () => {
  const recipe = `
model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
rope { theta = critical_base(length) }
stage s1m { length = 1Mi  steps = 50  batch = 8  tokens = 838_860_800 }
${data}
`;
  expect(compile(recipe, emptyHost).diagnostics.map(({ code }) => code)).toContain("CTX4003");
});
