import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { crc32c, maskedCrc32c } from "../../runtime/track/crc32c.ts";
import { EventWriter } from "../../runtime/track/tensorboard.ts";

/** CRC-32C by its definition, bit by bit: polynomial division with the normal (unreflected) form 0x1EDC6F41. */
function crcByDivision(bytes: Uint8Array): number {
  const reflect = (value: number, width: number) => {
    let result = 0;
    for (let bit = 0; bit < width; bit++) if ((value >>> bit) & 1) result |= 1 << (width - 1 - bit);
    return result >>> 0;
  };
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder = (remainder ^ (reflect(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 0x80000000 ? ((remainder << 1) ^ 0x1edc6f41) >>> 0 : (remainder << 1) >>> 0;
    }
  }
  return (reflect(remainder, 32) ^ 0xffffffff) >>> 0;
}

interface Field {
  number: number;
  value: bigint | Buffer;
}

/** A protobuf message as fields; fixed-size values come as their bytes. */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >>> 3;
    const wire = key & 7;
    if (wire === 0) found.push({ number, value: varint() });
    else {
      const size = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
      found.push({ number, value: message.subarray(at, at + size) });
      at += size;
    }
  }
  return found;
}

/** The records of a TFRecord file; throws where a checksum or a length is wrong. */
function records(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data));
    found.push(data);
    at += 16 + length;
  }
  return found;
}

const bytesOf = (list: Field[], number: number) => list.find((field) => field.number === number)?.value as Buffer;

test("crc32c agrees with polynomial division and the published check value", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  for (const text of ["", "a", "context", "\0\0\0\0", "ÿþý"]) {
    expect(crc32c(Buffer.from(text))).toBe(crcByDivision(Buffer.from(text)));
  }
  // Not the CRC-32 of zip files.
  if (crc32) expect(crc32c(Buffer.from("a"))).not.toBe(crc32("a"));
});

test("an event file holds the version and the scalars, with right checksums", () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-events-"));
  const writer = new EventWriter(folder, 1_700_000_000.5);
  writer.scalars(300, 1_700_000_001.25, { "loss/text": 4.5, "loss/answers": null, rate: Number.NaN });
  writer.close();
  const [version, scalars] = records(writer.path).map(fields);
  expect(bytesOf(version!, 3).toString()).toBe("brain.Event:2");
  expect(bytesOf(scalars!, 1).readDoubleLE(0)).toBe(1_700_000_001.25);
  expect(scalars!.find((field) => field.number === 2)!.value).toBe(300n);
  const values = fields(bytesOf(scalars!, 5)).map((field) => fields(field.value as Buffer));
  expect(values).toHaveLength(1);
  expect(bytesOf(values[0]!, 1).toString()).toBe("loss/text");
  expect(bytesOf(values[0]!, 2).readFloatLE(0)).toBe(4.5);
});

test("a resumed run tells TensorBoard from which step on its values replace older ones", () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-events-"));
  const writer = new EventWriter(folder, 1_700_000_000, 17);
  writer.close();
  const [, session] = records(writer.path).map(fields);
  expect(session!.find((field) => field.number === 2)!.value).toBe(17n);
  expect(fields(bytesOf(session!, 7))).toEqual([{ number: 1, value: 1n }]);
});
