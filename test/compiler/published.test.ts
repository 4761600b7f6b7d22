import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { emptyHost } from "../../compiler/host.ts";
import { compile } from "../../compiler/index.ts";
import { promisedContext, trainedContext, writeModelConfig } from "../../compiler/model/index.ts";
import type { PlanStage } from "../../compiler/plan.ts";
import { format } from "../../grammar/index.ts";

/**
 * Extensions that were published with their numbers: the recipes of recipes/published. They must compile to these numbers,
 * and raise nothing that is not said of them where they are published: a check that cries at what is known to work is worth
 * nothing.
 */
interface Published {
  length: number;
  steps: number;
  /** Rows of a step. */
  batch: number;
  lr: number;
  theta: number;
  /** Of linear interpolation or YaRN. */
  factor?: number;
  /** As the source counts them; default: the product of the three. */
  tokens?: number;
}

const K = 1024;
const M = K * K;

/** A stage: length, steps, batch, learning rate, theta, factor. */
const stage = (
  length: number,
  steps: number,
  batch: number,
  lr: number,
  theta: number,
  factor?: number,
): Published => ({
  ...{ length, steps, batch, lr, theta },
  ...(factor !== undefined && { factor }),
});

const published: { [file: string]: Published[] } = {
  // Model cards; tokens as printed there.
  "gradient-llama3-1m": [
    { ...stage(64 * K, 30, 32, 2e-5, 15_296_098), tokens: 62_914_560 },
    { ...stage(256 * K, 24, 16, 2e-5, 207_112_184), tokens: 100_663_296 },
    { ...stage(512 * K, 50, 16, 2e-5, 1_062_356_830), tokens: 419_430_400 },
    { ...stage(M, 50, 16, 2e-5, 2_804_339_835), tokens: 838_860_800 },
  ],
  // 283461213, 3580165449 and 45218125210 are in the released configs.
  "gradient-llama3-4m": [
    { ...stage(64 * K, 30, 32, 2e-5, 22_443_169), tokens: 62_914_560 },
    { ...stage(256 * K, 24, 16, 2e-5, 283_461_213), tokens: 100_663_296 },
    { ...stage(512 * K, 50, 16, 2e-5, 1_007_391_703), tokens: 419_430_400 },
    { ...stage(M, 50, 16, 2e-5, 3_580_165_449), tokens: 838_860_800 },
    { ...stage(4 * M, 12, 4, 2e-5, 45_218_125_210), tokens: 201_326_592 },
  ],
  // train_64K.sh, train_512K.sh: "20B" each.
  "prolong-llama3-512k": [
    { ...stage(64 * K, 5000, 64, 1e-5, 8e6), tokens: 20_971_520_000 },
    { ...stage(512 * K, 2500, 16, 5e-6, 1.28e8), tokens: 20_971_520_000 },
  ],
  // Table 11: 4M tokens a step.
  "lwm-llama2-1m": [
    stage(32 * K, 1200, 128, 4e-5, 1e6),
    stage(128 * K, 3000, 32, 4e-5, 1e7),
    stage(256 * K, 3000, 16, 4e-5, 1e7),
    stage(512 * K, 720, 8, 4e-5, 2.5e7),
    stage(M, 450, 4, 4e-5, 5e7),
  ],
  "easycontext-llama2-1m": [
    stage(32_768, 1000, 32, 2e-5, 1e6),
    stage(65_536, 1000, 16, 2e-5, 5e6),
    stage(256_000, 500, 4, 2e-5, 1e7),
    stage(256_000, 500, 4, 2e-5, 2.5e7),
    stage(256_000, 150, 4, 2e-5, 5e7),
    stage(512_000, 300, 2, 2e-5, 1e8),
    stage(512_000, 90, 2, 1e-5, 2.5e8),
  ],
  "easycontext-danube2-256k": [
    stage(16_000, 400, 64, 2e-5, 3e4),
    stage(32_000, 400, 32, 2e-5, 1e5),
    stage(32_000, 400, 32, 2e-5, 3e5),
    stage(64_000, 400, 16, 2e-5, 1e6),
    stage(64_000, 400, 16, 2e-5, 2.5e6),
    stage(64_000, 400, 16, 2e-5, 5e6),
    stage(128_000, 300, 8, 2e-5, 1e7),
    stage(128_000, 200, 8, 2e-5, 3e7),
    stage(256_000, 200, 4, 2e-5, 1e8),
  ],
  "yarn-llama2-128k": [stage(64 * K, 400, 64, 2e-5, 1e4, 16), stage(64 * K, 200, 64, 2e-5, 1e4, 32)],
  "yarn-mistral-128k": [stage(16 * K, 1000, 64, 1e-6, 1e4, 8), stage(16 * K, 500, 64, 1e-6, 1e4, 16)],
  "longlora-llama2": [stage(32 * K, 1000, 64, 2e-5, 1e4, 8)],
  "pose-llama-16k": [stage(2 * K, 1000, 64, 2e-5, 1e4, 8)],
  // "5B tokens", "4M a batch"; the base of RoPE is not published.
  "fu-llama2-80k": [
    stage(80 * K, 1221, 50, 2e-5, 10_000 ** (Math.log((80 * K) / (2 * Math.PI)) / Math.log((4 * K) / (2 * Math.PI)))),
  ],
  "ultralong-llama31": [stage(M, 477, 2, 3e-5, 5e5, 128)],
  // Steps and batches are not published.
  "qwen25-1m": [
    stage(64 * K, 239, 64, 1e-5, 1e6),
    stage(128 * K, 239, 32, 1e-5, 5e6),
    stage(256 * K, 239, 16, 1e-5, 1e7),
  ],
  "deepseek-v3-128k": [stage(32 * K, 1000, 1920, 7.3e-6, 1e4, 40), stage(128 * K, 1000, 480, 7.3e-6, 1e4, 40)],
  "codellama-7b-16k": [stage(16 * K, 3000, 128, 2e-5, 1e6)],
  // A node of eight GPUs.
  "longvila-qwen2-1m": [
    stage(128 * K, 40, 32, 2e-5, 15_300_000),
    stage(256 * K, 80, 128, 2e-5, 207_112_184),
    stage(512 * K, 80, 128, 2e-5, 1_062_356_830),
    stage(M, 50, 32, 2e-5, 3_580_165_449),
  ],
};

