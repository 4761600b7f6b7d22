import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { readModelConfig, writeModelConfig } from "../../compiler/model/index.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { caseFolder, distance, FAMILY_CASES, readGolden } from "./golden.ts";
import { goldenEngine, HYPER, toBatch } from "./native.ts";

/** A Python with torch and transformers; the test is left out where there is none. */
const python = process.env.CTX_ORACLE_PYTHON;

// Importing transformers takes half a minute on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const folder = mkdtempSync(join(tmpdir(), "ctx-transformers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SCRIPT = `
import json, sys, torch
from transformers import AutoModelForCausalLM
folder, ids = sys.argv[1], json.loads(sys.argv[2])
model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
with torch.no_grad(): print(json.dumps(model(input_ids=torch.tensor([ids])).logits[0].flatten().tolist()))
`;

test.skipIf(!python).each(FAMILY_CASES)(
  "a checkpoint of %s that we trained and wrote loads in transformers with identical logits",
  async (name) => {
    const path = join(folder, name);
    cpSync(caseFolder(name), path, { recursive: true });
    const { plain } = readGolden(name);
    const native = await goldenEngine(name);
    await native.accumulate(toBatch(plain));
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

    const ids = plain.ids.slice(0, 200);
    const theirs = JSON.parse(
      execFileSync(python!, ["-c", SCRIPT, path, JSON.stringify(ids)], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    const engine = await Engine.load(path);
    expect(distance(await engine.logits(ids), theirs)).toBeLessThan(2e-4);
    await engine.close();
  },
);
