// What a check says of data files on a disk: only their beginnings are read, and what can't be told from them is left to the run.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { analyze } from "../../compiler/analyze.ts";

const CONFIG =
  '{"model_type":"llama","vocab_size":1024,"hidden_size":128,"intermediate_size":384,"num_hidden_layers":2,"num_attention_heads":4,"max_position_embeddings":256,"rope_theta":10000}';

/** The CTX5020 of a recipe whose source has one file with this content. */
function said(name: string, content: string | Buffer, settings = "", head?: () => string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "ctx-check-"));
  mkdirSync(join(folder, "model"));
  writeFileSync(join(folder, "model", "config.json"), CONFIG);
  writeFileSync(join(folder, name), content);
  const recipe = `model { from = "model" }\ndata { source s { files = "${name}" ${settings} } }\nstage a { length = 512  steps = 9  batch = 2 }\n`;
  const host = { ...nodeHost(folder), ...(head && { head }) };
  const { diagnostics } = analyze(recipe, host, { file: "r.ctx" });
  return diagnostics.filter(({ code }) => code === "CTX5020").map(({ message, label }) => `${message}; ${label}`);
}

const long = "x".repeat(70_000);

test.each([
  ["a.txt", "plain é 😀"],
  // A character that the 64 KiB cut in two, and whole lines that are longer.
  ["a.txt", "é".repeat(40_000)],
  ["a.jsonl", `\r\n \n{"text": "x"}`],
  ["a.jsonl", `{"body": "${long}"}\n`],
  ["a.jsonl", `{"text": "x"}\nnot json at all`],
  ["a.jsonl", Buffer.concat([Buffer.from('{"text": "x"}\n'), Buffer.alloc(70_000, " "), Buffer.from([0xff])])],
  ["a.jsonl.zst", Buffer.from("28b52ffd2000010000", "hex")],
  ["a.jsonl.zst", Buffer.from("5e2a4d1800000000", "hex")],
])("%s: nothing is said of what may be right", (name, content) => {
  expect(said(name, content)).toEqual([]);
});

test.each([
  ["a.txt", "", "", "is empty; take it out"],
  ["a.txt", "abc\0", "", "is no text (a zero byte at offset 3); set the format"],
  ["a.txt", Buffer.from("caf\xe9 au lait", "latin1"), "", "is not UTF-8 text; convert"],
  ["a.txt", Buffer.from("caf\u00e9").subarray(0, 4), "", "is not UTF-8 text; convert"],
  ["a.txt", Buffer.from("\ufeffhello", "utf16le"), "", "is UTF-16 text; convert"],
  ["a.jsonl", "\n\n", "", "holds no documents; take it out"],
  ["a.jsonl", "[1]\n", "", "has no JSON object in line 1"],
  ["a.jsonl", '{"text": "x"', "", "has no JSON in line 1"],
  ["a.jsonl", '\n{"text": null}', "", 'has something else than text in column "text" of line 2'],
  ["a.jsonl", '{"a": 1, "b": 2}', 'text = "c"', 'has no column "c" in line 1; it has: a, b; name one with text'],
  ["a.jsonl", "{}", "", 'has no column "text" in line 1; it has none at all'],
  ["a.dat", '{"a": 1}', "format = jsonl", 'has no column "text" in line 1'],
  ["a.parquet", "PAR2....", "", "is not a parquet file"],
])("%s: %s", (name, content, settings, wanted) => {
  expect(said(name, content, settings)).toEqual([expect.stringContaining(`${name} ${wanted}`)]);
});

test("a file that the system refuses", () => {
  expect(said("a.txt", "x", "", () => "permission denied")).toEqual([
    "a.txt can't be read: permission denied; see whether you may read it",
  ]);
});

test.skipIf(process.platform !== "linux")("a pipe is not waited for", () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-check-"));
  execFileSync("mkfifo", [join(folder, "a.txt")]);
  expect(nodeHost(folder).head!("a.txt", 10)).toBeUndefined();
  expect(nodeHost(folder).head!("missing.txt", 10)).toBeUndefined();
  writeFileSync(join(folder, "b.txt"), "0123456789abc");
  expect(Buffer.from(nodeHost(folder).head!("b.txt", 10) as Uint8Array).toString()).toBe("0123456789");
});
