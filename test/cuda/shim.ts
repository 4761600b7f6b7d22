import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect } from "vitest";

/** The CUDA backend as C++ for this machine; see native/cuda/host. */
export const LIBRARY = resolve("native", "build", "libctx_cuda_on_host.so");

/** What makes a process take it for the CUDA backend, with device memory that only kernels and copies can touch, and streams that run late. */
export const SHIM = { CTX_CUDA_LIBRARY: LIBRARY, CTX_SHIM_APART: "1" } as const;

export function buildShim(): void {
  const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_on_host"], { encoding: "utf8" });
  expect(made.status, made.stdout + made.stderr).toBe(0);
}
