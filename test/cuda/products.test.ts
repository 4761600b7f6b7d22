// What ctx asks of cuBLASLt, by a library in its place that checks every argument and computes in float64; and what happens where the real one
// is missing, too old, or refuses. Speed, and what the real library makes of it, only a GPU can show.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

const build = resolve("native/build");
const fake = `${build}/libctx_fake_cublaslt.so`;

// The host build of the kernels needs x86-64.
describe.skipIf(process.arch !== "x64")("matrix products by cuBLASLt", () => {
  beforeAll(() => {
    const targets = ["ctx_cuda_on_host", "ctx_fake_cublaslt", "ctx_fake_cublaslt_partly", "ctx_test_products"];
    const made = spawnSync(process.execPath, ["native/build.mjs", ...targets, "ctx_test_ops"], { encoding: "utf8" });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  function run(program: string, library: string, behaviour: string, ...args: string[]) {
    const env = { ...process.env, CTX_CUBLASLT: library, CTX_FAKE_CUBLASLT: behaviour };
    const child = spawnSync(`${build}/${program}`, [`${build}/libctx_cuda_on_host.so`, ...args], {
      encoding: "utf8",
      env,
    });
    expect(child.status, child.stdout.slice(0, 4000) + child.stderr.slice(0, 4000)).toBe(0);
    return child.stdout;
  }

  test("all types, transposes and strides go through it, plans are kept and let go, copies are bounded", () => {
    expect(run("ctx_test_products", fake, "", fake, "used")).toMatch(
      /^cuBLASLt 13\.1\.1 \(.*\)\n\d+ checks, 0 failures/,
    );
  });

  test("the tests of every backend's products hold with it", () => {
    expect(run("ctx_test_ops", fake, "", "gemm")).toMatch(/ cases, 0 failed/);
  });

  test.each([
    ["is older than 12", fake, "old", /plain kernel.*: it is version 11\.8\.0, and ctx knows 12 and 13/],
    ["lacks a function", `${build}/libctx_fake_cublaslt_partly.so`, "", /plain kernel.*: it lacks cublasLtMatmul\n/],
    ["is not there", "/nowhere/libcublasLt.so.13", "", /plain kernel.*\/nowhere\/libcublasLt.so.13: cannot open/],
    ["is not wanted", "none", "", /plain kernel \(CTX_CUBLASLT is none\)/],
    ["knows no algorithm", fake, "no algorithm", /^cuBLASLt/],
    ["returns no algorithm", fake, "no result", /^cuBLASLt/],
    ["takes back what it offered", fake, "not supported", /^cuBLASLt/],
  ])("the plain kernel multiplies where the library %s", (_, library, behaviour, words) => {
    const printed = run("ctx_test_products", library, behaviour, fake, "plain");
    expect(printed).toMatch(words);
    expect(printed).toMatch(/ checks, 0 failures/);
  });

  test.each([
    ["fails", "gemm: cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED (a "],
    ["no handle", "gemm: cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED"],
  ])("an error of the library is told: %s", (behaviour, words) => {
    expect(run("ctx_test_products", fake, behaviour, fake, words)).toMatch(/ checks, 0 failures/);
  });
});
