// What the compiler sees of data files without reading them in full.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { analyze } from "../../compiler/analyze.ts";
import type { Host } from "../../compiler/host.ts";
import { parquetFooter } from "../../compiler/survey/index.ts";
import { jsonlRows, textHead } from "../../compiler/survey/jsonl.ts";
import { readStruct } from "../../compiler/survey/thrift.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-survey-"));
const host = nodeHost(folder);

/** A host that has one file. */
function holding(bytes: Uint8Array): Host {
  return { ...host, size: () => bytes.length, part: (_, from, count) => bytes.subarray(from, from + count) };
}

beforeAll(async () => {
  mkdirSync(join(folder, "model"));
  writeFileSync(
    join(folder, "model", "config.json"),
    '{"model_type":"llama","vocab_size":1024,"hidden_size":128,"intermediate_size":384,"num_hidden_layers":2,"num_attention_heads":4,"max_position_embeddings":256,"rope_theta":10000}',
  );
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const copy = (query: string, file: string, options = "") =>
    connection.run(`copy (${query}) to '${join(folder, file)}' (format parquet, row_group_size 2048 ${options})`);
  // Text that no dictionary shortens, in rows of 400 bytes.
  await copy(
    "select range as id, repeat(md5(range::varchar), 12) || 'endofthe rows!!!' as body from range(10000)",
    "text.parquet",
  );
  await copy(
    "select [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}] as turns, 1.5 as score, {'a': [1], 'b': {'c': 'x'}} as extra, 'x' as note from range(10)",
    "chat.parquet",
    ", compression zstd",
  );
  await copy("select 'x' as text from range(0)", "empty.parquet");
  connection.closeSync();
  instance.closeSync();
});

describe("parquet", () => {
  test("columns, kinds, rows and bytes before compression", () => {
    const text = parquetFooter("text.parquet", host);
    expect(text).toMatchObject({
      rows: 10_000,
      columns: [
        { name: "id", kind: "other" },
        { name: "body", kind: "text" },
      ],
    });
    expect(text!.columns[1]!.bytes).toBeGreaterThan(10_000 * 400);
    expect(text!.columns[1]!.bytes).toBeLessThan(10_000 * 400 * 1.05);
    const chat = parquetFooter("chat.parquet", host);
    expect(chat?.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      "turns nested",
      "score other",
      "extra nested",
      "note text",
    ]);
    expect(parquetFooter("empty.parquet", host)?.rows).toBe(0);
  });

  test("what is no parquet file, or half of one, has no footer", () => {
    const whole = readFileSync(join(folder, "chat.parquet"));
    for (const bytes of [
      new Uint8Array(),
      whole.subarray(0, 8),
      whole.subarray(0, whole.length - 1),
      Buffer.concat([whole.subarray(0, 4), whole.subarray(whole.length - 8)]),
    ])
      expect(parquetFooter("x", holding(bytes))).toBeUndefined();
    expect(parquetFooter("missing.parquet", host)).toBeUndefined();
    expect(parquetFooter("x", { ...holding(whole), part: undefined } as unknown as Host)).toBeUndefined();
  });

  test("no bytes are too odd", () => {
    const whole = readFileSync(join(folder, "chat.parquet"));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 9), fc.integer({ min: 0, max: 255 }))), (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        parquetFooter("x", holding(bytes));
      }),
      { numRuns: 300, seed: 7 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readStruct(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 500, seed: 7 },
    );
    // A list that says it has a billion entries; structs in structs without an end.
    expect(() => readStruct(Uint8Array.of(0x19, 0xfc, 0x80, 0x94, 0xeb, 0xdc, 0x03))).toThrow(RangeError);
    expect(() => readStruct(new Uint8Array(100_000).fill(0x1c))).toThrow(RangeError);
  });
});

