import { expect, test } from "vitest";
import { codesOf, planOf, tiny, tinyFiles } from "./recipes.ts";

test("a stage overrides just what it names", () => {
  const plan = planOf(`${tiny}
train { optimizer = adamw(lr: 1e-4, weight_decay: 0.1)  clip = none  schedule = cosine(warmup: 10%, final: 5%) }
rope { theta = critical_base(length) }
stage a { length = 512  steps = 20  batch = 4 }
stage b { length = 1Ki  steps = 30  batch = 2  train { clip = 0.5 }  rope { theta = 1M } }
`);
  const [a, b] = plan.stages;
  expect(a?.train).toMatchObject({ clip: null, schedule: { kind: "cosine", warmup_steps: 2, final: 0.05 } });
  expect(b?.train).toMatchObject({ clip: 0.5, schedule: { kind: "cosine", warmup_steps: 3, final: 0.05 } });
  expect(b?.train.optimizer).toMatchObject({ lr: 1e-4, weight_decay: 0.1, betas: [0.9, 0.95], state: "carry" });
  expect(b?.rope.theta).toBe(1e6);
});

test("a curriculum makes stages named by their length and splits tokens into whole steps", () => {
  const plan = planOf(`${tiny}
rope { theta = critical_base(length) }
curriculum { lengths = 512..2Ki x2  tokens = 400K  batch = [4, 2, 1] }
`);
  expect(plan.stages.map(({ name, length, steps, sequences }) => [name, length, steps, sequences])).toEqual([
    ["s512", 512, Math.ceil(400_000 / 2048), 4],
    ["s1k", 1024, Math.ceil(400_000 / 2048), 2],
    ["s2k", 2048, Math.ceil(400_000 / 2048), 1],
  ]);
});

test("previous is the stage before, the base model at first, or the one that rope names", () => {
  const plan = planOf(`${tiny}
rope { theta = previous.theta * length / previous.length }
stage a { length = 512  steps = 300  batch = 4 }
stage b { length = 1Ki  steps = 300  batch = 4 }
stage c { length = 2Ki  steps = 300  batch = 4  rope { previous = a } }
`);
  expect(plan.stages.map((stage) => stage.rope.theta)).toEqual([20_000, 40_000, 80_000]);
});

test("under PoSE the formulas see positions, the budget sees rows", () => {
  const plan = planOf(`${tiny}
rope { method = yarn(factor: scale) }
stage skip { length = 256  context = 4Ki  steps = 40  batch = 16  train { positions = pose(chunks: 2) } }
stage long { length = 4Ki  steps = 40  batch = 1 }
`);
  const [skip, long] = plan.stages;
  expect(skip).toMatchObject({
    length: 256,
    context: 4096,
    tokens: 40 * 16 * 256,
    positions: { kind: "pose", chunks: 2 },
  });
  expect(skip?.rope.parameters).toMatchObject({ rope_type: "yarn", factor: 16, original_max_position_embeddings: 256 });
  expect(skip?.rope.inv_freq).toEqual(long?.rope.inv_freq);
  const theta = planOf(`${tiny}
rope { theta = critical_base(length) }
stage skip { length = 256  context = 4Ki  steps = 400  batch = 16  train { positions = pose } }
`).stages[0]?.rope.theta;
  expect(theta).toBeCloseTo(10_000 ** (Math.log(4096 / (2 * Math.PI)) / Math.log(256 / (2 * Math.PI))), 3);
});

test("frequency = <expression in i> with attention gives any table", () => {
  const plan = planOf(`${tiny}
rope { frequency = model.theta ^ (-2 * i / d) / (if i < 8 then 1 else scale)  attention = 1 + 0.1 * ln(scale) }
stage a { length = 1Ki  steps = 500  batch = 4 }
`);
  const { rope } = plan.stages[0]!;
  expect(rope.method).toBe("custom");
  expect(rope.attention_factor).toBeCloseTo(1 + 0.1 * Math.log(4), 12);
  rope.inv_freq.forEach((frequency, i) => {
    expect(frequency).toBeCloseTo(10_000 ** (-i / 32) / (i < 8 ? 1 : 4), 14);
  });
});

test("without a rope block the base model's table stays", () => {
  const scaled = {
    ...tinyFiles,
    "models/tiny/config.json": JSON.stringify({
      ...JSON.parse(tinyFiles["models/tiny/config.json"]),
      rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 },
    }),
  };
  const plan = planOf(`${tiny}stage a { length = 256  steps = 500  batch = 4 }\n`, {}, scaled);
  expect(plan.stages[0]?.rope).toEqual(plan.model.rope);
  expect(plan.model.rope.method).toBe("yarn");
});

test("moments start anew where other parameters are trained", () => {
  const plan = planOf(`${tiny}
stage a { length = 256  steps = 50  batch = 4 }
stage b { length = 256  steps = 50  batch = 4  train { method = lora(rank: 4) } }
stage c { length = 256  steps = 50  batch = 4  train { method = lora(rank: 4) } }
`);
  expect(plan.stages.map((stage) => stage.train.optimizer.state)).toEqual(["carry", "reset", "carry"]);
  expect(plan.stages[1]?.train.lora).toEqual({
    ...{ rank: 4, alpha: 8, targets: ["q_proj", "k_proj", "v_proj", "o_proj"], also: [], plus_ratio: 1 },
  });
});

