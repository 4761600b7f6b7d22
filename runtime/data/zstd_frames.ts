import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { DataError } from "./data_error.ts";

/**
 * Whether a zstd file is whole, told from the lengths of its frames and blocks without decompressing (RFC 8878, 3.1):
 *
 *     frame      magic FD2FB528 · descriptor (1) · window (0 … 1) · dictionary id (0 … 4) · content size (0 … 8) · blocks · checksum (0 or 4)
 *     block      header (3): last block (1 bit) · type (2) · size (21), then `size` bytes, or 1 for a repeated byte (type 1)
 *     skippable  magic 184D2A5? · size (4) · as many bytes
 *
 * All numbers are little endian. Decoders that read a stream take a file that ends within a frame for one that goes on, and say nothing.
 */

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

const ANEW = "the copy or the download was cut off: get the file anew";

/** Reads numbers at places of a file. */
class Places {
  readonly size: number;
  readonly #file: string;
  readonly #descriptor: number;
  readonly #bytes = Buffer.alloc(8);

  constructor(file: string, descriptor: number) {
    this.#file = file;
    this.#descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  /** The number in `bytes` bytes at `at`, a part of the frame that began at `frame`. @throws DataError when the file ends before */
  number(at: number, bytes: number, frame: number): number {
    this.within(at + bytes, frame);
    for (let done = 0; done < bytes; ) {
      const got = readSync(this.#descriptor, this.#bytes, done, bytes - done, at + done);
      if (got === 0) throw this.cut(at + bytes, frame);
      done += got;
    }
    return this.#bytes.readUIntLE(0, bytes);
  }

  /** @throws DataError when the file ends before `end` */
  within(end: number, frame: number): void {
    if (end > this.size) throw this.cut(end, frame);
  }

  cut(end: number, frame: number): DataError {
    const message = `is cut short: its zstd frame from byte ${frame} on goes to byte ${end} at least, the file has ${this.size}`;
    return new DataError(message, ANEW, { file: this.#file });
  }
}

/** @throws DataError when the file is cut short, or what follows a frame is none */
export function expectWholeFrames(file: string): void {
  const descriptor = openSync(file, "r");
  try {
    const places = new Places(file, descriptor);
    let frames = 0;
    for (let at = 0; at < places.size; frames++) {
      const magic = places.number(at, 4, at);
      if (magic >>> 4 === SKIPPABLE >>> 4) {
        const end = at + 8 + places.number(at + 4, 4, at);
        places.within(end, at);
        at = end;
      } else if (magic === FRAME) at = frameEnd(places, at, file);
      else {
        const message =
          frames === 0 ? "can't be read: it does not begin as a zstd file does" : `byte ${at} begins no zstd frame`;
        throw new DataError(message, "see whether it is compressed with zstd, or get the file anew", { file });
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Where the frame at `start` ends. */
function frameEnd(places: Places, start: number, file: string): number {
  const descriptor = places.number(start + 4, 1, start);
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const content = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  let at = start + 5 + (single ? 0 : 1) + dictionary + content;
  for (let last = false; !last; ) {
    const header = places.number(at, 3, start);
    last = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    if (type === 3) throw new DataError(`byte ${at} is damaged: there is no such kind of zstd block`, ANEW, { file });
    at += 3 + (type === 1 ? 1 : header >>> 3);
    places.within(at, start);
  }
  const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
  places.within(end, start);
  return end;
}
