// The check that runs on a GPU (test/gpu/check.py), dry: all of its steps on the CPU with the kernels' host build, so that a lease of a GPU is not
// spent on mistakes in the script. Needs a Python with PyTorch: CTX_ORACLE_PYTHON.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 400_000 });

const python = process.env.CTX_ORACLE_PYTHON ?? "";
const library = "native/build/libctx_cuda_on_host.so";

interface Row {
  part: string;
  what: string;
  outcome: "PASS" | "FAIL" | "SKIP" | "INFO";
  figures: string;
}

/** What the check's own measures say of a matrix that was not written, is off by a thousandth, or was written outside. */
const mistakes = `
import sys; sys.path.insert(0, "test/gpu")
import torch
from backend import Backend, Failed, error
b = Backend("${library}")
x, y = b.array(torch.randn(8, 8)), b.output(8, 8, pad=3)
print(error(y.get(), x.get()))
b.copy(y.mat(), x.mat())
print(error(y.get(), x.get()))
b.scale(y.mat(), 1.001)
print(round(error(y.get(), x.get()), 5))
wide = y.mat()
wide.cols += 1
b.zero(wide)
try: y.get()
except Failed as failure: print(failure)
`;

/** A part of which half is done when it stops. */
const hanging = `
import sys; sys.path.insert(0, "test/gpu")
import argparse, check
c = check.Check(argparse.Namespace(library=None, seconds=60, dry=True))
program = "from report import say; say('half', 'PASS'); import time; time.sleep(60)"
status, _ = c.run("attention", [sys.executable, "-c", program], 8, {"PYTHONPATH": "test/gpu"})
print(status)
for row in c.rows.rows: print(row["outcome"], row["part"], row["what"] + (": " if row["figures"] else "") + row["figures"])
`;

describe.skipIf(!python || process.arch !== "x64")("the check on a GPU, dry", () => {
  const folder = mkdtempSync(join(tmpdir(), "ctx-gpu-check-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeAll(() => {
    const made = spawnSync(process.execPath, ["native/build.mjs", "ctx_cuda_on_host", "ctx_bench_ring"], {
      encoding: "utf8",
    });
    expect(made.status, made.stdout + made.stderr).toBe(0);
  });

  function check(...args: string[]): { status: number | null; rows: Row[]; printed: string } {
    const out = join(folder, "out.json");
    rmSync(out, { force: true });
    const command = ["test/gpu/check.py", "--dry", "--out", out, "--build", folder, ...args];
    const { status, stdout, stderr } = spawnSync(python, command, { encoding: "utf8" });
    const rows = existsSync(out) ? JSON.parse(readFileSync(out, "utf8")).rows : [];
    return { status, rows, printed: stdout + stderr };
  }

  test("every part runs, and everything holds", () => {
    const { status, rows, printed } = check("--library", library);
    expect(status, printed).toBe(0);
    expect(rows.filter((row) => row.outcome === "FAIL")).toEqual([]);
    const passed = rows.filter((row) => row.outcome === "PASS").map((row) => row.part);
    expect([...new Set(passed)]).toEqual(["build", "operations", "attention", "beside", "parity"]);
    const kernels = rows.filter((row) => row.what === "kernels of attention").map((row) => row.figures);
    expect(kernels).toEqual(["plain, sm90", "plain, sm80"]);
    const measured = rows.filter((row) => row.part === "bench" && /GB\/s|TFLOP\/s/.test(row.figures));
    expect(measured.length).toBeGreaterThan(25);
    const timelines = rows.filter((row) => row.part === "ring").map((row) => row.what);
    expect(timelines).toEqual([
      "forward, 64 tokens, 4 ranks on 4 devices",
      "backward, 64 tokens, 4 ranks on 4 devices",
    ]);
    expect(printed).toMatch(/passed, 0 failed, 2 skipped, in \d+ s, a dry run/);
  });

  test("a library that cannot be opened fails, and the rest goes on", () => {
    const broken = join(folder, "broken.so");
    writeFileSync(broken, "no library");
    const { status, rows } = check("--library", broken, "--only", "operations", "--only", "beside");
    expect(status).toBe(1);
    expect(rows.map((row) => `${row.outcome} ${row.part}`)).toEqual(["FAIL operations", "FAIL beside"]);
  });

  test("a part that outlasts its time is ended and told", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", hanging], { encoding: "utf8" });
    const rows = ["PASS attention half", "FAIL attention time: ended after 8 s"];
    expect(stdout, stderr).toContain(`None\n${rows.join("\n")}\n`);
  });

  test("a matrix that was not written, is off by a little or was written outside is seen", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", mistakes], { encoding: "utf8" });
    expect(stdout, stderr).toBe("inf\n0.0\n0.001\nwrote outside of a matrix\n");
  });
});
