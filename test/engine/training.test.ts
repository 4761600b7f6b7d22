import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import { caseFolder, distance, FAMILY_CASES, gradientError, norm, readGolden } from "./golden.ts";
import { digest, goldenEngine, HYPER, lossAndGradients, lossOf, type Overrides, readAll, toBatch } from "./native.ts";

/** Digest of all parameters after some steps. */
async function trained(overrides: Overrides, steps = 3) {
  const engine = await goldenEngine("tied-default-d24", overrides);
  const { plain, packed } = readGolden("tied-default-d24");
  for (let step = 1; step <= steps; step++) {
    await engine.accumulate(toBatch(plain));
    await engine.accumulate(toBatch(packed));
    await engine.step({ ...HYPER, step });
  }
  const values = digest(await readAll(engine, "value"));
  await engine.close();
  return values;
}

test("five steps as torch.optim.AdamW with clipping", async () => {
  const { plain, adamw } = readGolden("tied-default-d24");
  const engine = await goldenEngine("tied-default-d24");
  const batch = toBatch(plain);
  const { lr, eps, clip, weight_decay: weightDecay } = adamw!;
  const [beta1, beta2] = adamw!.betas;
  for (const [index, loss] of adamw!.losses.entries()) {
    const { nll } = await engine.accumulate(batch);
    expect(Math.abs(lossOf(nll, batch) - loss)).toBeLessThan(1e-4);
    const hyper = { lr, beta1, beta2, eps, weightDecay, clipNorm: clip, step: index + 1, loraPlusRatio: 1 };
    const { gradNorm } = await engine.step(hyper);
    expect(Math.abs(gradNorm / adamw!.norms[index]! - 1)).toBeLessThan(1e-4);
  }
  for (const [name, { at, values }] of Object.entries(adamw!.parameters)) {
    const ours = await engine.read(name, "value");
    // Adam turns the sign of a tiny gradient into a whole step of lr, so entries are compared on that scale.
    expect(
      distance(
        at.map((index) => ours[index]!),
        values,
      ) / lr,
      name,
    ).toBeLessThan(0.02);
  }
  await engine.close();
});

test.each(["untied-llama3-d32", "llama-biases-d16", "qwen2-windows-d12", "qwen3-d32"])(
  "LoRA: loss and gradients of adapters and norms as by autograd through merged weights: %s",
  async (name) => {
    const { plain, lora } = readGolden(name);
    const { rank, alpha, targets, also } = lora!;
    const engine = await goldenEngine(name, { training: { lora: { rank, alpha, targets, seed: 1 }, alsoTrain: also } });
    const frozen = engine.parameters().filter(({ trainable }) => !trainable);
    expect(frozen.map((parameter) => parameter.name)).toContain("model.layers.0.self_attn.q_proj.weight");
    expect(engine.memory().gradients).toBeLessThan(engine.memory().weights / 3);

    // B is zero at first: the adapted model is the base model.
    expect(Math.abs((await lossAndGradients(engine, plain)).loss - plain.loss)).toBeLessThan(1e-5);

    await engine.load(await readSafetensors(join(caseFolder(name), "adapter.safetensors")), "value", true);
    const { loss, gradients } = await lossAndGradients(engine, plain);
    expect(Math.abs(loss - lora!.loss)).toBeLessThan(1e-5);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(lora!.gradients).sort());
    for (const [parameter, entries] of Object.entries(lora!.gradients)) {
      expect(gradientError(gradients.get(parameter)!, entries), parameter).toBeLessThan(1e-3);
    }

    // Merged weights give the same loss in a plain engine, and a step moves nothing that is frozen.
    const merged = await goldenEngine(name, { memory: { train: false } });
    for (const { name: parameter } of merged.parameters()) {
      await merged.write(parameter, "value", await engine.read(parameter, "merged"));
    }
    const batch = toBatch(plain);
    expect(Math.abs(lossOf((await merged.score(batch)).nll, batch) - lora!.loss)).toBeLessThan(1e-5);
    const before = await readAll(engine, "value");
    await engine.step(HYPER);
    for (const { name: parameter, trainable } of engine.parameters()) {
      const moved = distance(await engine.read(parameter, "value"), before.get(parameter)!) > 0;
      expect(moved, parameter).toBe(trainable);
    }
    await Promise.all([engine.close(), merged.close()]);
  },
);

