import { parseJson } from "../json.ts";
import { SafetensorsError } from "./header.ts";

/** Files of a Hugging Face folder that hold a model's weights: all of them, or the names of the files that do. */
export const WEIGHTS = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

/** Of a LoRA adapter, as PEFT saves it. */
export const ADAPTER = "adapter_model.safetensors";

/** Where whoever gave an adapter for a model reads on. */
export const MERGE_ADAPTER =
  "give the model that the adapter is for, or merge the two first (merge_and_unload in PEFT, ctx export --merge for a run)";

/**
 * The index of a folder whose weights lie in several files: tensor → file in the same folder. Anything but a plain file name could lead
 * outside the folder and is refused.
 *
 * @param file the index, for messages
 * @throws SafetensorsError naming what is wrong with it
 */
export function readIndex(file: string, text: string): Map<string, string> {
  let content: unknown;
  try {
    content = parseJson(text);
  } catch (error) {
    throw new SafetensorsError(file, `is not JSON: ${(error as Error).message}`);
  }
  const map = (content as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new SafetensorsError(file, "has no weight_map");
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || !/^[^/\\\0]+\.safetensors$/.test(shard))
      throw new SafetensorsError(
        file,
        `tensor ${name}: ${JSON.stringify(shard)} is not the name of a .safetensors file`,
      );
  }
  return new Map(Object.entries(map as { [name: string]: string }));
}

/**
 * The tensors that an index lists, from the files that it says they are in. What else lies there is not the model's.
 *
 * @param shards tensors of each file, by the file's name
 * @throws SafetensorsError where some are not in their files
 */
export function listedTensors<T extends { readonly name: string }>(
  file: string,
  listed: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, readonly T[]>,
): T[] {
  const found = new Map(
    [...shards].map(([shard, tensors]) => [shard, new Map(tensors.map((each) => [each.name, each]))]),
  );
  const tensors: T[] = [];
  const lost: string[] = [];
  for (const [name, shard] of listed) {
    const tensor = found.get(shard)?.get(name);
    if (tensor) tensors.push(tensor);
    else lost.push(name);
  }
  if (lost.length === 0) return tensors;
  const others = lost.length === 1 ? "" : ` (nor are ${lost.length - 1} others in their files)`;
  throw new SafetensorsError(
    file,
    `says tensor ${lost[0]} is in ${listed.get(lost[0]!)}, but it is not there${others}`,
    "download the folder anew: its files are of different versions",
  );
}
