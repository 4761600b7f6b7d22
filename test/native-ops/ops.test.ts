// Every operation of every CPU backend that this machine can run, against float64 references (see harness.h).
// The backends and ctx_test_ops are built by `node native/build.mjs`.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const build = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "native", "build");
const program = join(build, "ctx_test_ops");
const CANNOT_RUN_HERE = 77;

describe("operations of the backends", () => {
  test("the native build is there", () => {
    expect(existsSync(program), `${program} is missing: run \`node native/build.mjs\``).toBe(true);
  });

  const libraries = existsSync(build) ? readdirSync(build).filter((f) => /^libctx_cpu_\w+\.so$/.test(f)) : [];
  test.each(libraries)("%s", (library) => {
    const { status, stdout, stderr } = spawnSync(program, [join(build, library)], { encoding: "utf8" });
    if (status === CANNOT_RUN_HERE) return;
    expect(status, stdout.slice(0, 4000) + stderr.slice(0, 4000)).toBe(0);
    expect(stdout).toMatch(/\d+ cases, 0 failed/);
  });
});