test("LoRA+: the learning rate of B is multiplied", async () => {
  const name = "untied-llama3-d32";
  const lora = { rank: 2, alpha: 2, targets: ["v_proj"], seed: 3 };
  const update = async (loraPlusRatio: number) => {
    const engine = await goldenEngine(name, { training: { lora } });
    await engine.accumulate(toBatch(readGolden(name).plain));
    await engine.step({ ...HYPER, weightDecay: 0, loraPlusRatio });
    const b = await engine.read("model.layers.0.self_attn.v_proj.lora_B.weight", "value");
    await engine.close();
    return norm(b); // B was zero
  };
  expect((await update(16)) / (await update(1))).toBeCloseTo(16, 3);
});

describe("the same gradients however they are computed", () => {
  const name = "tied-default-d24";
  const { plain, packed } = readGolden(name);

  test.each([1, 2, 3])("checkpointEvery %i gives the same bytes as keeping everything", async (checkpointEvery) => {
    const kept = await goldenEngine(name);
    const recomputed = await goldenEngine(name, { memory: { checkpointEvery } });
    expect(recomputed.memory().activations).toBeLessThan(kept.memory().activations);
    for (const sequence of [plain, packed]) {
      const expected = await lossAndGradients(kept, sequence);
      const ours = await lossAndGradients(recomputed, sequence);
      expect(ours.loss).toBe(expected.loss);
      expect(digest(ours.gradients)).toBe(digest(expected.gradients));
    }
    await Promise.all([kept.close(), recomputed.close()]);
  });

  test.each(FAMILY_CASES)("ring 2 and 4 as one rank: %s", async (model) => {
    const golden = readGolden(model);
    const one = await goldenEngine(model);
    for (const ring of [2, 4]) {
      const many = await goldenEngine(model, { ring, threads: ring, memory: { checkpointEvery: ring === 4 ? 1 : 0 } });
      for (const sequence of [golden.plain, golden.packed]) {
        const expected = await lossAndGradients(one, sequence);
        const ours = await lossAndGradients(many, sequence);
        expect(Math.abs(ours.loss - expected.loss)).toBeLessThan(1e-6);
        for (const [parameter, gradient] of expected.gradients) {
          const error =
            distance(ours.gradients.get(parameter)!, gradient) / (norm(gradient) / Math.sqrt(gradient.length));
          expect(error, parameter).toBeLessThan(1e-4);
          expect(distance(ours.gradients.get(parameter)!, gradient), parameter).toBeLessThan(1e-5);
        }
        const batch = toBatch(sequence);
        const rows = [5, sequence.ids.length - 3] as const;
        const logits = await many.logits(batch, ...rows);
        expect(distance(logits, await one.logits(batch, ...rows))).toBeLessThan(1e-4);
      }
      await many.close();
    }
    await one.close();
  });

  test.each(["llama-biases-d16", "qwen2-windows-d12", "qwen3-alternating-d16"])(
    "recomputing gives the same bytes as keeping everything, for any number of threads: %s",
    async (model) => {
      const { packed: sequence } = readGolden(model);
      const digests = new Set<string>();
      for (const [checkpointEvery, threads] of [
        [0, 1],
        [1, 2],
        [2, 3],
      ] as const) {
        const engine = await goldenEngine(model, { threads, memory: { checkpointEvery } });
        digests.add(digest((await lossAndGradients(engine, sequence)).gradients));
        await engine.close();
      }
      expect(digests.size).toBe(1);
    },
  );

  test("a loss chunk of any size", async () => {
    const expected = await goldenEngine(name);
    const { gradients, loss } = await lossAndGradients(expected, packed);
    for (const lossChunk of [1, 17, 1024]) {
      const engine = await goldenEngine(name, { memory: { lossChunk } });
      const ours = await lossAndGradients(engine, packed);
      expect(Math.abs(ours.loss - loss)).toBeLessThan(1e-6);
      for (const [parameter, gradient] of gradients) {
        expect(distance(ours.gradients.get(parameter)!, gradient), parameter).toBeLessThan(1e-6);
      }
      await engine.close();
    }
    await expected.close();
  });
});

