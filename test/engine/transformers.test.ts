import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readModelConfig, writeModelConfig } from "../../compiler/model/index.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { caseFolder, distance, FAMILY_CASES, readGolden } from "./golden.ts";
import { goldenEngine, HYPER, toBatch } from "./native.ts";

/** A Python with torch and transformers; the test is left out where there is none. */
const python = process.env.CTX_ORACLE_PYTHON;

// Importing transformers takes half a minute on a busy machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const folder = mkdtempSync(join(tmpdir(), "ctx-transformers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const IDS = 200;

/** Every folder of a list with its ids, in one process: loading transformers takes longer than loading a checkpoint. */
const SCRIPT = `
import json, sys, torch
from transformers import AutoModelForCausalLM
for folder, ids in json.load(sys.stdin):
    try:
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
        with torch.no_grad(): said = {"logits": model(input_ids=torch.tensor([ids])).logits[0].flatten().tolist()}
    except Exception as problem:
        said = {"problem": repr(problem)}
    print(json.dumps(said))
`;

/** Trains a model for one step and writes it as a checkpoint of transformers. */
async function write(name: string): Promise<string> {
  const path = join(folder, name);
  cpSync(caseFolder(name), path, { recursive: true });
  const native = await goldenEngine(name);
  await native.accumulate(toBatch(readGolden(name).plain));
  await native.step({ ...HYPER, lr: 1e-2 });
  const base = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
  const { model } = readModelConfig(JSON.stringify(base), name);
  writeFileSync(
    join(path, "config.json"),
    JSON.stringify(writeModelConfig(model!, model!.rope, model!.context, "f32", base)),
  );
  const parameters = native.parameters();
  const header = tensorHeader(parameters.map(({ name: tensor, shape }) => ({ name: tensor, shape, dtype: "F32" })));
  const sinks = parameters.map(({ name: tensor }) => ({
    name: tensor,
    slot: "value" as const,
    dtype: "F32" as const,
  }));
  await native.save(join(path, "model.safetensors"), header, sinks);
  await native.close();
  return path;
}

describe.skipIf(!python)("a checkpoint that we trained and wrote", () => {
  const theirs = new Map<string, { logits?: number[]; problem?: string }>();

  beforeAll(async () => {
    const asked: [string, number[]][] = [];
    for (const name of FAMILY_CASES) asked.push([await write(name), readGolden(name).plain.ids.slice(0, IDS)]);
    const said = execFileSync(python!, ["-c", SCRIPT], {
      encoding: "utf8",
      input: JSON.stringify(asked),
      maxBuffer: 2 ** 28,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const lines = said.trim().split("\n");
    for (const [index, name] of FAMILY_CASES.entries()) theirs.set(name, JSON.parse(lines[index]!));
  });

  test.each(FAMILY_CASES)("of %s loads in transformers with identical logits", async (name) => {
    const { logits, problem } = theirs.get(name)!;
    expect(problem).toBe(undefined);
    const engine = await Engine.load(join(folder, name));
    expect(distance(await engine.logits(readGolden(name).plain.ids.slice(0, IDS)), logits!)).toBeLessThan(2e-4);
    await engine.close();
  });
});
