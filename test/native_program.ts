// Native test programs: built by `npm test` (`node native/build.mjs ctx_tests`), run once for each CPU backend.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const build = join(dirname(fileURLToPath(import.meta.url)), "..", "native", "build");
const CANNOT_RUN_HERE = 77;

/** Tests that `name <backend library>` succeeds for every backend that this machine can run; `summary` ends its output. */
export function testOnBackends(name: string, summary: RegExp): void {
  const program = join(build, name);
  test("the native build is there", () => {
    expect(existsSync(program), `${program} is missing: run \`node native/build.mjs ctx_tests\``).toBe(true);
  });
  const libraries = existsSync(build) ? readdirSync(build).filter((file) => /^libctx_cpu_\w+\.so$/.test(file)) : [];
  test.each(libraries)("%s", (library) => {
    const { status, stdout, stderr } = spawnSync(program, [join(build, library)], { encoding: "utf8" });
    if (status === CANNOT_RUN_HERE) return;
    expect(status, stdout.slice(0, 4000) + stderr.slice(0, 4000)).toBe(0);
    expect(stdout).toMatch(summary);
  });
}
