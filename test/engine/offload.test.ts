import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { NativeEngine, NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

/** On the disk that holds the build, since a folder for temporary files may lie in memory. */
const folder = mkdtempSync(fileURLToPath(new URL("../../native/build/offload-", import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true }));

const TOKENS = 320;
const OPTIONS: NativeEngineOptions = {
  ...{ device: "cpu", threads: 2, ring: 1 },
  model: {
    ...{ vocabSize: 97, hiddenSize: 32, intermediateSize: 80, layers: 7, heads: 4, kvHeads: 2, headDim: 8 },
    ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
  },
  memory: { maxTokens: TOKENS, train: true, checkpointEvery: 1, lossChunk: 64, kvCacheTokens: 0 },
};
type Memory = NativeEngineOptions["memory"];
const toFile = { offload: { to: "file", folder } } as const;
const toHost = { offload: { to: "host" } } as const;

function make(memory: Partial<Memory>, ring = 1): NativeEngine {
  const engine = loadAddon().createEngine({ ...OPTIONS, ring, memory: { ...OPTIONS.memory, ...memory } });
  setSmallRope(engine);
  return engine;
}

const batch = (tokens: number, shift: number) => madeUpBatch(tokens, shift, 97);

/** Gradients of two batches, and weights after a step. */
async function bytesOf(engine: NativeEngine): Promise<string[]> {
  await engine.initialize(5, 0.3);
  await engine.accumulate(batch(TOKENS, 1));
  await engine.accumulate(batch(64, 2));
  const gradients = digest(await readAll(engine, "gradient"));
  await engine.step({ ...HYPER, lr: 0.01 });
  await engine.accumulate(batch(TOKENS, 3));
  const again = digest(await readAll(engine, "gradient"));
  await engine.close();
  return [gradients, again];
}

describe("offloaded layer inputs", () => {
  test.each([1, 2, 3, 4, 7])("every %i: the same bytes as in the arena, one rank and two", async (checkpointEvery) => {
    for (const ring of [1, 2]) {
      const expected = await bytesOf(make({ checkpointEvery }, ring));
      for (const memory of [toFile, toHost]) {
        const engine = make({ checkpointEvery, ...memory }, ring);
        const outside = Math.max(0, Math.ceil(7 / checkpointEvery) - 2);
        expect(engine.memory().offloaded).toBe(outside * TOKENS * 32 * 4);
        expect(await bytesOf(engine)).toEqual(expected);
      }
    }
  });

  test("the arena shrinks by what waits outside", async () => {
    const [inside, outside] = [make({}), make(toFile)];
    expect(outside.memory().total + outside.memory().offloaded).toBe(inside.memory().total);
    await Promise.all([inside.close(), outside.close()]);
  });

  test("the file has no name, and its blocks are there from the start", async () => {
    const tokens = 100_000;
    const engine = make({ ...toFile, maxTokens: tokens });
    expect(readdirSync(folder)).toEqual([]);
    const blocks = readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        const path = join("/proc/self/fd", fd);
        return readlinkSync(path).startsWith(`${realpathSync(folder)}/`) ? [statSync(path).blocks] : [];
      } catch {
        return []; // closed meanwhile, such as that of the listing itself
      }
    });
    expect(blocks).toHaveLength(1);
    expect(blocks[0]! * 512).toBeGreaterThanOrEqual(5 * tokens * 32 * 4);
    await engine.close();
  });

  test("a step that was cancelled leaves nothing that disturbs the next", async () => {
    const expected = await bytesOf(make({}));
    const engine = make(toFile);
    await engine.initialize(5, 0.3);
    const running = engine.accumulate(batch(TOKENS, 9));
    engine.cancel();
    await running.catch((error: Error & { code?: string }) => expect(error.code).toBe("CTX_CANCELLED"));
    await engine.zeroGradients();
    expect(await bytesOf(engine)).toEqual(expected);
  });

  test("forward alone needs none", async () => {
    const engine = make({ ...toFile, train: false });
    expect(engine.memory().offloaded).toBe(0);
    await engine.close();
  });

  test("what cannot be done is refused before the first step", () => {
    expect(() => make({ offload: { to: "file", folder: join(folder, "none") } })).toThrow(
      /createEngine: offload: cannot create a file in .*none: No such file or directory/,
    );
    expect(() => make({ offload: { to: "tape" } as never })).toThrow(/offload.to is "tape", expected file or host/);
    expect(() => make({ ...toFile, maxTokens: 2 ** 31 - 1 })).toThrow(/createEngine: /);
    if (statfsSync("/dev/shm").type === 0x01021994) {
      expect(() => make({ offload: { to: "file", folder: "/dev/shm" } })).toThrow(
        /\/dev\/shm lies in memory \(tmpfs\)/,
      );
    }
    // A limit on file sizes, as a full disk: told at once.
    const addon = fileURLToPath(new URL("../../native/build/ctx.node", import.meta.url));
    const script = `
      try { require(${JSON.stringify(addon)}).createEngine(${JSON.stringify({ ...OPTIONS, memory: { ...OPTIONS.memory, ...toFile } })}); }
      catch (error) { console.log(error.message); }`;
    const output = execFileSync("bash", ["-c", 'ulimit -f 16; exec "$0" -e "$1"', process.execPath, script], {
      encoding: "utf8",
    });
    expect(output).toMatch(/offload: layer inputs need a file of .* may write files of at most .* \(ulimit -f\)/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("tiled MLP", () => {
  const gradients = async (mlpTile: number, checkpointEvery: number) => {
    const engine = make({ mlpTile, checkpointEvery });
    await engine.initialize(5, 0.3);
    await engine.accumulate(batch(TOKENS, 1));
    const all = await readAll(engine, "gradient");
    const { workspace } = engine.memory();
    await engine.close();
    return { all, workspace };
  };

  test.each([0, 1])("the same gradients for any tile, checkpointEvery %i", async (checkpointEvery) => {
    const whole = await gradients(0, checkpointEvery);
    for (const mlpTile of [1, 7, 64, 256, 1024]) {
      const tiled = await gradients(mlpTile, checkpointEvery);
      if (mlpTile < TOKENS) expect(tiled.workspace).toBeLessThan(whole.workspace);
      for (const [name, expected] of whole.all) {
        const got = tiled.all.get(name)!;
        const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0));
        const error = Math.sqrt(expected.reduce((sum, value, i) => sum + (value - got[i]!) ** 2, 0));
        expect(error / size, `${name}, ${mlpTile}`).toBeLessThan(1e-5);
      }
    }
    expect(digest((await gradients(64, checkpointEvery)).all)).toBe(digest((await gradients(64, checkpointEvery)).all));
  });
});
