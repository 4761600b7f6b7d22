// What the fuzzer feeds: the readers of each kind of file, and the commands that read it.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readModelConfig } from "../../compiler/model/index.ts";
import { planFaults } from "../../compiler/validate_plan.ts";
import { readDocuments } from "../../runtime/data/read.ts";
import { TokenFile } from "../../runtime/data/token_file.ts";
import { readModelFolder, readSafetensorsHeader } from "../../runtime/engine/safetensors.ts";
import { collectRun } from "../../runtime/report/collect.ts";
import { renderReport } from "../../runtime/report/page.ts";
import { readPlan } from "../../runtime/run/folder.ts";
import { lockFolder } from "../../runtime/run/lock.ts";
import { Tokenizer } from "../../runtime/tokenizer/tokenizer.ts";
import { newestCheckpoint } from "../../runtime/train/checkpoint.ts";
import { type Dice, mutateBytes, mutateJson } from "./mutate.ts";
import { safetensors } from "./seeds.ts";

export interface Subject {
  name: string;
  /** The file that is changed, below the seed folder; `*`: any of the folder's files whose names match. */
  file: string;
  mutate(bytes: Buffer, dice: Dice): Buffer;
  /** Reads the changed file (full path) in process; absent: only commands read it. */
  read?(file: string, folder: string): Promise<void> | void;
  /** Commands that read it, run in the folder. */
  commands: string[][];
}

const bytesOrJson = (bytes: Buffer, dice: Dice): Buffer =>
  dice.below(4) === 0 ? mutateBytes(bytes, dice) : Buffer.from(mutateJson(bytes.toString("utf8"), dice), "utf8");

/** Mostly the header: what the bytes of tensors hold cannot be wrong but for NaN. */
function mutateSafetensors(bytes: Buffer, dice: Dice): Buffer {
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  switch (dice.below(4)) {
    case 0:
      return mutateBytes(bytes, dice);
    case 1:
      return Buffer.concat([mutateBytes(bytes.subarray(0, start), dice), bytes.subarray(start)]);
    default:
      return safetensors(mutateJson(bytes.toString("utf8", 8, start), dice), bytes.subarray(start));
  }
}

/** One line of a jsonl file, or its bytes. */
function mutateLines(bytes: Buffer, dice: Dice): Buffer {
  if (dice.below(3) === 0) return mutateBytes(bytes, dice);
  const lines = bytes.toString("utf8").trimEnd().split("\n");
  const at = dice.below(lines.length);
  lines[at] = mutateJson(lines[at]!, dice);
  return Buffer.from(`${lines.join("\n")}\n`, "utf8");
}

/** Reads all documents, as text and as chats. */
const documents = (format: "text" | "jsonl" | "jsonl.zst" | "parquet") => async (file: string) => {
  let first: unknown;
  for (const columns of [
    { text: null, chat: null },
    { text: null, chat: "messages" },
  ])
    try {
      for await (const document of readDocuments({ path: file, name: basename(file), format }, columns))
        if (document.kind === "parts") for await (const _ of document.parts);
    } catch (error) {
      first ??= error;
      if (!KNOWN.has((error as Error).name)) throw error;
    }
  if (first !== undefined) throw first;
};

/** Errors that tell a user what to do. */
export const KNOWN = new Set(["Failure", "DataError", "SafetensorsError"]);

const loadTokenizer = async (file: string) => {
  const tokenizer = await Tokenizer.load(join(dirname(file), "tokenizer.json"));
  await tokenizer.encode("the sea, 12345 <|bos|> é 😀\n\nx");
  await tokenizer.encodeRendered("a <|eos|> b");
  tokenizer.chat?.render([{ role: "user", content: "hello" }], true);
};

const report = (_: string, folder: string) => {
  renderReport([collectRun(join(folder, "run"))]);
};

const EVAL = ["eval", "model", "--perplexity", "0.txt", "--lengths", "64", "--samples", "1", "--threads", "1"];
const RESUME = ["run", "--resume", "run", "--threads", "1"];

export const subjects: Subject[] = [
  {
    name: "safetensors",
    file: "model/model-00001-of-00002.safetensors",
    mutate: mutateSafetensors,
    read: async (file, folder) => {
      await readSafetensorsHeader(file);
      await readModelFolder(join(folder, "model"));
    },
    commands: [EVAL],
  },
  {
    name: "index",
    file: "model/model.safetensors.index.json",
    mutate: bytesOrJson,
    read: async (_, folder) => void (await readModelFolder(join(folder, "model"))),
    commands: [EVAL],
  },
  {
    name: "config",
    file: "model/config.json",
    mutate: bytesOrJson,
    read: (file) => {
      readModelConfig(readFileSync(file, "utf8"), "model");
    },
    commands: [EVAL],
  },
  { name: "tokenizer", file: "model/tokenizer.json", mutate: bytesOrJson, read: loadTokenizer, commands: [EVAL] },
  {
    name: "tokenizer config",
    file: "model/tokenizer_config.json",
    mutate: bytesOrJson,
    read: loadTokenizer,
    commands: [EVAL],
  },
  { name: "text", file: "data/text.txt", mutate: mutateBytes, read: documents("text"), commands: [] },
  { name: "jsonl", file: "data/rows.jsonl", mutate: mutateLines, read: documents("jsonl"), commands: [] },
  { name: "zst", file: "data/rows.jsonl.zst", mutate: mutateBytes, read: documents("jsonl.zst"), commands: [] },
  { name: "parquet", file: "data/rows.parquet", mutate: mutateBytes, read: documents("parquet"), commands: [] },
  {
    name: "plan",
    file: "run/plan.json",
    mutate: bytesOrJson,
    read: (file) => {
      readPlan(file);
    },
    commands: [RESUME, ["export", "run", "--to", "out"], ["report", "run"]],
  },
  {
    name: "plan given",
    file: "plan.json",
    mutate: bytesOrJson,
    read: (file) => {
      try {
        planFaults(JSON.parse(readFileSync(file, "utf8")));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    },
    commands: [["run", "plan.json", "--out", "anew", "--threads", "1"]],
  },
  { name: "origin", file: "run/run.json", mutate: bytesOrJson, read: report, commands: [RESUME, ["report", "run"]] },
  {
    name: "checkpoint",
    file: "run/checkpoints/001-00000001/state.json",
    mutate: bytesOrJson,
    read: async (file) => void (await newestCheckpoint(dirname(dirname(file)), () => {})),
    commands: [RESUME],
  },
  {
    name: "metrics",
    file: "run/metrics.jsonl",
    mutate: mutateLines,
    read: report,
    commands: [RESUME, ["report", "run"]],
  },
  {
    name: "evaluation",
    file: "run/eval/second.json",
    mutate: bytesOrJson,
    read: report,
    commands: [["report", "run"], RESUME],
  },
  {
    name: "lock",
    file: "run/lock",
    mutate: bytesOrJson,
    read: (file) => lockFolder(dirname(file)).release(),
    commands: [RESUME],
  },
  {
    name: "adapter config",
    file: "model/adapter_config.json",
    mutate: bytesOrJson,
    commands: [EVAL, ["export", "model", "--to", "out"]],
  },
  {
    name: "token manifest",
    file: "tokens/manifest.json",
    mutate: bytesOrJson,
    read: async (file) => (await TokenFile.open(dirname(file))).close(),
    commands: [],
  },
];
