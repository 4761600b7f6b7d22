// Good files of every kind that ctx reads, made here: what the fuzzer changes.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { ctx, runOrResume, tinyFolder } from "../soak/tiny_cli.ts";

/** A folder with a finished run in `run/` (from plan.json), a model with shards in `model/`, tokens, and data files. */
export async function seedFolder(): Promise<string> {
  const folder = tinyFolder([2, 1]);
  const { status, stderr } = await ctx(runOrResume(folder, join(folder, "run")), folder);
  if (status !== 0) throw new Error(`the run that the fuzzer starts from ended with ${status}: ${stderr}`);
  shardedModel(join(folder, "run", "stages", "second"), join(folder, "model"));
  const adapter = {
    peft_type: "LORA",
    r: 8,
    lora_alpha: 16,
    target_modules: ["q_proj"],
    base_model_name_or_path: "base",
  };
  writeFileSync(join(folder, "model", "adapter_config.json"), JSON.stringify(adapter));
  writeFileSync(join(folder, "run", "lock"), JSON.stringify({ pid: 2 ** 30, host: hostname(), started: "1" }));
  const cache = join(folder, ".ctx-cache");
  const tokens = readdirSync(cache).find((name) => name.startsWith("tokens-"))!;
  cpSync(join(cache, tokens), join(folder, "tokens"), { recursive: true });
  await dataFiles(folder);
  return folder;
}

/** Copies a model folder with its weights in two shards and an index, a chat template besides. */
function shardedModel(from: string, to: string): void {
  mkdirSync(to);
  for (const name of ["config.json", "generation_config.json", "tokenizer.json"])
    writeFileSync(join(to, name), readFileSync(join(from, name)));
  const chat = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
  const config = JSON.parse(readFileSync(join(from, "tokenizer_config.json"), "utf8"));
  writeFileSync(join(to, "tokenizer_config.json"), JSON.stringify({ ...config, chat_template: chat }));
  const file = readFileSync(join(from, "model.safetensors"));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start)) as { [name: string]: { data_offsets?: [number, number] } };
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const weight_map: { [name: string]: string } = {};
  for (const [k, half] of [names.slice(0, 5), names.slice(5)].entries()) {
    const shard = `model-0000${k + 1}-of-00002.safetensors`;
    const own: { [name: string]: unknown } = {};
    const parts: Buffer[] = [];
    let at = 0;
    for (const name of half) {
      const [begin, end] = header[name]!.data_offsets!;
      own[name] = { ...header[name], data_offsets: [at, at + end - begin] };
      parts.push(file.subarray(start + begin, start + end));
      at += end - begin;
      weight_map[name] = shard;
    }
    writeFileSync(join(to, shard), safetensors(JSON.stringify(own), Buffer.concat(parts)));
  }
  writeFileSync(join(to, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map }));
}

/** A safetensors file of a header and bytes, whether they fit each other or not. */
export function safetensors(header: string, bytes: Buffer): Buffer {
  const text = Buffer.from(header, "utf8");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, bytes]);
}

async function dataFiles(folder: string): Promise<void> {
  mkdirSync(join(folder, "data"));
  const at = (name: string) => join(folder, "data", name);
  const rows = Array.from({ length: 40 }, (_, k) => ({
    text: `line ${k} ${"words and more ".repeat(k % 5)}`,
    messages: [
      { role: "user", content: `what is ${k}?` },
      { role: "assistant", content: `a number, é 😀 ${k}` },
    ],
  }));
  writeFileSync(at("rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeFileSync(at("text.txt"), rows.map((row) => row.text).join("\n"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const source = `read_json('${at("rows.jsonl")}', format = 'newline_delimited')`;
  await connection.run(`copy (select * from ${source}) to '${at("rows.jsonl.zst")}' (format json, compression zstd)`);
  await connection.run(`copy (select * from ${source}) to '${at("rows.parquet")}' (format parquet, compression zstd)`);
  connection.closeSync();
  instance.closeSync();
}
