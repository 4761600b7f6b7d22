// The rungs of docs/benchmarks/ladder.md: each must compute what the first does, which ctx_bench checks before it times any.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../runtime/engine/load.ts";

function ladder(...options: string[]) {
  const program = join(packageRoot(), "native", "build", "ctx_bench");
  return spawnSync(program, ["--ladder", "--json", "--seconds", "0.01", ...options], { encoding: "utf8" });
}

it("every rung of the ladder computes the same", { timeout: 240_000 }, () => {
  const { status, stdout, stderr } = ladder("--filter", "rope table");
  expect(status, stderr).toBe(0);
  const names = (JSON.parse(stdout).cases as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(["rope table 1: std::sin, std::cos", "rope table: what ships"]);
});
