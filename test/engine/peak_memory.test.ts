// What a process really holds at its peak, beside the ledger: nothing that grows with the model or the tokens is left out of it.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import type { PeakCase, PeakResult } from "./peak_worker.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** Kernels' packing buffers, one tensor at a time on its way to a file, and what allocators keep. */
const SLACK = 64e6;

beforeAll(() => {
  // Bundles the worker; run without a case it stops at once.
  const made = spawnSync(process.execPath, ["test/soak/program.mjs", "test/engine/peak_worker.ts"], {
    encoding: "utf8",
  });
  expect(made.stderr).toContain("usage");
});

const base: PeakCase = {
  ...{
    narrow: false,
    layers: 6,
    tokens: 8192,
    ring: 1,
    checkpointEvery: 0,
    dtype: "f32",
    lora: false,
    offload: false,
    train: true,
  },
};
const cases: [string, Partial<PeakCase>][] = [
  ["all kept", { narrow: true, layers: 12 }],
  ["all kept, bf16", { narrow: true, layers: 12, dtype: "bf16" }],
  ["every layer's input kept", { checkpointEvery: 1, tokens: 16_384 }],
  ["layer inputs in a file", { layers: 4, checkpointEvery: 1, offload: true, tokens: 28_672 }],
  ["LoRA, every second layer", { lora: true, checkpointEvery: 2, tokens: 16_384 }],
  ["a ring of two", { narrow: true, layers: 12, ring: 2 }],
  ["scoring", { layers: 3, train: false, tokens: 65_536 }],
];

// Only Linux lets a process forget its earlier peak.
test.skipIf(process.platform !== "linux").each(cases)("%s: within 5% and 64 MB of the ledger", (_, changes) => {
  const worker = resolve("dist", "test", "peak_worker.js");
  const words = [worker, JSON.stringify({ ...base, ...changes })];
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  const { peak, ledger, offloaded } = JSON.parse(stdout) as PeakResult;
  // Large enough that the slack does not hide what matters.
  expect(ledger).toBeGreaterThan(4 * SLACK);
  expect(offloaded > 0).toBe(changes.offload === true);
  expect(peak).toBeLessThan(1.05 * ledger + SLACK);
  expect(peak).toBeGreaterThan(0.95 * ledger - SLACK);
});
