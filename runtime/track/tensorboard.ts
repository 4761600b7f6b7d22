import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { makeFolders, writeAll, writeFailure } from "../run/files.ts";
import { maskedCrc32c } from "./crc32c.ts";

/**
 * Writes a TensorBoard event file: a TFRecord stream of `tensorflow.Event` messages. A record is
 *
 *     uint64 length · uint32 masked crc32c(length) · bytes · uint32 masked crc32c(bytes)      (little-endian)
 *
 * and an Event has the fields wall_time = 1 (double), step = 2 (int64), file_version = 3, summary = 5 and session_log = 7.
 */
export class EventWriter {
  readonly path: string;
  readonly #descriptor: number;

  /**
   * @param resumedAt first step that this file will hold when a run goes on; TensorBoard then drops what an earlier file
   *   of the folder says about this and later steps.
   */
  constructor(folder: string, startSeconds: number, resumedAt: number | null = null) {
    const stamp = String(Math.floor(startSeconds)).padStart(10, "0");
    this.path = join(folder, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}`);
    try {
      makeFolders(folder);
      this.#descriptor = openSync(this.path, "a");
    } catch (error) {
      throw writeFailure(this.path, error);
    }
    this.#record(event(startSeconds, 0, bytesField(3, Buffer.from("brain.Event:2"))));
    // SessionLog { status = START (1) }
    if (resumedAt !== null) this.#record(event(startSeconds, resumedAt, bytesField(7, varintField(1, 1))));
  }

  /** Adds scalar values of one step under slash-separated tags. Values that are not finite are left out. */
  scalars(step: number, wallSeconds: number, values: { [tag: string]: number | null }): void {
    const entries = Object.entries(values).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
    if (entries.length === 0) return;
    // Summary { repeated Value value = 1 }, Value { tag = 1, simple_value = 2 }
    const summary = entries.map(([tag, value]) =>
      bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
    );
    this.#record(event(wallSeconds, step, bytesField(5, Buffer.concat(summary))));
  }

  close(): void {
    try {
      closeSync(this.#descriptor);
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }

  #record(data: Buffer): void {
    const record = Buffer.alloc(8 + 4 + data.length + 4);
    record.writeBigUInt64LE(BigInt(data.length), 0);
    record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
    data.copy(record, 12);
    record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
    // One write for one record: a killed run loses at most the last record, never the middle of the file.
    try {
      writeAll(this.#descriptor, record);
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }
}

function event(wallSeconds: number, step: number, payload: Buffer): Buffer {
  const time = Buffer.alloc(9);
  time[0] = (1 << 3) | 1;
  time.writeDoubleLE(wallSeconds, 1);
  return Buffer.concat([time, varintField(2, step), payload]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytesField(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = (field << 3) | 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}
