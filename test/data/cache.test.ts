import { spawn } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, test, vi } from "vitest";
import { PlanDataset } from "../../runtime/data/data.ts";
import { cached, cachePlace } from "../../runtime/data/token_cache.ts";
import { filesSource, plan, temporaryFolder, writeTexts } from "./fixture.ts";

const texts = filesSource("texts", ["*.txt"], { holdout_every: 3 });

async function allTokens(folder: string): Promise<number[][]> {
  const data = await PlanDataset.open(plan({ sources: [texts] }), folder);
  const { train } = data.sources.get("texts")!;
  const tokens = Array.from({ length: train.count }, (_, i) => [...train.read(i)]);
  data.close();
  return tokens;
}
const cacheOf = (folder: string) =>
  readdirSync(join(folder, ".ctx-cache"))
    .filter((n) => n !== ".gitignore")
    .sort();

test("tokenised once; a changed file is tokenised again, whatever its size and date", async () => {
  const folder = temporaryFolder();
  writeTexts(folder, 6, () => 30);
  const first = await allTokens(folder);
  const before = cacheOf(folder);
  expect(before.map((n) => n.replace(/-.*/, ""))).toEqual(["tokenizer", "tokens"]);
  expect(await allTokens(folder)).toEqual(first);
  expect(cacheOf(folder)).toEqual(before);
  const file = join(folder, "doc000.txt");
  writeFileSync(file, readFileSync(file, "utf8").replace("an d0w0", "an d9w9"));
  utimesSync(file, 0, 0);
  expect(await allTokens(folder)).not.toEqual(first);
  expect(cacheOf(folder).length).toBeGreaterThan(before.length);
});

test("where the recipe's folder can't hold a cache, the user's own does", () => {
  const folder = temporaryFolder();
  expect(cachePlace(folder)).toBe(join(folder, ".ctx-cache"));
  vi.stubEnv("XDG_CACHE_HOME", "/own");
  expect(cachePlace(join(folder, "not there"))).toBe(join("/own", "ctx"));
  writeFileSync(join(folder, ".ctx-cache"), "a file");
  expect(cachePlace(folder)).toBe(join("/own", "ctx"));
  vi.unstubAllEnvs();
});

test("damage of any kind is noticed and mended", async () => {
  const folder = temporaryFolder();
  writeTexts(folder, 6, () => 30);
  const good = await allTokens(folder);
  const [tokenizer, tokens] = cacheOf(folder).map((name) => join(folder, ".ctx-cache", name)) as [string, string];
  const flip = (file: string) => {
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
  };
  const damages = [
    () => flip(join(tokens, "tokens.bin")),
    () => flip(join(tokens, "index.bin")),
    () => truncateSync(join(tokens, "tokens.bin"), 100),
    () => appendFileSync(join(tokens, "index.bin"), "12345678"),
    () => writeFileSync(join(tokens, "manifest.json"), "{"),
    () => writeFileSync(join(tokens, "manifest.json"), "null"),
    () => rmSync(join(tokens, "manifest.json")),
    () => rmSync(join(tokens, "tokens.bin")),
    () => writeFileSync(join(tokenizer, "tokenizer.json"), "{}"),
    () => mkdirSync(join(folder, ".ctx-cache", "tokens-x.tmp-1-0123456789ab")),
  ];
  for (const damage of damages) {
    damage();
    expect(await allTokens(folder)).toEqual(good);
  }
});

test("what killed runs left behind goes after a day; what may still be in work stays", async () => {
  const cache = temporaryFolder();
  for (const name of ["tokens-a.tmp-1-0123456789ab", "tokens-b.tmp-1-0123456789ab"]) mkdirSync(join(cache, name));
  utimesSync(join(cache, "tokens-a.tmp-1-0123456789ab"), 0, 0);
  await cached(
    cache,
    "x",
    async () => 1,
    async () => undefined,
  );
  expect(readdirSync(cache).sort()).toEqual([".gitignore", "tokens-b.tmp-1-0123456789ab", "x"]);
});

test("a build that fails leaves nothing", async () => {
  const cache = temporaryFolder();
  const failing = cached(
    cache,
    "x",
    async () => 1,
    async (folder) => {
      writeFileSync(join(folder, "half"), "half");
      throw new Error("disk full");
    },
  );
  await expect(failing).rejects.toThrow("disk full");
  expect(readdirSync(cache)).toEqual([".gitignore"]);
});

test("several processes at once end with the same tokens", async () => {
  const folder = temporaryFolder();
  writeTexts(folder, 40, () => 200);
  const script = join(import.meta.dirname, "../../node_modules/.cache-ctx-test.mjs");
  await build({
    stdin: {
      contents: `
        import { createHash } from "node:crypto";
        import { PlanDataset } from "./runtime/data/data.ts";
        const data = await PlanDataset.open(JSON.parse(process.argv[2]), process.argv[3]);
        const { train } = data.sources.get("texts");
        const hash = createHash("sha256");
        for (let i = 0; i < train.count; i++) hash.update(train.read(i));
        console.log(hash.digest("hex"));`,
      resolveDir: join(import.meta.dirname, "../.."),
    },
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    outfile: script,
  });
  const run = () =>
    new Promise<string>((resolve, reject) => {
      const child = spawn(process.execPath, [script, JSON.stringify(plan({ sources: [texts] })), folder]);
      let out = "";
      child.stdout.on("data", (d) => (out += d));
      child.stderr.on("data", (d) => (out += d));
      child.on("error", reject);
      child.on("exit", () => resolve(out.trim()));
    });
  const results = await Promise.all([run(), run(), run(), run()]);
  rmSync(script);
  expect(results[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(results).size).toBe(1);
  expect(cacheOf(folder).length).toBe(2);
});
