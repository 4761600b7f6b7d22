import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PlanDataset } from "../../runtime/data/data.ts";
import { IGNORE, KIND } from "../../runtime/data/row.ts";
import { filesSource, plan, stage, syntheticSource, temporaryFolder, writeTexts } from "./fixture.ts";

const bpe512 = join(import.meta.dirname, "../golden/data/bpe512/tokenizer.json");
const folder = temporaryFolder();
writeTexts(folder, 20, (d) => 10 + d);
const texts = filesSource("texts", ["*.txt"], { holdout_every: 4 });

describe("a plan's data", () => {
  test("statistics, filter, holdout", async () => {
    const all = await PlanDataset.open(plan({ sources: [texts] }), folder);
    const { train, holdout, statistics } = all.sources.get("texts")!;
    expect([train.count, holdout.count]).toEqual([15, 5]);
    const lengths = Array.from({ length: 15 }, (_, i) => train.length(i));
    expect(statistics.train).toEqual({
      documents: 15,
      tokens: lengths.reduce((a, b) => a + b),
      longest: Math.max(...lengths),
    });
    // The same documents are held out whatever the filter leaves.
    const [min_tokens, max_tokens] = [train.length(4), train.length(10)];
    const some = await PlanDataset.open(plan({ sources: [{ ...texts, min_tokens, max_tokens }] }), folder);
    const filtered = some.sources.get("texts")!;
    expect(Array.from({ length: filtered.train.count }, (_, i) => [...filtered.train.read(i)])).toEqual(
      Array.from({ length: 15 }, (_, i) => [...train.read(i)]).filter(
        (d) => d.length >= min_tokens && d.length <= max_tokens,
      ),
    );
    all.close();
    some.close();
  });

  test("only what the assistant says is learned", async () => {
    const chats = temporaryFolder();
    const messages = [
      { role: "user", content: "What is it?" },
      { role: "assistant", content: "A cat." },
    ];
    writeFileSync(join(chats, "c.jsonl"), `${JSON.stringify({ messages })}\n`.repeat(3));
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      const { readFileSync } = await import("node:fs");
      writeFileSync(join(chats, name), readFileSync(join(bpe512, "..", name)));
    }
    writeFileSync(
      join(chats, "chat_template.jinja"),
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}",
    );
    const source = filesSource("chats", ["*.jsonl"], { chat: "messages", loss: "assistant" });
    const stages = [stage({ length: 90, steps: 2, sequences: 1, mix: { chats: 1 } })];
    const data = await PlanDataset.open(plan({ sources: [source], stages, tokenizer: "tokenizer.json" }), chats);
    const { batch, kinds } = (await data.stage(0).batch(0)).microBatches[0]!;
    const learned = [...batch.targets].filter((t) => t !== IGNORE);
    const answer = [...(await data.tokenizer.encode("A cat.")), data.tokenizer.eos];
    expect(learned.slice(0, answer.length)).toEqual(answer);
    expect(learned.length % answer.length).toBe(0);
    expect(kinds.includes(KIND.prompt)).toBe(true);
    const { train } = data.sources.get("chats")!;
    expect(await data.tokenizer.decode(train.read(0))).toBe(
      "<|bos|>[user] What is it?<|eos|>[assistant] A cat.<|eos|>",
    );
    data.close();
    const none = filesSource("chats", ["*.jsonl"], { chat: "messages" });
    await expect(PlanDataset.open(plan({ sources: [none], tokenizer: bpe512 }), chats)).rejects.toThrow(
      /c\.jsonl:1: .*no chat template/,
    );
  });

  test("files that are only evaluated", async () => {
    const data = await PlanDataset.open(plan({ sources: [texts] }), folder);
    const documents = await data.documents(["doc00*.txt"]);
    expect(documents.count).toBe(10);
    expect(await data.tokenizer.decode(documents.read(3), true)).toMatch(/ d3w0 /);
    data.close();
  });

  test("what doesn't fit together is refused", async () => {
    const open = (change: object) => PlanDataset.open({ ...plan({ sources: [texts] }), ...change }, folder);
    const base = plan({ sources: [texts] });
    await expect(open({ tokenizer: { kind: "none", path: null, vocab: null } })).rejects.toThrow(
      "no tokenizer was found for the model",
    );
    await expect(open({ model: { ...base.model, bos_token_id: 7 } })).rejects.toThrow(
      "don't fit a trained tokenizer, which has 0 and 1",
    );
    const small = { ...plan({ sources: [texts], tokenizer: bpe512 }) };
    await expect(open({ ...small, model: { ...small.model, vocab_size: 100 } })).rejects.toThrow(
      /gives id \d+, but the model's vocabulary has 100/,
    );
    await expect(
      open({ data: { ...base.data, sources: [texts, syntheticSource("keys", { haystack: "nowhere" })] } }),
    ).rejects.toThrow("nowhere is not a source of files");
    const data = await open({
      stages: [stage({ length: 32, steps: 1, sequences: 1, mix: { texts: 0.5, other: 0.5 } })],
    });
    expect(() => data.stage(0)).toThrow("mixes in other, which is not a source");
    expect(() => data.stage(1)).toThrow("no stage 1");
    data.close();
    const filtered = await PlanDataset.open(
      plan({
        sources: [{ ...texts, min_tokens: 1e6 }],
        stages: [stage({ length: 32, steps: 1, sequences: 1, mix: { texts: 1 } })],
      }),
      folder,
    );
    expect(() => filtered.stage(0)).toThrow("source texts has no documents after filter and holdout");
    filtered.close();
  });
});
