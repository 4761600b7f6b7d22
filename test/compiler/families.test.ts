import { expect, test } from "vitest";
import { causalPairs } from "../../compiler/cost/index.ts";
import { analyze } from "../../compiler/index.ts";
import { codesOf, memoryHost, planOf, tinyFiles } from "./recipes.ts";

const from = (name: string) => `model { from = "${name}" }\ndata { source speeches { files = "text/*.txt" } }\n`;
const stage = "stage a { length = 32Ki  steps = 2  batch = 1 }\n";

test.each([
  ["llama", "", { qkv_bias: false, o_bias: false, qk_norm: false, window: null }, 0],
  ["mistral", "", { qkv_bias: false, qk_norm: false, window: null }, 0],
  ["mistral", ", sliding_window: 64", { window: { tokens: 64, layers: [true, true, true] } }, 0],
  ["qwen2", "", { qkv_bias: true, o_bias: false, mlp_bias: false, qk_norm: false }, 3 * (64 + 2 * 32)],
  ["qwen3", "", { qkv_bias: false, qk_norm: true }, 3 * 2 * 16],
])("new = %s(…%s)", (family, more, features, parameters) => {
  const made = (name: string, rest: string) =>
    planOf(`model { new = ${name}(layers: 3, hidden: 64, heads: 4, kv_heads: 2, context: 256${rest})  tokenizer = bpe(vocab: 512) }
data { source speeches { files = "text/*.txt" } }
stage a { length = 256  steps = 2  batch = 1 }
`).model;
  const model = made(family, more);
  expect(model).toMatchObject({ family, ...features });
  expect(model.parameters - made("llama", "").parameters).toBe(parameters);
});

test("only mistral(…) takes a sliding window", () => {
  const recipe = `model { new = qwen3(layers: 1, hidden: 64, heads: 4, context: 256, sliding_window: 9)  tokenizer = bpe(vocab: 512) }
data { source speeches { files = "text/*.txt" } }
stage a { length = 256  steps = 2  batch = 1 }
`;
  expect(codesOf(recipe)).toContain("CTX2009");
});

test("attention inside a window costs length × window, not its square", () => {
  const flops = (name: string) =>
    planOf(from(name).replace(/ \}\n$/, "  documents = join }\n") + stage).stages[0]!.flops;
  const windowed = flops("mistralai/Mistral-7B-v0.1");
  const whole = flops("mistralai/Mistral-7B-Instruct-v0.2");
  expect(windowed.linear).toBe(whole.linear);
  expect(windowed.attention / whole.attention).toBeCloseTo(causalPairs(32768, [32768], 4096) / causalPairs(32768), 12);
  expect(windowed.attention / whole.attention).toBeLessThan(0.24);
});

test("a window shorter than the stage is said once, and only where it is", () => {
  const longer = `${stage}stage b { length = 64Ki  steps = 2  batch = 1 }\n`;
  const count = (name: string) => codesOf(from(name) + longer).filter((code) => code === "CTX3018").length;
  expect(count("mistralai/Mistral-7B-v0.1")).toBe(1);
  expect(count("mistralai/Mistral-7B-v0.3")).toBe(0);
  expect(count("Qwen/Qwen2.5-7B")).toBe(0);
});

test("a checkpoint's window can be widened or lifted", () => {
  const window = (value: string) => {
    const model = `model { from = "mistralai/Mistral-7B-v0.1"  sliding_window = ${value} }`;
    return planOf(`${model}\ndata { source speeches { files = "text/*.txt" } }\n${stage}`).model.window;
  };
  expect(window("16Ki")).toEqual({ tokens: 16_384, layers: new Array(32).fill(true) });
  expect(window("none")).toBeNull();
  const made = `model { new = mistral(layers: 1, hidden: 64, heads: 4, context: 256)  tokenizer = bpe(vocab: 512)  sliding_window = 9 }
data { source speeches { files = "text/*.txt" } }
stage a { length = 256  steps = 2  batch = 1 }
`;
  expect(codesOf(made)).toContain("CTX3017");
});

test("YaRN on Qwen3 counts from the trained length", () => {
  const yarn = (factor: number, original: string) =>
    codesOf(
      `${from("Qwen/Qwen3-8B")}rope { method = yarn(factor: ${factor})  original = ${original} }
stage a { length = 128Ki  steps = 2  batch = 1 }
`,
    );
  expect(yarn(3.2, "40Ki")).toContain("CTX3019");
  expect(yarn(4, "32Ki")).not.toContain("CTX3019");
});

test("of a model that is only planned, what memory and shard say changes nothing, time included", () => {
  const recipe = (rest: string) => `${from("deepseek-ai/DeepSeek-V3")}train { dtype = bf16 }
hardware { kind = cuda  memory = 80GiB  devices = 256 }
${rest}
stage a { length = 4Ki  steps = 2  batch = 512 }
`;
  const [plain] = planOf(recipe("")).stages;
  for (const written of ["parallel { shard = all }", "memory { checkpoint = every(1)  offload = host }"]) {
    const { diagnostics } = analyze(recipe(written), memoryHost(tinyFiles));
    expect(diagnostics.filter(({ code }) => code === "CTX3017").map(({ severity }) => severity)).toEqual(["warning"]);
    expect(planOf(recipe(written)).stages[0]).toEqual(plain);
  }
});
