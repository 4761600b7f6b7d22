// The compiler's own reader of zstd, against the zstd program where there is one and against frames written out here.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { analyze } from "../../compiler/analyze.ts";
import { zstdHead } from "../../compiler/survey/index.ts";

const text = (head: ReturnType<typeof zstdHead>) => head && Buffer.from(head.bytes).toString("latin1");
const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** A frame without window, content size or check sum, of blocks whose bytes are given. */
function frame(...blocks: { kind: number; size: number; bytes: string }[]): Buffer {
  const parts = blocks.map(({ kind, size, bytes: content }, k) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (kind << 1) | (k === blocks.length - 1 ? 1 : 0), 0, 3);
    return Buffer.concat([header, bytes(content)]);
  });
  return Buffer.concat([bytes("28b52ffd 00 58"), ...parts]);
}

describe("frames written by the format's rules", () => {
  const raw = { kind: 0, size: 3, bytes: "616263" };

  test("raw blocks, repeated bytes, frames one after the other, skippable ones between", () => {
    const one = frame(raw, { kind: 1, size: 5, bytes: "2d" });
    expect(text(zstdHead(one, 100))).toBe("abc-----");
    const several = Buffer.concat([one, bytes("50 2a 4d 18 02000000 ffff"), one]);
    expect(text(zstdHead(several, 100))).toBe("abc-----abc-----");
    expect(zstdHead(several, 100)?.read).toBe(several.length);
  });

  test("a match: three literals, then six bytes from three before", () => {
    // Raw literals; one sequence, by tables of one symbol each: literals 3, offset code 2, match code 3; extra bits 10 behind the end mark.
    const match = frame({ kind: 2, size: 10, bytes: "18 616263 01 54 03 02 03 06" });
    expect(text(zstdHead(match, 100))).toBe("abcabcabc");
    expect(zstdHead(frame({ kind: 2, size: 8, bytes: "18 616263 01 54 03 02" }), 100)).toBeUndefined();
  });

  test("whole blocks only: of what is cut or has no room, the ones before", () => {
    const two = frame(raw, { kind: 0, size: 4, bytes: "64656667" });
    expect(text(zstdHead(two.subarray(0, two.length - 1), 100))).toBe("abc");
    expect(text(zstdHead(two, 6))).toBe("abc");
    expect(zstdHead(two, 6)?.read).toBe(6 + 3 + 3);
    expect(zstdHead(new Uint8Array(), 10)).toEqual({ bytes: new Uint8Array(), read: 0 });
  });

  test("what is no zstd, needs a dictionary, or is damaged", () => {
    expect(zstdHead(Buffer.from('{"text": "plain"}'), 100)).toBeUndefined();
    expect(zstdHead(bytes("28b52ffd 01 58 07 010000"), 100)).toBeUndefined();
    expect(zstdHead(frame({ kind: 3, size: 0, bytes: "" }), 100)).toBeUndefined();
    // A match that reaches to before the frame.
    expect(zstdHead(frame({ kind: 2, size: 10, bytes: "18 616263 01 54 03 02 03 07" }), 100)).toBeUndefined();
  });
});

const zstd = (words: string[], input: Uint8Array) =>
  spawnSync("zstd", ["-c", "-q", ...words], { input, maxBuffer: 2 ** 26 }).stdout;
const program = spawnSync("zstd", ["--version"]).status === 0;
const line = (k: number) => JSON.stringify({ text: `${k * k} lines ${"of text ".repeat(k % 40)}${Math.sin(k)}` });
const lines = Buffer.from(Array.from({ length: 6000 }, (_, k) => `${line(k)}\n`).join(""));

describe.skipIf(!program)("what the zstd program writes", () => {
  const levels = [["-1"], ["-3"], ["-12"], ["--ultra", "-22"], ["--fast=5"], ["--no-check"], ["--long=24"]];

  test.each(levels.map((words) => [words.join(" "), words] as const))("%s, whole and cut", (_, words) => {
    const packed = zstd(words, lines);
    const whole = zstdHead(packed, 2 ** 24);
    expect(whole?.read).toBe(packed.length);
    expect(Buffer.from(whole!.bytes).equals(lines)).toBe(true);
    for (let k = 1; k < 12; k++) {
      const head = zstdHead(packed.subarray(0, Math.floor((packed.length * k) / 12)), 2 ** 24)!;
      expect(Buffer.from(head.bytes).equals(lines.subarray(0, head.bytes.length))).toBe(true);
    }
    const most = zstdHead(packed, 300_000)!;
    expect(most.bytes.length).toBeGreaterThan(100_000);
    expect(Buffer.from(most.bytes).equals(lines.subarray(0, most.bytes.length))).toBe(true);
  });

  test("any bytes come back; damaged ones end quietly", () => {
    const part = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(30));
    const content = fc
      .array(part, { maxLength: 20 })
      .map((parts) => Buffer.concat(parts.flatMap(([some, times]) => new Array<Uint8Array>(times).fill(some))));
    fc.assert(
      fc.property(content, fc.nat(), fc.integer({ min: 1, max: 255 }), (data, place, change) => {
        const packed = zstd(["-19"], data);
        expect(Buffer.from(zstdHead(packed, 2 ** 16)!.bytes).equals(data)).toBe(true);
        packed[place % packed.length]! ^= change;
        zstdHead(packed, 2 ** 16);
      }),
      { numRuns: 60 },
    );
  });

  test("a check sees columns, lengths and tokens of compressed files", () => {
    const folder = mkdtempSync(join(tmpdir(), "ctx-zstd-"));
    mkdirSync(join(folder, "model"));
    const config = { ...{ model_type: "llama", vocab_size: 1024, hidden_size: 128, intermediate_size: 384 } };
    const sizes = { num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 256, rope_theta: 10_000 };
    writeFileSync(join(folder, "model", "config.json"), JSON.stringify({ ...config, ...sizes }));
    writeFileSync(join(folder, "a.jsonl"), lines);
    writeFileSync(join(folder, "a.jsonl.zst"), zstd(["-3"], lines));
    const said = (files: string, more: string) =>
      analyze(
        `model { from = "model" }\ndata { source s { files = "${files}" ${more} } }\nstage a { length = 512  steps = 4000  batch = 4 }\n`,
        nodeHost(folder),
        { file: "r.ctx" },
      )
        .diagnostics.filter(({ code }) => /^CTX50(08|2)/.test(code))
        .map(({ code, message, label }) => `${code} ${message}; ${label}`.replaceAll("a.jsonl.zst", "a.jsonl"));
    expect(said("a.jsonl.zst", 'text = "body"')).toEqual(said("a.jsonl", 'text = "body"'));
    expect(said("a.jsonl.zst", 'text = "body"')[0]).toContain('has no column "body" in line 1; it has: text');
    const tokens = said("a.jsonl.zst", "");
    expect(tokens.map((each) => each.slice(0, 7))).toEqual(said("a.jsonl", "").map((each) => each.slice(0, 7)));
    expect(tokens.find((each) => each.startsWith("CTX5008"))).toEqual(
      said("a.jsonl", "").find((each) => each.startsWith("CTX5008")),
    );
    expect(said("a.jsonl.zst", "filter = tokens >= 100Ki")).toContainEqual(
      expect.stringMatching(/^CTX5023.*keeps none/),
    );
  });
});
