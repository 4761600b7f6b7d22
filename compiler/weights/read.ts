import type { Host } from "../host.ts";
import type { StoredTensor } from "./faults.ts";
import { headerEnd, headerEntries, LENGTH_BYTES, SafetensorsError } from "./header.ts";
import { ADAPTER, INDEX, listedTensors, MERGE_ADAPTER, readIndex, WEIGHTS } from "./model_index.ts";
import type { WeightsPlace } from "./problem.ts";

/** Bytes of all headers that are read, and files of one model: a check must not take long. Published models stay far below. */
const LONGEST_HEADERS = 4 * 2 ** 20;
const MOST_FILES = 512;

/** What a folder's headers say. */
export interface FolderWeights extends WeightsPlace {
  readonly tensors: readonly StoredTensor[];
}

/**
 * Names, dtypes and shapes of the tensors in a model's folder; undefined where not all of its files are at hand: a recipe can be planned
 * without them.
 *
 * @throws SafetensorsError where a file is damaged, or the folder holds an adapter instead
 */
export function folderWeights(folder: string, host: Host): FolderWeights | undefined {
  const single = `${folder}/${WEIGHTS}`;
  if (!host.part) return undefined;
  if (host.size(single) !== undefined) {
    const tensors = fileTensors(single, host, LONGEST_HEADERS)?.tensors;
    return tensors && { folder, list: single, tensors };
  }
  const list = `${folder}/${INDEX}`;
  const text = host.readText(list);
  if (text !== undefined) {
    const tensors = shardedTensors(folder, list, text, host);
    return tensors && { folder, list, tensors };
  }
  if (host.size(list) === undefined && host.size(`${folder}/${ADAPTER}`) !== undefined)
    throw new SafetensorsError(folder, `holds a LoRA adapter (${ADAPTER}), and no ${WEIGHTS}`, MERGE_ADAPTER);
  return undefined;
}

function shardedTensors(folder: string, list: string, text: string, host: Host): StoredTensor[] | undefined {
  const listed = readIndex(list, text);
  const names = [...new Set(listed.values())];
  if (names.length > MOST_FILES) return undefined;
  const shards = new Map<string, StoredTensor[]>();
  let left = LONGEST_HEADERS;
  for (const name of names) {
    const read = fileTensors(`${folder}/${name}`, host, left);
    if (!read) return undefined;
    shards.set(name, read.tensors);
    left -= read.bytes;
  }
  return listedTensors(list, listed, shards);
}

/** @param most bytes of a header that is read */
function fileTensors(file: string, host: Host, most: number): { tensors: StoredTensor[]; bytes: number } | undefined {
  const size = host.size(file);
  const first = size === undefined ? undefined : host.part?.(file, 0, LENGTH_BYTES);
  if (size === undefined || !first) return undefined;
  const end = headerEnd(file, first, size);
  if (end > most) return undefined;
  const header = host.part?.(file, LENGTH_BYTES, end - LENGTH_BYTES);
  // Fewer bytes than its size says: it is being written.
  if (header?.length !== end - LENGTH_BYTES) return undefined;
  const entries = headerEntries(file, new TextDecoder().decode(header), end, size);
  return { tensors: entries.map((entry) => ({ ...entry, file })), bytes: end };
}
