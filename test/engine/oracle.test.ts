import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine } from "../../runtime/engine/engine.ts";
import { CASES, caseFolder, distance, type Golden, gradientError, norm, readGolden } from "./golden.ts";

/** Logits, loss, gradients and greedy continuations held against transformers in float32. */
describe.each(CASES)("%s", (name) => {
  let engine: Engine;
  let golden: Golden;
  beforeAll(async () => {
    golden = readGolden(name);
    engine = await Engine.load(caseFolder(name), { threads: 2 });
  });
  afterAll(() => engine.close());

  for (const kind of ["plain", "packed"] as const) {
    test(`${kind}: logits within 2e-4, loss within 1e-5`, async () => {
      const { ids, targets, rows, logits, loss, documents } = golden[kind];
      const options = documents ? { documents } : {};
      const all = await engine.logits(Int32Array.from(ids), options);
      const vocab = engine.model.vocab_size;
      expect(all.length).toBe(ids.length * vocab);
      const ours = rows.flatMap((row) => [...all.subarray(row * vocab, (row + 1) * vocab)]);
      expect(distance(ours, logits)).toBeLessThan(2e-4);
      expect(Math.abs((await engine.loss(ids, targets, options)) - loss)).toBeLessThan(1e-5);
    });

    test(`${kind}: every gradient within 1e-3`, async () => {
      const { ids, targets, gradients, documents } = golden[kind];
      const ours = await engine.gradients(ids, targets, documents ? { documents } : {});
      expect([...ours.keys()].sort()).toEqual(Object.keys(gradients).sort());
      for (const [parameter, entries] of Object.entries(gradients)) {
        expect(gradientError(ours.get(parameter)!, entries), parameter).toBeLessThan(1e-3);
      }
    });
  }

  test("document numbers per token mean the same as first tokens", async () => {
    const { ids, targets, documents, loss } = golden.packed;
    const numbers = ids.map((_, token) => (token < documents![1]! ? 0 : 1));
    expect(Math.abs((await engine.loss(ids, targets, { documents: numbers })) - loss)).toBeLessThan(1e-5);
  });

  test("greedy continuation as transformers", async () => {
    const { prompt, new: expected } = golden.generate;
    const ids = golden.plain.ids.slice(0, prompt);
    expect([...(await engine.generate(ids, { maxNewTokens: expected.length }))]).toEqual(expected);
  });
});

/** Of transformers in bf16 against itself in float32; see test/golden/bf16_errors.py. */
const bf16Errors = JSON.parse(readFileSync(new URL("../golden/bf16_errors.json", import.meta.url), "utf8")) as {
  [name: string]: { logits: number; gradients: number; loss: number };
};

/** The error of a loss is one number, of either sign: by chance small in one case and not in the next. So it is held against theirs over all. */
const lossError = norm(Object.values(bf16Errors).map(({ loss }) => loss)) / Math.sqrt(Object.keys(bf16Errors).length);

describe.each(CASES)("%s in bf16", (name) => {
  test("logits, loss and gradients are at most twice as far from float32 as transformers in bf16", async () => {
    const { ids, targets, rows, logits, loss, gradients } = readGolden(name).plain;
    const engine = await Engine.load(caseFolder(name), { threads: 2, dtype: "bf16" });
    const theirs = bf16Errors[name]!;
    const vocab = engine.model.vocab_size;
    const all = await engine.logits(Int32Array.from(ids));
    const ours = rows.flatMap((row) => [...all.subarray(row * vocab, (row + 1) * vocab)]);
    const error = norm(ours.map((logit, i) => logit - logits[i]!)) / norm(logits);
    expect(error).toBeLessThan(2 * theirs.logits);
    expect(error, "bf16 was not used").toBeGreaterThan(1e-4);
    expect(Math.abs((await engine.loss(ids, targets)) - loss)).toBeLessThan(2 * lossError);

    const own = await engine.gradients(ids, targets);
    const entries = Object.entries(gradients).flatMap(([parameter, { norm: length, at, values }]) => {
      const gradient = own.get(parameter)!;
      const unit = length / Math.sqrt(gradient.length);
      return at.map((index, i) => (gradient[index]! - values[i]!) / unit);
    });
    expect(norm(entries) / Math.sqrt(entries.length)).toBeLessThan(2 * theirs.gradients);
    await engine.close();
  });
});