describe("activations in bf16", () => {
  const model = "untied-llama3-d32";
  const { packed } = readGolden(model);
  const bf16 = { dtype: "bf16" } as const;

  test("recomputing, offload and threads give the same bytes; what is saved takes half", async () => {
    const digests = new Set<string>();
    for (const [threads, memory] of [
      [1, { checkpointEvery: 0 }],
      [2, { checkpointEvery: 1 }],
      [3, { checkpointEvery: 1, offload: { to: "host" } }],
    ] as const) {
      const engine = await goldenEngine(model, { threads, memory: { ...bf16, ...memory } });
      digests.add(digest((await lossAndGradients(engine, packed)).gradients));
      if (threads === 1) {
        const full = await goldenEngine(model);
        expect(engine.memory().activations / full.memory().activations).toBeLessThan(0.53);
        expect(engine.memory().weights).toBe(full.memory().weights);
        await full.close();
      }
      await engine.close();
    }
    expect(digests.size).toBe(1);
  });

  test("ring 2 and 4 are as close to one rank as bf16 allows", async () => {
    const one = await goldenEngine(model, { memory: bf16 });
    const expected = await lossAndGradients(one, packed);
    for (const ring of [2, 4]) {
      const many = await goldenEngine(model, { ring, threads: 2, memory: bf16 });
      const ours = await lossAndGradients(many, packed);
      expect(Math.abs(ours.loss - expected.loss)).toBeLessThan(2e-3);
      for (const [parameter, gradient] of expected.gradients) {
        const difference = gradient.map((x, i) => x - ours.gradients.get(parameter)![i]!);
        expect(norm(difference) / norm(gradient), parameter).toBeLessThan(0.02);
      }
      await many.close();
    }
    await one.close();
  });
});

test("the same bytes for 1, 2 and 4 threads after 3 steps", async () => {
  const one = await trained({ threads: 1 });
  expect(await trained({ threads: 2 })).toBe(one);
  expect(await trained({ threads: 4 })).toBe(one);
});

test("the same bytes for a ring with any number of threads", async () => {
  expect(await trained({ ring: 2, threads: 4 })).toBe(await trained({ ring: 2, threads: 1 }));
});

test("adapters and random weights do not depend on threads", async () => {
  const lora = { rank: 3, alpha: 3, targets: ["k_proj", "gate_proj"], seed: 9 };
  const all = [];
  for (const threads of [1, 3]) {
    const engine = await goldenEngine("tied-default-d24", { threads, training: { lora } });
    await engine.initialize(42, 0.02);
    all.push(await readAll(engine, "value"));
    await engine.close();
  }
  expect(digest(all[1]!)).toBe(digest(all[0]!));
  const embedding = all[0]!.get("model.embed_tokens.weight")!;
  expect(norm(embedding) / Math.sqrt(embedding.length)).toBeCloseTo(0.02, 3);
});

test("new biases are zero, new norms one", async () => {
  for (const name of ["llama-biases-d16", "qwen3-alternating-d16"]) {
    const engine = await goldenEngine(name);
    await engine.initialize(7, 0.02);
    for (const [parameter, values] of await readAll(engine, "value")) {
      const fixed = parameter.endsWith("bias") ? 0 : parameter.includes("norm") ? 1 : undefined;
      if (fixed !== undefined)
        expect(
          values.every((value) => value === fixed),
          parameter,
        ).toBe(true);
    }
    await engine.close();
  }
});

test("a gradient that is not finite changes no parameter and is reported", async () => {
  const engine = await goldenEngine("tied-default-d24");
  const batch = toBatch(readGolden("tied-default-d24").plain);
  batch.weights[3] = Number.NaN;
  const before = digest(await readAll(engine, "value"));
  await engine.accumulate(batch);
  expect((await engine.step(HYPER)).gradNorm).toBeNaN();
  expect(digest(await readAll(engine, "value"))).toBe(before);
  await engine.close();
});

test.each(["untied-llama3-d32", "mistral-window-d16", "qwen3-alternating-d16"])(
  "generation does not depend on how the prompt is cut: %s",
  async (name) => {
    const { plain, generate } = readGolden(name);
    const ids = Int32Array.from(plain.ids.slice(0, generate.prompt));
    for (const maxTokens of [1, 7, 64]) {
      const memory = { maxTokens, train: false, lossChunk: 1, kvCacheTokens: 64 };
      const engine = await goldenEngine(name, { memory });
      expect([...(await engine.generate(ids, generate.new.length, []))]).toEqual(generate.new);
      const stop = generate.new[4]!;
      const stopped = await engine.generate(ids, generate.new.length, [stop]);
      expect([...stopped]).toEqual(generate.new.slice(0, generate.new.indexOf(stop) + 1));
      await engine.close();
    }
  },
);
