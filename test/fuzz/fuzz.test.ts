// A short and always equal walk of the fuzzer; `npm run soak:fuzz` goes on from other seeds.
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { buildShim } from "../faults/shim.ts";
import { commandCase, readCase } from "./case.ts";
import { Dice, mutateBytes, mutateJson } from "./mutate.ts";
import { seedFolder } from "./seeds.ts";
import { subjects } from "./subjects.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let seeds: string;
const library = buildShim();

beforeAll(async () => {
  seeds = await seedFolder();
});

test("the same seed gives the same file, and most seeds another one", () => {
  const bytes = Buffer.from('{"a": [1, 2, {"b": "c"}], "d": null}');
  for (let seed = 0; seed < 50; seed++) {
    expect(mutateBytes(bytes, new Dice(seed))).toEqual(mutateBytes(bytes, new Dice(seed)));
    expect(mutateJson(bytes.toString(), new Dice(seed))).toBe(mutateJson(bytes.toString(), new Dice(seed)));
  }
  const made = Array.from({ length: 100 }, (_, seed) => mutateBytes(bytes, new Dice(seed)).toString("latin1"));
  expect(new Set(made).size).toBeGreaterThan(80);
});

test.each(subjects.filter(({ read }) => read))(
  "$name: every changed file is read, or refused with a sentence",
  async (subject) => {
    const folder = mkdtempSync(join(tmpdir(), "ctx-fuzz-"));
    cpSync(seeds, folder, { recursive: true });
    for (let seed = 1; seed <= 30; seed++)
      expect([seed, await readCase(subject, seeds, folder, seed)]).toEqual([seed, null]);
  },
);

test.each(["index", "config", "plan given", "checkpoint", "adapter config"])("%s: so do the commands", async (name) => {
  const subject = subjects.find((candidate) => candidate.name === name)!;
  const place = join(mkdtempSync(join(tmpdir(), "ctx-fuzz-")), "place");
  for (const words of subject.commands)
    for (const seed of [1, 2]) {
      const fault = await commandCase(subject, words, seeds, place, seed, library);
      expect([words.join(" "), seed, fault]).toEqual([words.join(" "), seed, null]);
    }
});
