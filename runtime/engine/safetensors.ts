import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseJson } from "../../compiler/json.ts";
import type { NativeTensorSource } from "./addon.ts";

/** The format's own limit for its header. */
const LARGEST_HEADER = 100_000_000;

/** Bytes of one number, by safetensors' dtype name. */
const WIDTH = new Map([
  ...["F64", "I64", "U64", "C64"].map((name) => [name, 8] as const),
  ...["F32", "I32", "U32"].map((name) => [name, 4] as const),
  ...["F16", "BF16", "I16", "U16"].map((name) => [name, 2] as const),
  ...["I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"].map((name) => [name, 1] as const),
]);

/** One tensor of a safetensors file. */
export interface SafetensorsEntry {
  name: string;
  dtype: string;
  shape: number[];
  /** Byte offset from the start of the file. */
  offset: number;
  bytes: number;
}

/** A safetensors file that is not what it should be; the message names file and tensor. */
export class SafetensorsError extends Error {
  readonly hint: string;

  constructor(file: string, what: string, hint = "download or copy the file anew") {
    super(`${file}: ${what}`);
    this.name = "SafetensorsError";
    this.hint = hint;
  }
}

const FITTING = "config.json and the weights don't belong together: copy both from the same model";

/**
 * What lies where in a safetensors file, in file order. Every byte behind the header must belong to exactly one tensor.
 *
 * @throws SafetensorsError for a header or a file that is damaged
 */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsEntry[]> {
  const handle = await open(file, "r").catch((error: Error) => {
    throw new SafetensorsError(
      file,
      `cannot be opened: ${error.message}`,
      "see whether the file is there and may be read",
    );
  });
  try {
    const information = await handle.stat();
    if (!information.isFile()) throw new SafetensorsError(file, "is not a regular file");
    const { text, start } = await headerText(file, handle, information.size);
    return checkEntries(file, text, start, information.size);
  } finally {
    await handle.close();
  }
}

async function headerText(file: string, handle: FileHandle, size: number): Promise<{ text: string; start: number }> {
  if (size < 8)
    throw new SafetensorsError(file, `has ${size} bytes; a safetensors file begins with 8 bytes of header length`);
  const length = (await bytesOf(file, handle, 8, 0)).readBigUInt64LE(0);
  if (length > LARGEST_HEADER) {
    throw new SafetensorsError(
      file,
      `says its header has ${length} bytes (at most ${LARGEST_HEADER}); is it a safetensors file?`,
    );
  }
  const start = 8 + Number(length);
  if (start > size)
    throw new SafetensorsError(file, `is cut short: the header needs ${start} bytes, the file has ${size}`);
  return { text: (await bytesOf(file, handle, Number(length), 8)).toString("utf8"), start };
}

async function bytesOf(file: string, handle: FileHandle, count: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(count);
  let done = 0;
  while (done < count) {
    const { bytesRead } = await handle.read(buffer, done, count - done, position + done).catch((error: Error) => {
      throw new SafetensorsError(
        file,
        `cannot be read: ${error.message}`,
        "see whether the disk is sound, or copy the file anew",
      );
    });
    if (bytesRead === 0) throw new SafetensorsError(file, "ended while its header was read");
    done += bytesRead;
  }
  return buffer;
}

function checkEntries(file: string, text: string, start: number, size: number): SafetensorsEntry[] {
  let header: unknown;
  try {
    header = parseJson(text);
  } catch (error) {
    throw new SafetensorsError(file, `the header is not JSON: ${(error as Error).message}`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new SafetensorsError(file, "the header must be a JSON object");
  }
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => checkEntry(file, name, value, start))
    .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  let before = "the header";
  for (const { name, offset, bytes } of entries) {
    if (offset < end) throw new SafetensorsError(file, `tensor ${name} overlaps ${before}`);
    if (offset > end)
      throw new SafetensorsError(file, `${offset - end} bytes before tensor ${name} belong to no tensor`);
    end = offset + bytes;
    before = `tensor ${name}`;
  }
  if (end > size) throw new SafetensorsError(file, `is cut short: ${before} ends at byte ${end}, the file has ${size}`);
  if (end < size) throw new SafetensorsError(file, `${size - end} bytes behind ${before} belong to no tensor`);
  return entries;
}