const fileOf = (name: string) =>
  name === "gradient-llama3-1m" ? `recipes/${name}.ctx` : `recipes/published/${name}.ctx`;

function compileFile(name: string, set: { [name: string]: string } = {}) {
  const file = fileOf(name);
  return compile(readFileSync(file, "utf8"), nodeHost(), { file, set });
}

function figures({ length, steps, sequences, tokens, rope, train }: PlanStage): Published {
  const factor = rope.parameters?.factor;
  return {
    ...{ length, steps, batch: sequences, lr: train.optimizer.lr, tokens, theta: Number(rope.theta.toPrecision(9)) },
    ...(typeof factor === "number" && { factor }),
  };
}

describe("published recipes", () => {
  test("every one is held to its figures, and stands in the list of recipes", () => {
    const there = readdirSync("recipes/published").map((file) => file.replace(/\.ctx$/, ""));
    expect([...there, "gradient-llama3-1m"].sort()).toEqual(Object.keys(published).sort());
    const list = readFileSync("recipes/README.md", "utf8");
    for (const name of Object.keys(published)) expect(list).toContain(`](${fileOf(name).replace("recipes/", "")})`);
    for (const file of readdirSync("recipes").filter((name) => name.endsWith(".ctx")))
      expect(list).toContain(`](${file})`);
  });

  test.each(Object.entries(published))("%s", (name, stages) => {
    const { plan, diagnostics } = compileFile(name);
    expect(diagnostics.filter(({ severity }) => severity !== "info").map(({ message }) => message)).toEqual([]);
    const expected = stages.map((figure) => ({
      tokens: figure.length * figure.steps * figure.batch,
      ...figure,
      theta: Number(figure.theta.toPrecision(9)),
    }));
    expect(plan?.stages.map(figures)).toEqual(expected);
  });

  test.each(Object.keys(published))("%s is written as `ctx fmt` writes, and begins with its source", (name) => {
    const text = readFileSync(fileOf(name), "utf8");
    expect(format(text)).toBe(text);
    const comment = text.slice(0, text.indexOf("\nrecipe "));
    expect(comment).toMatch(/^# .+\n#\n# Source: /);
    for (const line of comment.split("\n")) expect(line.length).toBeLessThanOrEqual(150);
  });

  test("notes are few: float32 angles at 4M tokens, what servers will make of the exported length, what YaRN promises beyond its rows, and what is only planned", () => {
    const notes = Object.keys(published).flatMap((name) =>
      compileFile(name).diagnostics.map(({ code }) => `${name} ${code}`),
    );
    expect(notes.sort()).toEqual([
      "deepseek-v3-128k CTX4015",
      "deepseek-v3-128k CTX4018",
      "deepseek-v3-128k CTX8026",
      "gradient-llama3-4m CTX3008",
      "longlora-llama2 CTX8021",
      "pose-llama-16k CTX8021",
      "yarn-llama2-128k CTX3020",
      "yarn-llama2-128k CTX4018",
      "yarn-mistral-128k CTX3020",
      "yarn-mistral-128k CTX4018",
    ]);
  });
});

describe("what the sources say besides", () => {
  const stagesOf = (name: string, set = {}) => compileFile(name, set).plan!.stages;

  test("ProLong: the mix of both stages, cosine to a tenth after a tenth, moments carried over", () => {
    const [first, second] = stagesOf("prolong-llama3-512k");
    const rest = {
      fineweb_edu: 0.1,
      fineweb: 0.1,
      stack: 0.04,
      wiki: 0.04,
      tulu: 0.03,
      arxiv: 0.03,
      math: 0.03,
      textbooks: 0.03,
    };
    expect(first!.mix).toEqual({ code_64k: 0.3, books_64k: 0.3, ...rest });
    expect(second!.mix).toEqual({ code_512k: 0.15, code_64k: 0.15, books_512k: 0.05, books_64k: 0.25, ...rest });
    expect(first!.train.schedule).toEqual({ kind: "cosine", warmup_steps: 500, final: 0.1 });
    expect(second!.train.schedule.warmup_steps).toBe(250);
    expect(second!.train.optimizer).toMatchObject({ betas: [0.9, 0.95], weight_decay: 0.1, state: "carry" });
    expect(second!.parallel.ring).toBe(8);
  });

  test("LWM: 4M tokens a step; warm-ups of table 11", () => {
    const stages = stagesOf("lwm-llama2-1m");
    expect(stages.map(({ sequences, length }) => sequences * length)).toEqual(new Array(5).fill(4 * M));
    expect(stages.map(({ train }) => train.schedule.warmup_steps)).toEqual([100, 200, 200, 50, 25]);
  });

  test("YaRN: factors count from the trained length, temperatures 0.1 ln(s) + 1, and the windows reach over a row", () => {
    for (const [name, original] of [
      ["yarn-llama2-128k", 4 * K],
      ["yarn-mistral-128k", 8 * K],
    ] as const) {
      for (const { rope } of stagesOf(name)) {
        expect(rope.parameters).toMatchObject({ rope_type: "yarn", original_max_position_embeddings: original });
        const factor = rope.parameters!.factor as number;
        expect(rope.attention_factor).toBeCloseTo(0.1 * Math.log(factor) + 1, 12);
      }
    }
    // https://huggingface.co/NousResearch/Yarn-Llama-2-7b-128k: pairs 29 and 63 of its table.
    const table = stagesOf("yarn-llama2-128k")[1]!.rope.inv_freq;
    expect(table[29]! / 0.010235328953255999).toBeCloseTo(1, 12);
    expect(table[63]! / 3.608693702154557e-6).toBeCloseTo(1, 12);
    expect(compileFile("yarn-mistral-128k").plan!.model.window!.tokens).toBe(128 * K);
  });

  test.each([
    ["yarn-llama2-128k", [64, 128], [64, 64]],
    ["yarn-mistral-128k", [64, 128], [16, 16]],
  ])("%s: promises of %j thousand tokens on rows of %j", (name, promised, trained) => {
    const plan = compileFile(name).plan!;
    expect(plan.stages.map((_, k) => promisedContext(plan, k) / K)).toEqual(promised);
    expect(plan.stages.map((_, k) => trainedContext(plan, k) / K)).toEqual(trained);
    const { rope } = plan.stages[1]!;
    // config.json of NousResearch/Yarn-Llama-2-7b-128k and Yarn-Mistral-7b-128k: 131072, and the factor that leads there.
    const config = writeModelConfig(plan.model, rope, promisedContext(plan, 1), "bf16");
    expect(config.max_position_embeddings).toBe(128 * K);
    const { factor, original_max_position_embeddings: original } = config.rope_scaling as { [key: string]: number };
    expect(factor! * original!).toBe(128 * K);
    // Evaluation that names no lengths reaches the promise.
    const text = `${readFileSync(fileOf(name), "utf8")}\nevaluate { needle { } }\n`;
    const evaluated = compile(text, emptyHost).plan!;
    expect(evaluated.stages.map(({ evaluate }) => evaluate!.needle!.lengths.at(-1))).toEqual([64 * K, 128 * K]);
  });

  test.each([
    ["8Ki", 2],
    ["16Ki", 4],
    ["32Ki", 8],
    ["100_000", 25],
  ])("LongLoRA to %s: factor %d, embeddings and norms learn", (target, factor) => {
    const { plan, diagnostics } = compileFile("longlora-llama2", { target });
    expect(diagnostics.filter(({ severity }) => severity === "error" || severity === "warning")).toEqual([]);
    const [long] = plan!.stages;
    expect(long!.rope.parameters!.factor).toBe(factor);
    const adapters = { rank: 8, alpha: 16, also: ["embed_tokens", "norm"] };
    expect(long!.train.lora).toMatchObject(adapters);
    expect(long!.train.schedule).toEqual({ kind: "constant", warmup_steps: 20, final: 1 });
    expect(stagesOf("longvila-qwen2-1m")[0]!.train.lora).toMatchObject(adapters);
  });

  test("PoSE: two chunks, positions up to the target", () => {
    const [skip] = stagesOf("pose-llama-16k");
    expect([skip!.positions, skip!.context]).toEqual([{ kind: "pose", chunks: 2 }, 16 * K]);
    expect(skip!.tokens).toBe(131_072_000);
  });

  test.each([
    ["1Mi", 128, 477, 1.4852030263919618],
    ["2Mi", 256, 239, 1.5545177444479563],
    ["4Mi", 512, 150, 1.6238324625039509],
  ])("UltraLong to %s: factor %d from 8K, a billion tokens", (target, factor, steps, temperature) => {
    const { plan, diagnostics } = compileFile("ultralong-llama31", { target });
    expect(diagnostics.filter(({ severity }) => severity !== "info")).toEqual([]);
    const [long] = plan!.stages;
    expect([long!.rope.parameters!.factor, long!.steps]).toEqual([factor, steps]);
    expect(long!.rope.parameters).toMatchObject({ beta_fast: 4, original_max_position_embeddings: 8 * K });
    expect(long!.rope.attention_factor).toBeCloseTo(temperature, 12);
  });

  test("EasyContext and UltraLong join documents, ProLong masks them", () => {
    const documents = (name: string) => compileFile(name).plan!.data.documents;
    const names = ["easycontext-llama2-1m", "fu-llama2-80k", "ultralong-llama31", "prolong-llama3-512k"];
    expect(names.map(documents)).toEqual(["join", "join", "join", "mask"]);
  });

  test("where each stage is a program of its own, its moments start at zero; ProLong's second stage goes on with them", () => {
    const later = (name: string) => compileFile(name).plan!.stages.at(-1)!.train.optimizer.state;
    const scripts = ["easycontext-llama2-1m", "easycontext-danube2-256k", "yarn-llama2-128k", "longvila-qwen2-1m"];
    expect(scripts.map(later)).toEqual(new Array(4).fill("reset"));
    expect(later("prolong-llama3-512k")).toBe("carry");
    expect(compileFile("yarn-llama2-128k").plan!.stages[0]!.train.clip).toBeNull();
  });

  test("the card of Gradient's 1M model that lists a batch of 8 contradicts its own token count", () => {
    const recipe = `
model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
rope { theta = critical_base(length) }
data { source text { files = "text/*.jsonl" } }
stage s1m { length = 1Mi  steps = 50  batch = 8  tokens = 838_860_800 }
`;
    expect(compile(recipe, emptyHost).diagnostics.map(({ code }) => code)).toContain("CTX4003");
  });
});

describe("DeepSeek-V3 (2412.19437): planned, not trained", () => {
  const { plan, diagnostics } = compileFile("deepseek-v3-128k");
  const { model, stages } = plan!;

  test("its 671B parameters and 37B of them for each token, as sections 1 and 2 count them", () => {
    expect(model).toMatchObject({ family: "deepseek_v3", head_dim: 64, context: 4 * K, path: null });
    expect([model.parameters / 1e9, model.active_parameters! / 1e9].map(Math.round)).toEqual([671, 37]);
  });

  test("its table turns the 32 pairs of the decoupled key, with the temperature in the softmax's scale", () => {
    for (const { rope, pairs } of stages) {
      expect([rope.inv_freq.length, rope.attention_factor, pairs.extrapolated]).toEqual([32, 1, 0]);
      const values = { 0: 1, 12: 0.026879360111431223, 16: 0.0055, 31: 3.33380358040831e-6 };
      for (const [i, frequency] of Object.entries(values)) {
        expect(rope.inv_freq[Number(i)]! / frequency).toBeCloseTo(1, 12);
      }
    }
  });

  test("it promises what its factor covers, as the released config.json does", () => {
    expect(promisedContext(plan!, 1)).toBe(163_840);
    expect(trainedContext(plan!, 1)).toBe(128 * K);
  });

  test("its memory is not counted; it takes the hours of table 1", () => {
    expect(stages.map(({ memory }) => [memory.device, memory.disk])).toEqual(new Array(2).fill([null, 0]));
    const hours = stages.reduce((sum, { seconds, parallel }) => sum + (seconds * parallel.devices) / 3600, 0);
    expect(Math.abs(hours / 119_000 - 1)).toBeLessThan(0.03);
  });

  test("that it is planned only is said once, as a note", () => {
    const said = diagnostics.filter(({ code }) => code === "CTX8026");
    expect(said.map(({ severity }) => severity)).toEqual(["info"]);
  });
});