test("rows of jsonl: their bytes, the share that is text, and who speaks", () => {
  const rows = ['{"text": "ab"}', "", '{"text": "é\\n😀", "id": 1}', "not json", '{"other": 1}', '{"text": "cut'];
  const bytes = new TextEncoder().encode(rows.join("\n"));
  const whole = jsonlRows(textHead("x", bytes.length, false, holding(bytes))!, { text: "text", chat: null });
  expect(whole.rows.map(({ cut }) => cut)).toEqual([false, false, false, false, false]);
  expect(whole.rows[1]!.bytes).toBe(Buffer.byteLength(rows[2]!));
  expect(whole.text).toBeCloseTo(
    (2 + Buffer.byteLength("é\n😀")) / (rows[0]!.length + Buffer.byteLength(rows[2]!)),
    12,
  );
  const part = jsonlRows(textHead("x", 20, false, holding(bytes))!, { text: "text", chat: null });
  expect(part.rows.map(({ cut }) => cut)).toEqual([false, true]);

  const chats = [
    { m: [{ role: "user", content: "q" }] },
    {
      m: [
        { from: "human", value: "q" },
        { from: "gpt", value: "answer" },
      ],
    },
    { m: "no list" },
  ];
  const chatBytes = new TextEncoder().encode(chats.map((chat) => JSON.stringify(chat)).join("\n"));
  const seen = jsonlRows(textHead("x", chatBytes.length, false, holding(chatBytes))!, { text: null, chat: "m" });
  expect(seen.chats).toEqual({ seen: 2, silent: [1] });
});

function said(settings: string, stage = "length = 512  steps = 9  batch = 2"): string[] {
  const recipe = `model { from = "model" }\ndata { source s { ${settings} } }\nstage a { ${stage} }\n`;
  return analyze(recipe, host, { file: "r.ctx" })
    .diagnostics.filter(({ code }) => code.startsWith("CTX50"))
    .map(({ code, message, label, fixes }) =>
      [`${code} ${message}`, label, ...fixes.map(({ title }) => title)].join("; "),
    );
}

test("columns of a parquet file", () => {
  expect(said('files = "text.parquet"  text = "body"')).toEqual([]);
  expect(said('files = "text.parquet"')).toEqual([
    'CTX5020 text.parquet has no column "text"; it has: id, body; did you mean text = "body"?; text = "body"',
  ]);
  expect(said('files = "text.parquet"  text = "id"')).toEqual([
    'CTX5020 text.parquet has something else than text in column "id"; name another column',
  ]);
  expect(said('files = "chat.parquet"  text = "notes"')).toEqual([
    'CTX5020 chat.parquet has no column "notes"; it has: turns, score, extra, note; did you mean text = "note"?; text = "note"',
  ]);
  expect(said('files = "empty.parquet"')).toEqual([
    "CTX5020 empty.parquet holds no documents; take it out of the source",
  ]);
});

test("tokens of a parquet column: of its bytes before compression, as the vocabulary has them", () => {
  const [warning] = said('files = "text.parquet"  text = "body"', "length = 512  steps = 2000  batch = 4");
  expect(warning).toMatch(/^CTX5008 stage a reads s about 2\.7 times; the files hold about 1,500,000 tokens/);
});

test("a row that goes on counts as long only where it outgrew the whole ones", () => {
  const row = (words: number) => `${JSON.stringify({ text: "word ".repeat(words) })}\n`;
  const seen = (text: string, size: number) => {
    const bytes = new TextEncoder().encode(text);
    const one: Host = {
      ...host,
      list: () => ["a.jsonl"],
      size: (path) => (path === "a.jsonl" ? size : host.size(path)),
      part: (_, from, count) => bytes.subarray(from, from + count),
      head: () => bytes.subarray(0, 1000),
    };
    const recipe =
      'model { from = "model" }\ndata { source s { files = "*.jsonl" } }\nstage a { length = 32Ki  steps = 2  batch = 1 }\n';
    return analyze(recipe, one, { file: "r.ctx" }).diagnostics.filter(({ code }) => /CTX502[12]/.test(code));
  };
  const cut = (words: number) => row(words).slice(0, -3);
  const size = 100 * 2 ** 20;
  expect(seen(row(2000).repeat(400) + cut(1000), size).map(({ code }) => code)).toEqual(["CTX5021"]);
  // Of one that is longer already than all before it there is no telling.
  expect(seen(row(2000).repeat(200) + cut(200_000), size)).toEqual([]);
  expect(seen(cut(500_000), size)).toEqual([]);
});

test("a host that can't look into files says nothing of them", () => {
  const blind: Host = {
    ...host,
    list: () => ["a.jsonl", "b.parquet", "c.jsonl.zst"],
    part: undefined,
    head: undefined,
  } as never;
  const recipe =
    'model { from = "model" }\ndata { source s { files = "*"  format = jsonl } }\nstage a { length = 512  steps = 9  batch = 2 }\n';
  const { diagnostics } = analyze(recipe, blind, { file: "r.ctx" });
  expect(diagnostics.filter(({ code }) => /CTX50(08|2)/.test(code))).toEqual([]);
});
