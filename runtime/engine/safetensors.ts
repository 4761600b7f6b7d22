import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PlanModel } from "../../compiler/plan.ts";
import {
  ADAPTER,
  CONVERT,
  headerEnd,
  headerEntries,
  INDEX,
  isReadable,
  isWeights,
  LARGEST_HEADER,
  LENGTH_BYTES,
  listedTensors,
  MERGE_ADAPTER,
  readIndex,
  type SafetensorsEntry,
  SafetensorsError,
  tensorsProblem,
  type WantedTensor,
  WEIGHTS,
  wantedTensors,
  weightsProblem,
} from "../../compiler/weights/index.ts";
import type { NativeTensorSource } from "./addon.ts";

/** A tensor with the file that it lies in. */
export interface FileTensor extends SafetensorsEntry {
  file: string;
}

/**
 * What lies where in a safetensors file, in file order. Every byte behind the header must belong to exactly one tensor.
 *
 * @throws SafetensorsError for a header or a file that is damaged
 */
export async function readSafetensorsHeader(file: string): Promise<FileTensor[]> {
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
    const { size } = information;
    const end = headerEnd(file, await bytesOf(file, handle, Math.min(size, LENGTH_BYTES), 0), size);
    const header = await bytesOf(file, handle, end - LENGTH_BYTES, LENGTH_BYTES);
    return headerEntries(file, header.toString("utf8"), end, size).map((entry) => ({ ...entry, file }));
  } finally {
    await handle.close();
  }
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

/**
 * The tensors of one file that an engine can load. Whole-number and boolean tensors are left out: they are buffers, not weights.
 *
 * @throws SafetensorsError also for a floating-point dtype that the engine does not read (fp8, fp64)
 */
export async function readSafetensors(file: string): Promise<NativeTensorSource[]> {
  return loadable(await readSafetensorsHeader(file));
}

/** @throws SafetensorsError where weights are of a dtype that is not read */
function loadable(tensors: readonly FileTensor[]): NativeTensorSource[] {
  return tensors
    .filter(({ dtype }) => isWeights(dtype))
    .map(({ name, file, dtype, shape, offset }) => {
      if (!isReadable(dtype)) throw new SafetensorsError(file, `tensor ${name} has dtype ${dtype}`, CONVERT);
      return { name, file, offset, dtype, shape };
    });
}

/**
 * All tensors that are in the file.
 *
 * @param wanted what they must be
 * @param by what calls for them, in words
 * @throws SafetensorsError that tells all that is wrong with them
 */
export function expectTensors(
  file: string,
  tensors: readonly FileTensor[],
  wanted: readonly WantedTensor[],
  by: string,
): NativeTensorSource[] {
  const wrong = tensorsProblem(file, by, wanted, tensors);
  if (wrong) throw new SafetensorsError(wrong.file, wrong.problem);
  const names = new Set(wanted.map(({ name }) => name));
  return loadable(tensors.filter(({ name }) => names.has(name)));
}

/**
 * The weights of a Hugging Face folder that fill a model's parameters, from headers alone.
 *
 * @throws SafetensorsError naming the file and all that is wrong: what is missing, of another shape or dtype than config.json calls for, or not
 *   part of the model
 */
export async function readWeights(folder: string, model: PlanModel): Promise<NativeTensorSource[]> {
  const tensors = await folderTensors(folder);
  const single = join(folder, WEIGHTS);
  const list = existsSync(single) ? single : join(folder, INDEX);
  const wrong = weightsProblem({ folder, list }, model, tensors);
  if (wrong) throw new SafetensorsError(wrong.file, wrong.problem, wrong.hint);
  const wanted = new Set(wantedTensors(model).map(({ name }) => name));
  return loadable(tensors.filter(({ name }) => wanted.has(name)));
}

/**
 * All weights of a Hugging Face folder, whatever its config.json says: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` lists.
 *
 * @throws SafetensorsError that names the file or the folder
 */
export async function readModelFolder(folder: string): Promise<NativeTensorSource[]> {
  return loadable(await folderTensors(folder));
}

async function folderTensors(folder: string): Promise<FileTensor[]> {
  const single = join(folder, WEIGHTS);
  if (existsSync(single)) return readSafetensorsHeader(single);
  const index = join(folder, INDEX);
  if (existsSync(index)) return readShards(folder, index);
  if (!existsSync(folder)) throw new SafetensorsError(folder, "there is no such folder", "see whether it was moved");
  if (existsSync(join(folder, ADAPTER)))
    throw new SafetensorsError(folder, `holds a LoRA adapter (${ADAPTER}), and no ${WEIGHTS}`, MERGE_ADAPTER);
  const pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"].find((name) => existsSync(join(folder, name)));
  throw new SafetensorsError(
    folder,
    `has neither ${WEIGHTS} nor ${INDEX}`,
    pickled ? `${pickled} is not read: save the model with safe_serialization=True` : "download the weights too",
  );
}

async function readShards(folder: string, index: string): Promise<FileTensor[]> {
  if ((await stat(index)).size > LARGEST_HEADER) throw new SafetensorsError(index, "is larger than 100 MB");
  const listed = readIndex(index, await readFile(index, "utf8"));
  const shards = new Map<string, FileTensor[]>();
  for (const shard of new Set(listed.values())) {
    const file = join(folder, shard);
    if (!existsSync(file)) throw new SafetensorsError(index, `lists ${shard}, which is not in ${folder}`);
    shards.set(shard, await readSafetensorsHeader(file));
  }
  return listedTensors(index, listed, shards);
}
