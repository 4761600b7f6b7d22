import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { canonicalJson } from "../../compiler/lower/canonical.ts";
import { codesOf, memoryHost, planOf, tiny, tinyFiles } from "./recipes.ts";

const stage = "stage a { length = 512  steps = 10  batch = 2 }\n";
const small = (parts: string) => `${tiny}${parts}\n`;

test.each([
  ["ring", small(`${stage}parallel { ring = 1_000_000_007 }`)],
  ["ring", small(`${stage}parallel { ring = 1e15 }`)],
  ["devices", small(`${stage}parallel { devices = 1e12 }`)],
  ["micro_batch", small(`${stage}parallel { micro_batch = 1e15 }`)],
  ["loss_chunk", small(`${stage}memory { loss_chunk = 1e12 }`)],
  ["devices", small(`${stage}hardware { preset = h100  devices = 1e12 }`)],
  ["peak", small(`${stage}hardware { kind = cpu  peak = 1e-308 }`)],
  ["efficiency", small(`${stage}hardware { kind = cpu  efficiency = 1e-308 }`)],
  ["length", small("stage a { length = 1e308  steps = 10 }")],
  ["length", small("stage a { length = 1e15  steps = 10 }")],
  ["steps", small("stage a { length = 512  steps = 1e300 }")],
  ["tokens", small("stage a { length = 512  tokens = 1e300 }")],
  ["batch", small("stage a { length = 512  steps = 1  batch = 1e300 }")],
  ["rank", small(`${stage}train { method = lora(rank: 1e300) }`)],
])("%s beyond all machines is refused where it stands", (name, recipe) => {
  const found = analyze(recipe, memoryHost(tinyFiles)).diagnostics.filter(({ severity }) => severity === "error");
  expect(found.map(({ code, message }) => [code, message.split(" ")[0]])).toEqual([["CTX2104", name]]);
});

test("the largest sizes that may be written compile quickly to a plan of finite numbers", () => {
  const plan = planOf(
    small(`rope { theta = critical_base(length) }
stage a { length = 2_147_483_646  steps = 1e9  batch = 1_000_000 }
hardware { preset = h100  devices = 100_000  peak = 1M  efficiency = 0.1% }
# ctx-allow CTX7006: only the search matters
memory { loss_chunk = 2_147_483_647 }`),
  );
  expect(() => canonicalJson(plan)).not.toThrow();
});

test("a model of 65,536 layers, and a method that overflows, are answered", () => {
  const config = { ...JSON.parse(tinyFiles["models/tiny/config.json"]), num_hidden_layers: 65_536 };
  const files = { ...tinyFiles, "models/tiny/config.json": JSON.stringify(config) };
  const wide = "stage a { length = 96Ki  steps = 10  batch = 960 }";
  expect(codesOf(small(`hardware { preset = h100  devices = 96 }\n${wide}`), {}, files)).toContain("CTX7006");
  expect(codesOf(small(`rope { method = dynamic(factor: 1e308) }\n${stage}`))).toContain("CTX3013");
});

test("a trained length beyond int32 is refused in the model's file", () => {
  const config = { ...JSON.parse(tinyFiles["models/tiny/config.json"]), max_position_embeddings: 2 ** 31 };
  const files = { ...tinyFiles, "models/tiny/config.json": JSON.stringify(config) };
  expect(codesOf(small(`rope { method = yarn() }\n${stage}`), {}, files)).toEqual(["CTX8002"]);
});

test("a prime ring is answered as quickly as any", () => {
  expect(codesOf(small(`${stage}parallel { ring = 1_021  devices = 1_021 }`))).toContain("CTX7001");
});

test("heads of 100,000 dimensions over two billion tokens do not hold the checks of RoPE up", () => {
  const begin = process.cpuUsage();
  const codes = codesOf(`model {
  new = llama(layers: 1, hidden: 1000, heads: 1, head_dim: 100_000, context: 2_147_483_646, theta: 1M)
  tokenizer = bpe(vocab: 512)
}
data { source speeches { files = "text/*.txt" } }
rope { method = yarn(factor: 8) }
stage a { length = 2_147_483_646  steps = 10  batch = 2 }
stage b { length = 2_147_483_646  steps = 10  batch = 2  rope { theta = 2M } }
`);
  expect(codes).toContain("CTX3024");
  expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(30);
});
