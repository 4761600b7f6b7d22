import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeHost } from "../../cli/host.ts";
import { compile } from "../../compiler/index.ts";

const file = "recipes/gradient-llama3-1m.ctx";

test("Gradient's Llama-3 schedule compiles to its published numbers, without a word", () => {
  const { plan, diagnostics } = compile(readFileSync(file, "utf8"), nodeHost(), { file });
  expect(diagnostics).toEqual([]);
  const column = <T>(value: (stage: NonNullable<typeof plan>["stages"][number]) => T) => plan?.stages.map(value);
  expect(column((stage) => stage.name)).toEqual(["s64k", "s256k", "s512k", "s1m"]);
  expect(column((stage) => stage.length)).toEqual([65_536, 262_144, 524_288, 1_048_576]);
  expect(column((stage) => stage.rope.theta)).toEqual([15_296_098, 207_112_184, 1_062_356_830, 2_804_339_835]);
  expect(column((stage) => stage.steps)).toEqual([30, 24, 50, 50]);
  expect(column((stage) => stage.tokens)).toEqual([62_914_560, 100_663_296, 419_430_400, 838_860_800]);
  expect(column((stage) => stage.parallel.ring)).toEqual([64, 64, 64, 64]);
  expect(column((stage) => stage.mix)).toEqual(new Array(4).fill({ pajama: 0.9, chat: 0.1 }));
});

test("a stage's frequencies are those of its theta", () => {
  const { plan } = compile(readFileSync(file, "utf8"), nodeHost(), { file });
  for (const stage of plan!.stages) {
    expect(stage.rope.inv_freq).toHaveLength(64);
    stage.rope.inv_freq.forEach((frequency, i) => {
      expect(Math.abs(frequency / stage.rope.theta ** (-i / 64) - 1)).toBeLessThan(1e-12);
    });
    expect(stage.rope.parameters).toEqual({ rope_type: "default", rope_theta: stage.rope.theta });
  }
});
