// Which zstd files are whole, against the zstd program where there is one, and against frames laid out here by the format's rules.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expectWholeFrames } from "../../runtime/data/zstd_frames.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-zstd-"));
const file = join(folder, "x.jsonl.zst");

/** What is said about bytes; null: they are whole. */
function fault(bytes: Uint8Array): string | null {
  writeFileSync(file, bytes);
  try {
    expectWholeFrames(file);
    return null;
  } catch (error) {
    expect((error as { hint?: string }).hint).toMatch(/get the file anew/);
    return (error as Error).message;
  }
}

const little = (value: number, bytes: number) =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (value / 2 ** (8 * i)) & 255));

interface Frame {
  single: boolean;
  dictionary: number;
  content: number;
  checksum: boolean;
  blocks: { type: number; size: number }[];
}

/** A frame with what the flags announce; what the blocks hold does not matter. */
function frame({ single, dictionary, content, checksum, blocks }: Frame): Buffer {
  const descriptor = (content << 6) | (single ? 0x20 : 0) | (checksum ? 4 : 0) | dictionary;
  const head = (single ? 0 : 1) + [0, 1, 2, 4][dictionary]! + [single ? 1 : 0, 2, 4, 8][content]!;
  const body = blocks.flatMap(({ type, size }, k) => {
    const last = k === blocks.length - 1 ? 1 : 0;
    return [little(last | (type << 1) | (size << 3), 3), Buffer.alloc(type === 1 ? 1 : size, 0xfd)];
  });
  return Buffer.concat([
    little(0xfd2fb528, 4),
    little(descriptor, 1),
    Buffer.alloc(head),
    ...body,
    Buffer.alloc(checksum ? 4 : 0),
  ]);
}

const block = fc.record({ type: fc.integer({ min: 0, max: 2 }), size: fc.integer({ min: 0, max: 300 }) });
const anyFrame = fc
  .record({
    single: fc.boolean(),
    dictionary: fc.integer({ min: 0, max: 3 }),
    content: fc.integer({ min: 0, max: 3 }),
    checksum: fc.boolean(),
    blocks: fc.array(block, { minLength: 1, maxLength: 4 }),
  })
  .map(frame);
const skippable = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 40 }))
  .map(([n, bytes]) => Buffer.concat([little(0x184d2a50 + n, 4), little(bytes.length, 4), bytes]));

test("frames of every layout are followed to their ends, and cut anywhere within a frame they are refused", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyFrame, skippable), { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (frames, share) => {
        const whole = Buffer.concat(frames);
        expect(fault(whole)).toBe(null);
        const size = Math.floor(share * whole.length);
        const borders = frames.map((_, k) => frames.slice(0, k).reduce((sum, part) => sum + part.length, 0));
        expect(fault(whole.subarray(0, size)) === null).toBe(size === whole.length || borders.includes(size));
        expect(fault(Buffer.concat([whole, Buffer.from("{}\n1")]))).toContain(
          `byte ${whole.length} begins no zstd frame`,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("a block of a kind that there is not, and a size beyond the file", () => {
  const good = { single: true, dictionary: 0, content: 0, checksum: false };
  expect(fault(frame({ ...good, blocks: [{ type: 3, size: 1 }] }))).toMatch(/x\.jsonl\.zst: byte 6 is damaged/);
  const huge = frame({ ...good, blocks: [{ type: 0, size: 0 }] });
  huge.writeUIntLE(1 | (0x1fffff << 3), 6, 3);
  expect(fault(huge)).toMatch(
    /is cut short: its zstd frame from byte 0 on goes to byte 2097160 at least, the file has 9/,
  );
});

const zstd = (words: string[], input: Uint8Array) => spawnSync("zstd", words, { input, maxBuffer: 2 ** 24 });
const program = zstd(["--version"], Buffer.alloc(0)).status === 0;

test.skipIf(!program)("what the zstd program writes is whole; what it refuses as cut short is refused", () => {
  const text = Buffer.from(Array.from({ length: 20_000 }, (_, k) => `{"text": "line ${k * k}"}\n`).join(""));
  const written = [["-1"], ["-19"], ["--no-check"], ["--fast=3"], ["--ultra", "-22", "--long=24"]].map(
    (options) => zstd(["-c", "-q", ...options], text).stdout,
  );
  for (const bytes of [...written, Buffer.concat(written), zstd(["-c", "-q"], Buffer.alloc(0)).stdout]) {
    expect(bytes.length).toBeGreaterThan(8);
    expect(fault(bytes)).toBe(null);
    for (const size of [bytes.length - 1, bytes.length - 4, bytes.length - 5, bytes.length >> 1, 9, 5, 3].filter(
      (n) => n > 0,
    )) {
      expect(fault(bytes.subarray(0, size))).toMatch(/is cut short/);
      expect(zstd(["-t", "-q"], bytes.subarray(0, size)).status).not.toBe(0);
    }
  }
});
