import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { modelFromConfig } from "../../compiler/model/index.ts";
import { SafetensorsError } from "../../compiler/weights/index.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import {
  readModelFolder,
  readSafetensors,
  readSafetensorsHeader,
  readWeights,
} from "../../runtime/engine/safetensors.ts";
import { CASES, caseFolder } from "./golden.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header and so many bytes behind it. */
function fileWith(header: unknown, bytes: number, declared?: bigint): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(text.length));
  const path = join(folder, "a.safetensors");
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(bytes)]));
  return path;
}

const tensor = (dtype: string, shape: number[], from: number, to: number) => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

describe("headers", () => {
  test.each(CASES)("of %s, as transformers wrote it", async (name) => {
    const sources = await readModelFolder(caseFolder(name));
    expect(sources.length).toBeGreaterThan(18);
    expect(sources.every(({ offset }) => offset > 8)).toBe(true);
  });

  test("a file that is right, with unaligned and empty tensors and metadata", async () => {
    const header = {
      __metadata__: { format: "pt" },
      b: tensor("BF16", [3], 1, 7),
      a: tensor("U8", [1], 0, 1),
      c: tensor("F32", [0, 4], 7, 7),
    };
    const entries = await readSafetensorsHeader(fileWith(header, 7));
    expect(entries.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(entries[1]!.offset).toBe(entries[0]!.offset + 1);
    expect((await readSafetensors(join(folder, "a.safetensors"))).map(({ name }) => name)).toEqual(["b", "c"]);
  });

  test.each<[string, () => string, RegExp]>([
    ["shorter than its length field", () => raw(Buffer.alloc(5)), /has 5 bytes/],
    ["empty", () => raw(Buffer.alloc(0)), /has 0 bytes/],
    [
      "a pointer of Git LFS",
      () => raw(Buffer.from("version https://git-lfs.github.com/spec/v1\n")),
      /pointer of Git LFS/,
    ],
    ["header of 2^63 bytes", () => fileWith({}, 0, 2n ** 63n), /is it a safetensors file/],
    ["header longer than the file", () => fileWith({}, 0, 1000n), /cut short/],
    ["not JSON", () => fileWith("{oops", 0), /not JSON/],
    ["a list", () => fileWith([1], 0), /JSON object/],
    ["unknown dtype", () => fileWith({ a: tensor("F37", [1], 0, 4) }, 4), /tensor a: dtype "F37"/],
    ["no dtype", () => fileWith({ a: null }, 4), /tensor a: dtype/],
    ["negative shape", () => fileWith({ a: tensor("F32", [-1], 0, 4) }, 4), /tensor a: shape/],
    ["huge shape", () => fileWith({ a: tensor("F32", [2 ** 40, 2 ** 40], 0, 4) }, 4), /needs/],
    ["wrong size", () => fileWith({ a: tensor("F32", [2], 0, 4) }, 4), /needs 8 bytes/],
    ["one offset", () => fileWith({ a: { dtype: "F32", shape: [1], data_offsets: [0] } }, 4), /data_offsets/],
    ["overlap", () => fileWith({ a: tensor("F32", [1], 0, 4), b: tensor("F32", [1], 2, 6) }, 6), /overlaps tensor a/],
    [
      "a hole",
      () => fileWith({ a: tensor("F32", [1], 0, 4), b: tensor("F32", [1], 8, 12) }, 12),
      /4 bytes before tensor b/,
    ],
    ["cut data", () => fileWith({ a: tensor("F32", [4], 0, 16) }, 9), /cut short: tensor a/],
    ["bytes left over", () => fileWith({ a: tensor("F32", [1], 0, 4) }, 9), /5 bytes behind/],
    ["fp8", () => fileWith({ a: tensor("F8_E4M3", [4], 0, 4) }, 4), /tensor a has dtype F8_E4M3/],
    ["missing", () => join(folder, "none.safetensors"), /cannot be opened/],
    ["a folder", () => folder, /cannot be opened|not a regular file/],
  ])("%s", async (_, make, message) => {
    const error = await readSafetensors(make()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as Error).message).toMatch(message);
  });

  test("damaged bytes give an error or a list, never anything else", async () => {
    const good = fileWith({ a: tensor("F32", [2], 0, 8), b: tensor("F16", [2], 8, 12) }, 12);
    const bytes = readFileSync(good);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), async (at, value, length) => {
        const damaged = Buffer.from(bytes.subarray(0, length));
        if (at < length) damaged[at] = value;
        const result = await readSafetensors(raw(damaged)).catch((thrown: unknown) => thrown);
        expect(Array.isArray(result) || result instanceof SafetensorsError).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

function raw(bytes: Buffer): string {
  const path = join(folder, "raw.safetensors");
  writeFileSync(path, bytes);
  return path;
}

/** Changes what a file's header says, and leaves the numbers. */
function rewriteHeader(file: string, change: (header: { [tensor: string]: { shape: number[] } }) => void): void {
  const bytes = readFileSync(file);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, end).toString());
  change(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(file, Buffer.concat([length, text, bytes.subarray(end)]));
}

describe("model folders", () => {
  const index = (map: unknown) => {
    const path = mkdtempSync(join(folder, "model-"));
    writeFileSync(
      join(path, "model.safetensors.index.json"),
      typeof map === "string" ? map : JSON.stringify({ weight_map: map }),
    );
    return path;
  };

  test.each<[string, () => string, RegExp]>([
    ["no weights", () => mkdtempSync(join(folder, "empty-")), /neither model.safetensors nor/],
    ["no folder", () => join(folder, "nowhere"), /no such folder/],
    ["index that is not JSON", () => index("{"), /not JSON/],
    ["index without map", () => index("{}"), /no weight_map/],
    ["shard missing", () => index({ a: "b.safetensors" }), /lists b.safetensors/],
    ["path that leaves the folder", () => index({ a: "../b.safetensors" }), /not the name of/],
    ["absolute path", () => index({ a: "/etc/b.safetensors" }), /not the name of/],
    ["backslashes", () => index({ a: "..\\b.safetensors" }), /not the name of/],
    ["a number for a file", () => index({ a: 7 }), /not the name of/],
  ])("%s", async (_, make, message) => {
    await expect(readModelFolder(make())).rejects.toThrow(message);
  });

  test("a pickled checkpoint is named", async () => {
    const path = mkdtempSync(join(folder, "pickled-"));
    writeFileSync(join(path, "pytorch_model.bin"), "");
    await expect(readModelFolder(path)).rejects.toMatchObject({
      hint: expect.stringMatching(/^pytorch_model.bin is not read/),
    });
  });

  test("an adapter alone is no model", async () => {
    const path = mkdtempSync(join(folder, "adapter-"));
    writeFileSync(join(path, "adapter_model.safetensors"), "");
    await expect(readModelFolder(path)).rejects.toThrow(/holds a LoRA adapter/);
  });

  const configOf = (name: string, changes: object = {}) => {
    const config = JSON.parse(readFileSync(join(caseFolder(name), "config.json"), "utf8"));
    return modelFromConfig({ ...config, ...changes }, name).model!;
  };

  test.each(CASES)("%s has what its config.json calls for, each tensor once", async (name) => {
    const weights = await readWeights(caseFolder(name), configOf(name));
    expect(new Set(weights.map((tensor) => tensor.name)).size).toBe(weights.length);
    const numbers = weights.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
    expect(numbers).toBe(configOf(name).parameters);
  });

  test("weights that do not fit the config name file, tensor and shapes", async () => {
    const name = "tied-default-d24";
    const at = join(caseFolder(name), "model.safetensors");
    const model = configOf(name);
    const faulty = (changes: object) => readWeights(caseFolder(name), configOf(name, changes));
    const { hidden_size: hidden, intermediate_size: ffn, layers } = model;
    await expect(faulty({ intermediate_size: ffn + 2 })).rejects.toThrow(
      `${at}: ${3 * layers} tensors do not fit config.json: it calls for intermediate_size = ${ffn + 2}, the weights have ${ffn} (model.layers.0.mlp.gate_proj.weight is [${ffn}, ${hidden}], not [${ffn + 2}, ${hidden}])`,
    );
    const untied = `no tensor lm_head.weight [${model.vocab_size}, ${hidden}], which config.json calls for`;
    await expect(faulty({ tie_word_embeddings: false })).rejects.toMatchObject({
      message: `${at}: ${untied}`,
      hint: expect.stringMatching(/^write "tie_word_embeddings": true/),
    });
  });

  test("of shards, the one that holds the odd tensor is named", async () => {
    const path = mkdtempSync(join(folder, "shards-"));
    cpSync(caseFolder("sharded-f16-d16"), path, { recursive: true });
    const index = join(path, "model.safetensors.index.json");
    const norm: string = JSON.parse(readFileSync(index, "utf8")).weight_map["model.norm.weight"];
    const model = configOf("sharded-f16-d16");
    const shard = join(path, norm);
    rewriteHeader(shard, (header) => {
      header["model.norm.weight"]!.shape = [model.hidden_size / 2, 2];
    });
    await expect(readWeights(path, model)).rejects.toThrow(
      `${shard}: tensor model.norm.weight has shape [${model.hidden_size / 2}, 2], and config.json calls for [${model.hidden_size}]`,
    );
    const map = { ...JSON.parse(readFileSync(index, "utf8")).weight_map };
    delete map["model.norm.weight"];
    writeFileSync(index, JSON.stringify({ weight_map: map }));
    await expect(readWeights(path, model)).rejects.toThrow(
      `${index}: no tensor model.norm.weight [${model.hidden_size}], which config.json calls for`,
    );
  });

  test("a config that is no model", async () => {
    const path = mkdtempSync(join(folder, "config-"));
    await expect(Engine.load(path)).rejects.toThrow(/cannot read .*config.json/);
    writeFileSync(join(path, "config.json"), '{"model_type":"mamba"}');
    await expect(Engine.load(path)).rejects.toThrow(/config.json has model_type .*mamba/);
  });
});
