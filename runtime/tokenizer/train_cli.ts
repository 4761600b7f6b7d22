import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { saveTokenizer, trainTokenizer } from "./tokenizer_json.ts";

/** `train_cli --vocab 1024 --out DIR [--bos] [--eos] FILE…`: trains a tokenizer on UTF-8 text files. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    vocab: { type: "string" },
    out: { type: "string" },
    bos: { type: "boolean", default: false },
    eos: { type: "boolean", default: false },
  },
});
if (!values.vocab || !values.out || positionals.length === 0) {
  console.error("usage: train_cli --vocab N --out DIR [--bos] [--eos] FILE…");
  process.exit(2);
}

async function* texts() {
  for (const file of positionals) yield await readFile(file, "utf8");
}

const trained = await trainTokenizer(texts(), Number(values.vocab), { bos: values.bos, eos: values.eos });
await saveTokenizer(values.out, trained);
console.log(`${trained.vocab} tokens → ${values.out}`);
