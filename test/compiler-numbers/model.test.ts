import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  baseContext,
  knownConfig,
  knownModels,
  modelFromConfig,
  newModel,
  readModelConfig,
  writeModelConfig,
} from "../../compiler/model/index.ts";
import { proveExport, ropeTable } from "../../compiler/rope/index.ts";

const LLAMA_3 = knownConfig("meta-llama/Meta-Llama-3-8B")!;
const kinds = (config: object) => modelFromConfig({ ...LLAMA_3, ...config }, "test").findings.map((f) => f.kind);

describe("known models", () => {
  // Totals as the Hub counts them from the safetensors headers.
  test.each([
    ["huggyllama/llama-7b", 6_738_415_616],
    ["meta-llama/Llama-2-7b-hf", 6_738_415_616],
    ["meta-llama/Llama-2-13b-hf", 13_015_864_320],
    ["meta-llama/Llama-2-70b-hf", 68_976_648_192],
    ["meta-llama/Meta-Llama-3-8B-Instruct", 8_030_261_248],
    ["meta-llama/Meta-Llama-3-70B", 70_553_706_496],
    ["meta-llama/Llama-3.1-8B", 8_030_261_248],
    ["meta-llama/Llama-3.2-1B", 1_235_814_400],
    ["meta-llama/Llama-3.2-3B", 3_212_749_824],
    ["HuggingFaceTB/SmolLM2-135M", 134_515_008],
    ["mistralai/Mistral-7B-v0.1", 7_241_732_096],
    ["mistralai/Mistral-7B-v0.3", 7_248_023_552],
    ["h2oai/h2o-danube2-1.8b-base", 1_831_201_280],
    ["Qwen/Qwen2-7B-Instruct", 7_615_616_512],
    ["Qwen/Qwen2.5-0.5B", 494_032_768],
    ["Qwen/Qwen2.5-1.5B", 1_543_714_304],
    ["Qwen/Qwen2.5-3B", 3_085_938_688],
    ["Qwen/Qwen2.5-7B", 7_615_616_512],
    ["Qwen/Qwen2.5-32B", 32_763_876_352],
    ["Qwen/Qwen2.5-72B", 72_706_203_648],
    ["Qwen/Qwen2.5-14B", 14_770_033_664],
    ["Qwen/Qwen3-0.6B", 596_049_920],
    ["Qwen/Qwen3-1.7B", 1_720_574_976],
    ["Qwen/Qwen3-4B", 4_022_468_096],
    ["Qwen/Qwen3-8B", 8_190_735_360],
    ["Qwen/Qwen3-14B", 14_768_307_200],
    ["Qwen/Qwen3-32B", 32_762_123_264],
    // Without the module that predicts a second token; the Hub counts that too, 685B.
    ["deepseek-ai/DeepSeek-V3-Base", 671_026_419_200],
  ])("%s has %d parameters", (name, parameters) => {
    expect(modelFromConfig(knownConfig(name)!, name).model!.parameters).toBe(parameters);
  });

  test("every entry reads without findings", () => {
    for (const name of knownModels()) expect(modelFromConfig(knownConfig(name)!, name).findings).toEqual([]);
  });

  test("of DeepSeek-V3's parameters a token meets 36.6B, the head among them (README_WEIGHTS.md of its repository)", () => {
    const { model } = modelFromConfig(knownConfig("deepseek-ai/DeepSeek-V3")!, "x");
    expect(model!.active_parameters).toBe(36_625_618_432);
    // Its weights by layer: 187,105,280 around attention; 396,361,728 in a dense MLP, as many in the nine experts met.
    const routers = 58 * (7168 * 256 + 256);
    const norms = 61 * (2 * 7168 + 1536 + 512) + 7168;
    expect(61 * 187_105_280 + 61 * 396_361_728 + routers + norms + 129_280 * 7168).toBe(model!.active_parameters);
  });

  test("names from the prototype are not models", () => {
    expect(knownConfig("constructor")).toBeNull();
    expect(knownConfig("__proto__")).toBeNull();
  });

  test("Llama 3.1 keeps its own scaling", () => {
    const { model } = modelFromConfig(knownConfig("meta-llama/Llama-3.1-8B")!, "x");
    expect(model!.rope.method).toBe("llama3");
    expect(model!.context).toBe(131072);
  });
});