function checkEntry(file: string, name: string, value: unknown, start: number): SafetensorsEntry {
  const wrong = (what: string) => new SafetensorsError(file, `tensor ${name}: ${what}`);
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (typeof value === "object" && value !== null ? value : {}) as {
    [key: string]: unknown;
  };
  const width = typeof dtype === "string" ? WIDTH.get(dtype) : undefined;
  if (width === undefined) throw wrong(`dtype ${JSON.stringify(dtype)} is not known`);
  if (!isSizes(shape)) throw wrong("shape must be a list of whole numbers");
  if (!isSizes(offsets) || offsets.length !== 2) throw wrong("data_offsets must be two whole numbers");
  const [from, to] = offsets as [number, number];
  const bytes = shape.reduce((product, length) => product * length, width);
  if (!Number.isSafeInteger(bytes) || to - from !== bytes) {
    throw wrong(`${dtype} [${shape.join(", ")}] needs ${bytes} bytes, data_offsets give ${to - from}`);
  }
  return { name, dtype: dtype as string, shape, offset: start + from, bytes };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * The tensors of one file that an engine can load. Whole-number and boolean tensors are left out: they are buffers, not weights.
 *
 * @throws SafetensorsError also for a floating-point dtype that the engine does not read (fp8, fp64)
 */
export async function readSafetensors(file: string): Promise<NativeTensorSource[]> {
  const entries = await readSafetensorsHeader(file);
  return entries
    .filter(({ dtype }) => dtype.startsWith("F") || dtype === "BF16")
    .map(({ name, dtype, shape, offset }) => {
      if (dtype !== "F32" && dtype !== "BF16" && dtype !== "F16") {
        throw new SafetensorsError(file, `tensor ${name} has dtype ${dtype}`, "convert it to F32, BF16 or F16");
      }
      return { name, file, offset, dtype, shape };
    });
}

/**
 * The weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 *
 * @throws SafetensorsError that names the file; Error when the folder has no safetensors weights
 */
export async function readModelFolder(folder: string): Promise<NativeTensorSource[]> {
  const single = join(folder, "model.safetensors");
  if (existsSync(single)) return readSafetensors(single);
  const index = `${single}.index.json`;
  if (existsSync(index)) return readShards(folder, index);
  if (!existsSync(folder)) throw new SafetensorsError(folder, "there is no such folder", "see whether it was moved");
  const pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"].find((name) => existsSync(join(folder, name)));
  throw new SafetensorsError(
    folder,
    "has neither model.safetensors nor model.safetensors.index.json",
    pickled ? `${pickled} is not read: save the model with safe_serialization=True` : "download the weights too",
  );
}

async function readShards(folder: string, index: string): Promise<NativeTensorSource[]> {
  const shardOf = await readIndex(index);
  const shards = new Map<string, Map<string, NativeTensorSource>>();
  for (const shard of new Set(shardOf.values())) {
    const file = join(folder, shard);
    if (!existsSync(file)) throw new SafetensorsError(index, `lists ${shard}, which is not in ${folder}`);
    shards.set(shard, new Map((await readSafetensors(file)).map((source) => [source.name, source])));
  }
  const sources: NativeTensorSource[] = [];
  for (const [name, shard] of shardOf) {
    const source = shards.get(shard)?.get(name);
    if (!source) throw new SafetensorsError(index, `says tensor ${name} is in ${shard}, but it is not there`);
    sources.push(source);
  }
  return sources;
}

/** Tensor name → file name in the same folder. Anything but a plain file name could lead outside the folder and is refused. */
async function readIndex(index: string): Promise<Map<string, string>> {
  if ((await stat(index)).size > LARGEST_HEADER) throw new SafetensorsError(index, "is larger than 100 MB");
  let content: unknown;
  try {
    content = parseJson(await readFile(index, "utf8"));
  } catch (error) {
    throw new SafetensorsError(index, `is not JSON: ${(error as Error).message}`);
  }
  const map = (content as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new SafetensorsError(index, "has no weight_map");
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string" || !/^[^/\\\0]+\.safetensors$/.test(file) || basename(file) !== file) {
      throw new SafetensorsError(
        index,
        `tensor ${name}: ${JSON.stringify(file)} is not the name of a .safetensors file`,
      );
    }
  }
  return new Map(Object.entries(map as { [name: string]: string }));
}

/** Buffers that older checkpoints hold besides the weights; they follow from the config. */
const BUFFER = /(rotary_emb\.(inv_freq|original_inv_freq)|masked_bias|attn\.bias)$/;

/**
 * Those of a folder's tensors that fill the given parameters.
 *
 * @throws Error naming folder and tensor when one is missing, has another shape, or is not part of the model
 */
export function matchWeights(
  folder: string,
  sources: readonly NativeTensorSource[],
  parameters: readonly { name: string; shape: readonly number[] }[],
): NativeTensorSource[] {
  const found = new Map(sources.map((source) => [source.name, source]));
  const matched = parameters.map(({ name, shape }) => {
    const source = found.get(name);
    if (!source) {
      throw new SafetensorsError(
        folder,
        `no tensor ${name} [${shape.join(", ")}], which its config.json calls for`,
        FITTING,
      );
    }
    if (source.shape.join() !== shape.join()) {
      const shapes = `has shape [${source.shape.join(", ")}], its config.json calls for [${shape.join(", ")}]`;
      throw new SafetensorsError(source.file, `tensor ${name} ${shapes}`, FITTING);
    }
    found.delete(name);
    return source;
  });
  const tied = !parameters.some(({ name }) => name === "lm_head.weight");
  for (const { name, file } of found.values()) {
    if (BUFFER.test(name) || (tied && name === "lm_head.weight")) continue;
    throw new SafetensorsError(file, `tensor ${name} is not part of the model that config.json describes`, FITTING);
  }
  return matched;
}
