import { join } from "node:path";
import type { NativeEngine, NativeSlot } from "../engine/addon.ts";
import { Failure, messageOf } from "../run/failure.ts";
import { writeSynced } from "../run/files.ts";
import { type TensorDtype, tensorBytes, tensorHeader } from "./tensor_header.ts";

/** A tensor to be written: which copy of which parameter, and under what name. */
export interface OutTensor {
  /** Name in the file. */
  name: string;
  /** Name in the engine. */
  parameter: string;
  slot: NativeSlot;
  dtype: TensorDtype;
  shape: number[];
}

/** Files larger than this are split; what Hugging Face uses too. */
export const SHARD_BYTES = 5e9;

/**
 * Writes tensors to `<stem>.safetensors`, or to numbered shards with an index when they are larger than `limit`, as
 * transformers names and reads them.
 */
export async function writeTensors(
  engine: Pick<NativeEngine, "save">,
  folder: string,
  tensors: OutTensor[],
  stem = "model",
  limit = SHARD_BYTES,
): Promise<void> {
  const shards = split(tensors, limit);
  if (shards.length <= 1) return writeOne(engine, join(folder, `${stem}.safetensors`), tensors);
  const digits = (number: number) => String(number).padStart(5, "0");
  const map: { [name: string]: string } = {};
  for (const [index, shard] of shards.entries()) {
    const file = `${stem}-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`;
    await writeOne(engine, join(folder, file), shard);
    for (const tensor of shard) map[tensor.name] = file;
  }
  const total = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const index = { metadata: { total_size: total }, weight_map: map };
  writeSynced(join(folder, `${stem}.safetensors.index.json`), `${JSON.stringify(index, null, 2)}\n`);
}

async function writeOne(engine: Pick<NativeEngine, "save">, path: string, tensors: OutTensor[]): Promise<void> {
  const sinks = tensors.map(({ parameter, slot, dtype }) => ({ name: parameter, slot, dtype }));
  try {
    await engine.save(path, tensorHeader(tensors), sinks);
  } catch (error) {
    const [, value, dtype] = / is (\S+), which (\S+) cannot hold$/.exec(messageOf(error)) ?? [];
    if (value === undefined) throw error;
    const finite = Number.isFinite(Number(value));
    const hint = finite
      ? "these weights need a wider dtype: bf16 or f32"
      : "the training has diverged: lower the learning rate, clip gradients or lengthen the warm-up; what was saved before is kept";
    const what = finite ? `a value beyond ${dtype}'s range` : "values that are no numbers";
    throw new Failure("run", `${path} was not written, it would hold ${what}: ${messageOf(error)}`, hint, error);
  }
}

/** Fills shards in order; a tensor larger than `limit` has one to itself. */
function split(tensors: OutTensor[], limit: number): OutTensor[][] {
  const shards: OutTensor[][] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = tensorBytes(tensor);
    if (shards.length === 0 || bytes + size > limit) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += size;
  }
  return shards;
}
