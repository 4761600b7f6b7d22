// The CUDA kernels compiled as C++ over native/cuda/host, one thread at a time: their arithmetic and their indices against the same float64
// references as every other backend. Those for Hopper's tensor cores run over functions in place of its instructions, once with loads and
// once with products done as late as can be. What only a GPU can show (speed, and whether it does what its manual says) it does not.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

// The shim switches threads in x86-64 assembly.
describe.skipIf(process.arch !== "x64")("CUDA kernels on the host", () => {
  beforeAll(() => {
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_on_host"], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  test.each([
    ["operations", "ctx_test_ops", { CTX_SHIM_ORDER: "rising" }, / cases, 0 failed/],
    ["attention", "ctx_test_attention", { CTX_SHIM_ORDER: "reverse" }, / checks, 0 failures/],
    [
      "attention of bf16, loads late",
      "ctx_test_attention_bf16",
      { CTX_SHIM_ORDER: "reverse", CTX_SHIM_LATE: "loads", CTX_SHIM_BLOCKS: "3" },
      / checks, 0 failures/,
    ],
    [
      "attention of bf16, products late",
      "ctx_test_attention_bf16",
      { CTX_SHIM_ORDER: "rising", CTX_SHIM_LATE: "products" },
      / checks, 0 failures/,
    ],
  ])("%s", (_, program, setting, summary) => {
    const run = spawnSync(`native/build/${program}`, ["native/build/libctx_cuda_on_host.so"], {
      encoding: "utf8",
      env: { ...process.env, ...setting },
    });
    expect(run.status, run.stdout.slice(0, 4000) + run.stderr.slice(0, 4000)).toBe(0);
    expect(run.stdout).toMatch(summary);
  });

  // Of the gradients' one kernel, in which blocks take turns: what it must wait for.
  const kernel = readFileSync("native/cuda/attention_bwd_fused_sm90.cu", "utf8").split("\n");
  const needed = kernel.flatMap((line, i) =>
    /wait_turn\(|^ {10}bulk_wait<0>|fence_async\(|named_sync\(BOTH/.test(line)
      ? [{ line: line.trim(), at: i + 1 }]
      : [],
  );
  const cases = [64, 128].flatMap((width) => needed.map((line) => ({ width, ...line })));
  test.each(cases)("attention's gradients, heads of $width, need line $at: $line", ({ width, at }) => {
    expect(needed).toHaveLength(5);
    const env = { CTX_SHIM_ORDER: "reverse", CTX_SHIM_LATE: "loads", CTX_SHIM_BLOCKS: "3" };
    const without = { CTX_SHIM_WITHOUT: `attention_bwd_fused_sm90.cu:${at}` };
    const library = ["native/build/libctx_cuda_on_host.so", "blocks", String(width)];
    const run = spawnSync("native/build/ctx_test_attention_bf16", library, {
      encoding: "utf8",
      env: { ...process.env, ...env, ...without },
    });
    expect(run.stdout + run.stderr).toMatch(/[1-9]\d* failures|the turn is passed before/);
  });

  // One dS tile for the two that there are, or a tile of dQ that is written before it was taken, shows when some warps are far ahead of others.
  test.each([
    [64, "what adds", "2-2"],
    [64, "a computing warp", "7-7"],
    [128, "what adds", "2-2"],
    [128, "a computing warp", "7-7"],
  ])("attention's gradients, heads of %i, when %s is behind", (width, _, warps) => {
    const env = { CTX_SHIM_SLOW: warps, CTX_SHIM_ORDER: "reverse", CTX_SHIM_LATE: "loads", CTX_SHIM_BLOCKS: "3" };
    const library = ["native/build/libctx_cuda_on_host.so", "blocks", String(width)];
    const run = spawnSync("native/build/ctx_test_attention_bf16", library, {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
    expect(run.status, run.stdout.slice(0, 4000) + run.stderr.slice(0, 4000)).toBe(0);
    expect(run.stdout).toMatch(/ checks, 0 failures/);
  });
});

test("where numbers lie in tiles and fragments, and which tiles are visited", () => {
  const run = spawnSync("native/build/ctx_test_layout", [], { encoding: "utf8" });
  expect(run.status, run.stdout.slice(0, 4000) + run.stderr).toBe(0);
  expect(run.stdout).toMatch(/[1-9]\d* checks, 0 failures/);
});
