// The same without such a library: partial sums alone, and on a GPU for which there are Hopper's kernels.
import { beforeAll, describe, test, vi } from "vitest";
import { CASES, expectBound } from "./scratch_bound.ts";
import { buildShim, LIBRARY } from "./shim.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 400_000 });
Object.assign(process.env, { CTX_CUDA_LIBRARY: LIBRARY, CTX_CUBLASLT: "none", CTX_SHIM_SM: "90" });

describe.skipIf(process.arch !== "x64")("scratch on a GPU, without cuBLASLt", () => {
  beforeAll(buildShim);
  test.each(CASES)("never more than is counted: %o", (run) => expectBound(run, false));
});