describe("reading config.json", () => {
  test.each([
    ["", "not-json"],
    ['{"model_type": "llama"', "not-json"],
    ["[1]", "not-json"],
    ["{}", "family-unsupported"],
    ['{"model_type": "gemma2"}', "family-unsupported"],
    ['{"model_type": "qwen3_moe"}', "family-unsupported"],
    ['{"model_type": "qwen2"}', "value-missing"],
    ['{"model_type": "llama"}', "value-missing"],
  ])("%j is refused as %s", (text, kind) => {
    const { model, findings } = readModelConfig(text, "test");
    expect(model).toBeNull();
    expect(findings[0]!.kind).toBe(kind);
  });

  test.each([
    [{ attention_bias: 1 }, "value-wrong"],
    [{ model_type: "mistral", attention_bias: true }, "bias-unsupported"],
    [{ model_type: "qwen2", mlp_bias: true }, "bias-unsupported"],
    [{ hidden_act: "gelu" }, "activation-unsupported"],
    [{ hidden_activation: "gelu_pytorch_tanh" }, "activation-unsupported"],
    [{ num_local_experts: 8 }, "feature-unsupported"],
    [{ attn_logit_softcapping: 50 }, "feature-unsupported"],
    [{ residual_multiplier: 0.22 }, "feature-unsupported"],
    [{ layer_types: ["chunked_attention"] }, "attention-unsupported"],
    [{ model_type: "mistral", sliding_window: 0 }, "value-wrong"],
    [{ model_type: "qwen3", layer_types: ["full_attention"] }, "value-wrong"],
    [{ model_type: "qwen3", layer_types: new Array(32).fill("linear_attention") }, "attention-unsupported"],
    [{ model_type: "qwen3", layer_types: new Array(32).fill("sliding_attention") }, "value-wrong"],
    [{ model_type: "qwen2", max_window_layers: -1 }, "value-wrong"],
    [{ sliding_window: 4096 }, "key-unread"],
    [{ model_type: "qwen2", dual_chunk_attention_config: { chunk_size: 262144 } }, "key-unread"],
    [{ partial_rotary_factor: 0.5 }, "partial-rotary"],
    [{ quantization_config: { bits: 4 } }, "quantized-unsupported"],
    [{ num_key_value_heads: 5 }, "heads-indivisible"],
    [{ head_dim: 127 }, "head-dim-odd"],
    [{ model_type: "deepseek_v3", qk_rope_head_dim: 63 }, "head-dim-odd"],
    [{ model_type: "deepseek_v3", num_experts_per_tok: 257 }, "value-wrong"],
    [{ model_type: "deepseek_v3", first_k_dense_replace: 33 }, "value-wrong"],
    [{ model_type: "deepseek_v3", n_shared_experts: -1 }, "value-wrong"],
    [{ model_type: "deepseek_v3", moe_layer_freq: 2 }, "feature-unsupported"],
    [{ model_type: "deepseek_v3", attention_bias: true }, "bias-unsupported"],
    [{ model_type: "deepseek_v3", kv_lora_rank: null, v_head_dim: 0 }, "value-wrong"],
    [{ moe_intermediate_size: 2048 }, "feature-unsupported"],
    [{ hidden_size: 4095 }, "value-wrong"],
    [{ hidden_size: "4096" }, "value-wrong"],
    [{ num_hidden_layers: 1e9 }, "value-wrong"],
    [{ rms_norm_eps: -1 }, "value-wrong"],
    [{ rope_theta: undefined }, "theta-missing"],
    [{ rope_theta: "5e5" }, "malformed"],
  ])("%j gives %s", (change, kind) => {
    expect(kinds(change)).toContain(kind);
  });

  test("what the families have, by transformers' own defaults", () => {
    const read = (config: object) => modelFromConfig({ ...LLAMA_3, ...config }, "x").model!;
    const every = new Array<boolean>(32).fill(true);
    expect(read({ attention_bias: true, mlp_bias: true })).toMatchObject({
      qkv_bias: true,
      o_bias: true,
      mlp_bias: true,
    });
    // MistralConfig: 4096 where nothing is said.
    expect(read({ model_type: "mistral" }).window).toEqual({ tokens: 4096, layers: every });
    expect(read({ model_type: "mistral", sliding_window: null }).window).toBeNull();
    expect(read({ model_type: "mistral", num_key_value_heads: undefined }).kv_heads).toBe(8);
    const qwen2 = { model_type: "qwen2", sliding_window: 1024 };
    expect(read(qwen2)).toMatchObject({ qkv_bias: true, o_bias: false, mlp_bias: false, qk_norm: false, window: null });
    expect(read({ ...qwen2, use_sliding_window: true, max_window_layers: 30 }).window).toEqual({
      tokens: 1024,
      layers: every.map((_, layer) => layer >= 30),
    });
    expect(read({ ...qwen2, use_sliding_window: true, max_window_layers: 32 }).window).toBeNull();
    expect(read({ model_type: "qwen3", num_attention_heads: 16 })).toMatchObject({ qk_norm: true, head_dim: 128 });
    const types = every.map((_, layer) => (layer % 2 ? "full_attention" : "sliding_attention"));
    const alternating = read({ model_type: "qwen3", use_sliding_window: true, layer_types: types });
    expect(alternating.window!.layers.filter(Boolean)).toHaveLength(16);
  });

  test("a family's config.json reads back as the same model", () => {
    const qwen = { model_type: "qwen3", attention_bias: true, use_sliding_window: true, sliding_window: 64 };
    const types = Array.from({ length: 32 }, (_, layer) => (layer % 3 ? "full_attention" : "sliding_attention"));
    for (const config of [
      knownConfig("mistralai/Mistral-7B-v0.1")!,
      knownConfig("mistralai/Mistral-7B-v0.3")!,
      knownConfig("Qwen/Qwen2.5-7B")!,
      knownConfig("Qwen/Qwen3-8B")!,
      knownConfig("deepseek-ai/DeepSeek-V3")!,
      { ...knownConfig("deepseek-ai/DeepSeek-V3")!, q_lora_rank: null, n_shared_experts: 2 },
      { ...LLAMA_3, attention_bias: true, mlp_bias: true },
      { ...LLAMA_3, ...qwen, layer_types: types },
      { ...LLAMA_3, ...qwen, max_window_layers: 20 },
    ]) {
      const model = modelFromConfig(config, "x").model!;
      const written = writeModelConfig(model, model.rope, baseContext(model), "bf16", config);
      expect(modelFromConfig(written, "x").model).toEqual({ ...model, rope: expect.anything() });
    }
  });

  test("weights that are only planned for may be quantized, as DeepSeek's are", () => {
    const config = { ...knownConfig("deepseek-ai/DeepSeek-V3")!, quantization_config: { quant_method: "fp8" } };
    expect(modelFromConfig(config, "x").findings).toEqual([]);
  });

  test("lists of end tokens, null and negative ids", () => {
    const read = (eos: unknown) => modelFromConfig({ ...LLAMA_3, eos_token_id: eos }, "x").model!.eos_token_id;
    expect(read([128001, 128009])).toBe(128001);
    expect(read(null)).toBeNull();
    expect(read(-1)).toBeNull();
    expect(read(7)).toBe(7);
  });

  test("deep nesting and long strings", () => {
    const nested = "[".repeat(50_000) + "]".repeat(50_000);
    for (const value of [nested, `"${"x".repeat(1_000_000)}"`]) {
      for (const key of ["model_type", "hidden_size", "hidden_act", "rope_theta", "rope_scaling"]) {
        const text = JSON.stringify({ ...LLAMA_3, [key]: "HERE" }).replace('"HERE"', value);
        for (const { message } of readModelConfig(text, "x").findings) expect(message.length).toBeLessThan(300);
      }
    }
  });

  test("never throws, whatever the values are", () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(0, -1, 1e300, 0.5, "x", null, [], {}, "yarn", "llama3"));
    const rare = ["sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "attention_bias"];
    const keys = [
      ...Object.keys(LLAMA_3),
      "rope_scaling",
      "rope_parameters",
      "head_dim",
      "tie_word_embeddings",
      ...rare,
      ...["q_lora_rank", "kv_lora_rank", "qk_rope_head_dim", "v_head_dim", "n_routed_experts", "num_experts_per_tok"],
      ...["n_shared_experts", "moe_intermediate_size", "first_k_dense_replace", "moe_layer_freq"],
    ];
    const families = fc.constantFrom("llama", "mistral", "qwen2", "qwen3", "deepseek_v3");
    const rope = fc.record({ rope_type: value, factor: value, rope_theta: value, long_factor: value, type: value });
    fc.assert(
      fc.property(fc.constantFrom(...keys), value, fc.option(rope), families, (key, wrong, scaling, family) => {
        const { model, findings } = modelFromConfig(
          { ...LLAMA_3, model_type: family, rope_scaling: scaling, [key]: wrong },
          "x",
        );
        if (model) {
          expect(model.rope.inv_freq.every(Number.isFinite)).toBe(true);
          expect(Number.isSafeInteger(model.parameters)).toBe(true);
          expect(model.active_parameters ?? 1).toBeGreaterThan(0);
        } else {
          expect(findings.some((f) => f.severity === "error")).toBe(true);
        }
      }),
      { numRuns: 800 },
    );
  });
});

