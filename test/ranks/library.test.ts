// The library over MPI by itself: test/ranks/library_test.cc under the MPI's own launcher.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { hasMpi, ranks } from "./mpirun.ts";

vi.setConfig({ testTimeout: 240_000 });

const program = resolve("native", "build", "ctx_test_ranks");
const library = resolve("native", "build", "libctx_mpi.so");
const run = (count: number, ...words: string[]) => ranks(count, [program, library, ...words], ".").ended;

describe.skipIf(!hasMpi || !existsSync(program))(
  "the ranks library (needs an MPI with its compiler at build time)",
  () => {
    test.each([1, 2, 3, 4])("keeps its promises to %d ranks", async (count) => {
      const { status, stdout, stderr } = await run(count);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^(Open MPI v|MPICH )\d.*: as promised\n$/);
    });

    test("a group given up with a transfer in flight does no harm: the job ends as it is told to", async () => {
      const { status, stderr } = await run(2, "abandon");
      expect(status, stderr).toBe(7);
    });
  },
);
