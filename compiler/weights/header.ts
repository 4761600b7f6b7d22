import { parseJson } from "../json.ts";

/** Bytes of the header's length, with which a safetensors file begins. */
export const LENGTH_BYTES = 8;

/** What a clone without Git LFS leaves in the place of a large file begins so, and is shorter than this. */
const POINTER = "version ";
const LARGEST_POINTER = 1024;

/** The format's own limit for its header. */
export const LARGEST_HEADER = 100_000_000;

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

  constructor(
    readonly file: string,
    readonly problem: string,
    hint = "download or copy the file anew",
  ) {
    super(`${file}: ${problem}`);
    this.name = "SafetensorsError";
    this.hint = hint;
  }
}

/**
 * Where a file's header ends and its tensors begin, in bytes.
 *
 * @param first the file's first bytes
 * @param size of the file
 * @throws SafetensorsError where they can't be those of a safetensors file
 */
export function headerEnd(file: string, first: Uint8Array, size: number): number {
  if (size < LENGTH_BYTES || first.length < LENGTH_BYTES)
    throw new SafetensorsError(file, `has ${size} bytes; a safetensors file begins with 8 bytes of header length`);
  if (size < LARGEST_POINTER && new TextDecoder().decode(first.subarray(0, LENGTH_BYTES)) === POINTER)
    throw new SafetensorsError(file, "is a pointer of Git LFS, not the weights themselves", "fetch them: git lfs pull");
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > LARGEST_HEADER) {
    throw new SafetensorsError(
      file,
      `says its header has ${length} bytes (at most ${LARGEST_HEADER}); is it a safetensors file?`,
    );
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > size) throw new SafetensorsError(file, `is cut short: the header needs ${end} bytes, the file has ${size}`);
  return end;
}

/**
 * What lies where in a safetensors file, in file order. Every byte behind the header must belong to exactly one tensor.
 *
 * @param header its JSON
 * @param end of the header, in bytes from the start of the file
 * @param size of the file
 * @throws SafetensorsError for a header or a file that is damaged
 */
export function headerEntries(file: string, header: string, end: number, size: number): SafetensorsEntry[] {
  let content: unknown;
  try {
    content = parseJson(header);
  } catch (error) {
    throw new SafetensorsError(file, `the header is not JSON: ${(error as Error).message}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new SafetensorsError(file, "the header must be a JSON object");
  }
  const entries = Object.entries(content)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => checkEntry(file, name, value, end))
    .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let at = end;
  let before = "the header";
  for (const { name, offset, bytes } of entries) {
    if (offset < at) throw new SafetensorsError(file, `tensor ${name} overlaps ${before}`);
    if (offset > at) throw new SafetensorsError(file, `${offset - at} bytes before tensor ${name} belong to no tensor`);
    at = offset + bytes;
    before = `tensor ${name}`;
  }
  if (at > size) throw new SafetensorsError(file, `is cut short: ${before} ends at byte ${at}, the file has ${size}`);
  if (at < size) throw new SafetensorsError(file, `${size - at} bytes behind ${before} belong to no tensor`);
  return entries;
}

/** What the engine reads, as a hint puts it. */
export const CONVERT = "convert it to F32, BF16 or F16";

function checkEntry(file: string, name: string, value: unknown, start: number): SafetensorsEntry {
  const wrong = (what: string, hint?: string) => new SafetensorsError(file, `tensor ${name}: ${what}`, hint);
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (typeof value === "object" && value !== null ? value : {}) as {
    [key: string]: unknown;
  };
  const width = typeof dtype === "string" ? WIDTH.get(dtype) : undefined;
  if (width === undefined) throw wrong(`dtype ${JSON.stringify(dtype)} is not known`, CONVERT);
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
