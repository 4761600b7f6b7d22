// The timeline of a ring (native/bench/ring): what it says must be what ring attention does, whatever the times are.
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 400_000 });

interface Span {
  what: "compute" | "keys_values" | "gradients";
  step: number;
  begin: number;
  end: number;
}
interface Pass {
  seconds: number;
  processor_seconds: number;
  transfer_seconds: number;
  hidden_seconds: number;
  hidden: number;
  ranks: Span[][];
}

const program = (...words: string[]) => spawnSync("native/build/ctx_bench_ring", words, { encoding: "utf8" });
const SIZES = ["--tokens", "96", "--heads", "2", "--kv-heads", "1", "--head-dim", "16"];

describe("the timeline of a ring", () => {
  beforeAll(() => {
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_bench_ring"], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each([1, 2, 3, 4])("of %i ranks has every block and every transfer", (ranks) => {
    const { status, stdout, stderr } = program("--ranks", String(ranks), ...SIZES, "--json");
    expect(status, stderr).toBe(0);
    const told = JSON.parse(stdout) as { ranks: number; forward: Pass; backward: Pass };
    expect(told.ranks).toBe(ranks);
    for (const pass of [told.forward, told.backward]) {
      expect(pass.ranks).toHaveLength(ranks);
      for (const spans of pass.ranks) {
        const steps = (what: Span["what"]) => spans.filter((span) => span.what === what).map(({ step }) => step);
        // Zigzag: both diagonals and what lies before the later half, then two whole blocks a step.
        const blocks = Array.from({ length: ranks }, (_, step) => new Array<number>(step === 0 ? 3 : 2).fill(step));
        if (ranks === 1) blocks[0] = [0]; // all at once
        expect(steps("compute")).toEqual(blocks.flat());
        expect(steps("keys_values")).toEqual(Array.from({ length: ranks - 1 }, (_, step) => step));
        expect(steps("gradients")).toHaveLength(pass === told.backward && ranks > 1 ? ranks : 0);
        expect(pass.processor_seconds).toBeGreaterThan(0);
        for (const { begin, end } of spans) {
          expect(end).toBeGreaterThanOrEqual(begin);
          expect(end).toBeLessThanOrEqual(pass.seconds);
        }
      }
      const copied = pass.ranks.flat().filter(({ what }) => what !== "compute");
      const sum = copied.reduce((all, { begin, end }) => all + end - begin, 0);
      expect(Math.abs(pass.transfer_seconds - sum)).toBeLessThan(1e-6);
      // A CPU's operations are done as they are asked for: nothing is hidden.
      expect(pass.hidden_seconds).toBe(0);
    }
  });

  test("is drawn, a line for what a rank computes and one for what comes to it", () => {
    const { status, stdout } = program("--ranks", "2", ...SIZES);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cpu-\w+: ring attention over 96 tokens, 2 ranks on 1 device; 2 heads of 16, 1 of keys/);
    expect(stdout.match(/rank \d +computes \|[ 01]{96}\|\n +receives \|[ kg]{96}\|/g)).toHaveLength(4);
    expect(stdout).toMatch(/backward: [\d.]+ ms; transfers [\d.]+ ms in all, 0% of it hidden behind blocks/);
  });

  test.each([
    [["--ranks", "-1"], /--ranks must be 1 or more/],
    [["--devices", "2"], /--devices must lie in 1 … 1/],
    [["--dtype", "f16"], /--dtype is f32 or bf16/],
    [["--heads", "3", "--kv-heads", "2"], /sizes that do not go together/],
    [["--speed", "1"], /no such option: --speed/],
  ])("%j is refused", (words, message) => {
    const { status, stderr } = program(...words);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