test("lengths that only later stages reach are measured after those, and all of them before", () => {
  const plan = planOf(`${tiny}
rope { theta = critical_base(length) }
stage a { length = 512  steps = 300  batch = 4 }
stage b { length = 1Ki  steps = 300  batch = 4 }
evaluate { needle { lengths = 256..1Ki x2  depths = 3 }  gate { needle >= 90%  otherwise = warn } }
`);
  expect(plan.before?.needle?.lengths).toEqual([256, 512, 1024]);
  expect(plan.before?.gate).toBeNull();
  expect(plan.stages.map((stage) => stage.evaluate?.needle?.lengths)).toEqual([
    [256, 512],
    [256, 512, 1024],
  ]);
  expect(plan.stages[0]?.evaluate?.needle).toMatchObject({ depths: [0, 0.5, 1], samples: 20, haystack: "speeches" });
  expect(plan.stages[0]?.evaluate?.gate).toEqual({ needle: 0.9, perplexity: null, otherwise: "warn" });
  expect(plan.data.sources[0]?.holdout_every).toBe(20);
  expect(plan.defaults).toContainEqual({
    ...{ path: "source speeches.holdout", value: "5%", from: "an evaluation reads this source" },
  });
});

test("a gate over all stages asks each for what is measured within its context", () => {
  const recipe = `${tiny}
rope { theta = critical_base(length) }
stage a { length = 512  steps = 30  batch = 4 }
stage b { length = 1Ki  steps = 30  batch = 4 }
evaluate { needle { lengths = [1Ki] }  perplexity { lengths = [512, 1Ki] }  gate { needle >= 90%  perplexity <= 12 } }
`;
  expect(planOf(recipe).stages.map((stage) => stage.evaluate?.gate)).toEqual([
    { needle: null, perplexity: 12, otherwise: "stop" },
    { needle: 0.9, perplexity: 12, otherwise: "stop" },
  ]);
  expect(codesOf(recipe)).toEqual(["CTX4011"]);
});

test("a gate's conditions may stand in the stages, and what it does at the top", () => {
  const recipe = `${tiny}
stage a { length = 256  steps = 300  batch = 4  evaluate { gate { needle >= 90% } } }
evaluate { needle { lengths = [256] }  gate { otherwise = warn } }
`;
  expect(planOf(recipe).stages[0]?.evaluate?.gate).toEqual({ needle: 0.9, perplexity: null, otherwise: "warn" });
  expect(codesOf(recipe)).toEqual([]);
});

test("one length of copied segments is that of all, and an adapter takes each matrix once", () => {
  const plan = planOf(`${tiny.replace('txt" }', 'txt" } source pieces { synthesize = copy(segment: [8]) }')}
stage a { length = 256  steps = 50  batch = 4 }
train { method = lora(targets: [q_proj, q_proj], also: [norm, norm]) }
`);
  expect(plan.data.sources[1]?.synthesize?.segment).toEqual([8, 8]);
  expect(plan.stages[0]?.train.lora).toMatchObject({ targets: ["q_proj"], also: ["norm"] });
});

test("param, --set and let", () => {
  const recipe = `${tiny}
param length0 = 512
let double = 2 * length0
rope { theta = critical_base(length) }
stage a { length = length0  steps = 300  batch = 4 }
stage b { length = double   steps = 300  batch = 4 }
require b.length == 2 * a.length
`;
  expect(planOf(recipe).stages.map((stage) => stage.length)).toEqual([512, 1024]);
  expect(planOf(recipe, { set: { length0: "1Ki" } }).stages.map((stage) => stage.length)).toEqual([1024, 2048]);
  expect(codesOf(recipe, { set: { lenght0: "1Ki" } })).toContain("CTX2202");
});

test("a let may speak of the stage that uses it", () => {
  const plan = planOf(`${tiny}
let stretched = model.theta * scale
rope { theta = stretched }
stage a { length = 512  steps = 300  batch = 4 }
stage b { length = 1Ki  steps = 300  batch = 4 }
`);
  expect(plan.stages.map((stage) => stage.rope.theta)).toEqual([20_000, 40_000]);
});

test("an import is overridden by what the recipe says itself", () => {
  const files = {
    ...tinyFiles,
    "shared/base.ctx": `
recipe base
let rate = 1e-4
train { optimizer = adamw(lr: rate)  clip = 0.5 }
stage a { length = 512  steps = 300  batch = 4 }
rope { theta = critical_base(length) }
`,
  };
  const plan = planOf(
    `import "shared/base.ctx"
recipe mine
let rate = 3e-4
${tiny}
stage a { steps = 100 }
`,
    {},
    files,
  );
  expect(plan.recipe).toBe("mine");
  expect(plan.stages[0]).toMatchObject({ name: "a", length: 512, steps: 100 });
  expect(plan.stages[0]?.train).toMatchObject({ clip: 0.5, optimizer: { lr: 3e-4 } });
  expect(plan.trace["/stages/0/length"]?.file).toBe("shared/base.ctx");
  expect(plan.trace["/stages/0/steps"]?.file).toBe("recipe.ctx");
});

test("mistakes of an imported recipe are told in its own file", () => {
  const files = { ...tinyFiles, "base.ctx": "train { clipp = 1 }\n" };
  expect(codesOf(`import "base.ctx"\n${tiny}stage a { length = 256  steps = 5 }\n`, {}, files)).toEqual(["CTX2001"]);
});
