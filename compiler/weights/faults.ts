/** A tensor as the header of its file has it. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: string;
}

/** A tensor that a model calls for. */
export interface WantedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What is wrong with one tensor. */
export type WeightsFault =
  | { readonly kind: "missing"; readonly name: string; readonly wanted: readonly number[] }
  | { readonly kind: "shape"; readonly name: string; readonly stored: StoredTensor; readonly wanted: readonly number[] }
  | { readonly kind: "dtype"; readonly name: string; readonly stored: StoredTensor }
  | { readonly kind: "foreign"; readonly name: string; readonly stored: StoredTensor };

/** Buffers that older checkpoints hold besides the weights; they follow from the config. */
const BUFFER = /(rotary_emb\.(inv_freq|original_inv_freq)|masked_bias|attn\.bias)$/;

/** What the engine converts from. */
export function isReadable(dtype: string): dtype is "F32" | "BF16" | "F16" {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16";
}

/** Whether a tensor holds weights at all: whole numbers and booleans beside the model's own are buffers. */
export function isWeights(dtype: string): boolean {
  return dtype.startsWith("F") || dtype === "BF16";
}

/** The output layer of a model that shares it with the embedding; some files hold it all the same. */
const HEAD = "lm_head.weight";

/**
 * What of the stored tensors does not fit those that are wanted, each at most once: missing, of a dtype that is not read, of another shape,
 * or not the model's. The latter would be left out of what the model computes, so it is a fault; buffers, and the output
 * layer of a model that shares it with the embedding, are none.
 */
export function weightsFaults(wanted: readonly WantedTensor[], stored: readonly StoredTensor[]): WeightsFault[] {
  const left = new Map(stored.map((tensor) => [tensor.name, tensor]));
  const faults: WeightsFault[] = [];
  let tied = true;
  for (const { name, shape } of wanted) {
    if (name === HEAD) tied = false;
    const tensor = left.get(name);
    left.delete(name);
    if (!tensor) faults.push({ kind: "missing", name, wanted: shape });
    else if (!isReadable(tensor.dtype)) faults.push({ kind: "dtype", name, stored: tensor });
    else if (tensor.shape.join() !== shape.join()) faults.push({ kind: "shape", name, stored: tensor, wanted: shape });
  }
  for (const [name, tensor] of left) {
    if (!isWeights(tensor.dtype) || BUFFER.test(name) || (tied && name === HEAD)) continue;
    faults.push({ kind: "foreign", name, stored: tensor });
  }
  return faults;
}

/** Characters of a name, and lengths of a shape, that a message shows of a file from elsewhere. */
const LONGEST_NAME = 120;
const MOST_LENGTHS = 6;

export function shown(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

/** `[32000, 4096]`. */
export function shownShape(shape: readonly number[]): string {
  const more = shape.length > MOST_LENGTHS ? ", …" : "";
  return `[${shape.slice(0, MOST_LENGTHS).join(", ")}${more}]`;
}
