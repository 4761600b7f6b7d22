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

  // What orders the work of Hopper's kernels, left out place by place: each must be missed. Whatever order threads run in, since what is not
  // ordered is a race (native/cuda/host/shared_order.h); what orders blocks, and products in registers, shows in the results.
  const ORDERS =
    /(?:__syncthreads|barrier_init_fence|wgmma_fence|fence_async)\(\)|(?:wgmma_wait|bulk_wait|bulk_wait_read)<\d>\(\)|(?:barrier_wait|named_sync|wait_turn)\(|__syncwarp\(\); *$/;
  /** Needed by no result: what another wait covers, and what is there for speed. */
  const SPARE: { readonly [file: string]: readonly RegExp[] } = {
    "attention_fwd_sm90.cu": [],
    "attention_bwd_sm90.cu": [/wgmma_wait<1>\(\); \/\/ dV/], // Q is loaded before dO, and waits for dK
    "attention_bwd_fused_sm90.cu": [/wgmma_wait<2>\(\); \/\/ dV/], // the same
    "tiles_sm90.cuh": [/take\(\) const/], // warpgroups take turns for speed
  };
  const places = Object.entries(SPARE).flatMap(([file, spare]) =>
    readFileSync(`native/cuda/${file}`, "utf8")
      .split("\n")
      .flatMap((line, i) =>
        ORDERS.test(line) && !spare.some((of) => of.test(line)) ? [{ file, line: line.trim(), at: i + 1 }] : [],
      ),
  );
  test.each(places)("attention for Hopper needs $file:$at: $line", ({ file, at, line }) => {
    expect(places.length).toBeGreaterThan(40);
    const seen = (width: number, kernels: string) => {
      const env = {
        ...{ CTX_SHIM_ORDER: "reverse", CTX_SHIM_LATE: "loads and products", CTX_SHIM_BLOCKS: "3" },
        ...{ CTX_SHIM_WITHOUT: `${file}:${at}`, CTX_ATTENTION: kernels },
      };
      const args = ["native/build/libctx_cuda_on_host.so", "blocks", String(width)];
      const run = spawnSync("native/build/ctx_test_attention_bf16", args, {
        encoding: "utf8",
        env: { ...process.env, ...env },
      });
      return /[1-9]\d* failures|CUDA on the host: .*(a race|without a fence|mbarrier|passed before|ends)/.test(
        run.stdout + run.stderr,
      );
    };
    // What the kernels share may be needed by one of them alone; where the two widths differ both are looked at.
    const kernels = file.includes("tiles")
      ? ["sm90", "sm90-apart"]
      : [file.includes("_bwd_sm90") ? "sm90-apart" : "sm90"];
    for (const width of /wait_turn|fence_async|named_sync/.test(line) ? [64, 128] : [64])
      expect(kernels.some((which) => seen(width, which))).toBe(true);
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