describe("new models", () => {
  test("sizes and defaults", () => {
    const model = newModel({ vocab: 4096, layers: 6, hidden: 256, heads: 8, kv_heads: 4, context: 512 });
    expect(model).toMatchObject({ head_dim: 32, intermediate_size: 704, tie_word_embeddings: false, context: 512 });
    const layer = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 704 + 2 * 256;
    expect(model.parameters).toBe(2 * 4096 * 256 + 6 * layer + 256);
  });

  test.each([
    [{ heads: 7 }, /hidden \(256\) must be a multiple of heads \(7\)/],
    [{ kv_heads: 3 }, /heads \(8\) must be a multiple of kv_heads \(3\)/],
    [{ layers: 0 }, /layers/],
    [{ head_dim: 31 }, /even/],
    [{ theta: 1 }, /theta/],
    [{ std: 0 }, /std/],
  ])("%j is refused", (change, message) => {
    const args = { vocab: 4096, layers: 6, hidden: 256, heads: 8, context: 512, ...change };
    expect(() => newModel(args)).toThrow(message);
  });
});

describe("writing config.json", () => {
  test("reads back as the same model with the stage's table, in every version of transformers", () => {
    const base = knownConfig("meta-llama/Llama-3.1-8B-Instruct")!;
    const { model } = modelFromConfig(base, "x");
    const rope = ropeTable({ method: "yarn", theta: 500000, d: 128, factor: 128, original: 8192, betaFast: 4 });
    const config = writeModelConfig(model!, rope, 1048576, "bf16", { ...base, transformers_version: "4.1" });
    expect(config.eos_token_id).toEqual([128001, 128008, 128009]);
    expect(config).not.toHaveProperty("transformers_version");
    for (const proof of proveExport(config, 128, rope, 1048576)) {
      expect(proof).toMatchObject({ refused: null });
      expect(proof.difference).toBeLessThan(1e-12);
    }
    const again = readModelConfig(JSON.stringify(config), "x");
    expect(again.findings).toEqual([]);
    expect(again.model).toEqual({ ...model, context: 1048576, rope: { ...rope, formula: expect.any(String) } });
  });
});
