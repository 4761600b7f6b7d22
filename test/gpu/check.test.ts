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
from arrays import error
from backend import Backend, Failed
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

/** What a run's file says of it: products, attention of which one kernel is right and another is not, and a part that failed. */
const found = {
  dry: false,
  machine: {
    time: "2030-01-02 03:04:05 UTC",
    "torch and device": "2.11.0+cu130, NVIDIA H200",
    "nvidia-smi": "NVIDIA H200, 580.1, 143771 MiB, 345 MHz, 3201 MHz",
  },
  seconds: 156.8,
  rows: [
    { part: "build", what: "library", outcome: "PASS", figures: "from the pack" },
    {
      part: "operations",
      what: "matrix products",
      outcome: "INFO",
      figures: "cuBLASLt 13.1.0 (/opt/libcublasLt.so.13)",
    },
    { part: "operations", what: "gemm", outcome: "PASS", figures: "168 cases" },
    { part: "attention", what: "kernels of attention", outcome: "INFO", figures: "plain, sm90" },
    { part: "attention", what: "attention against float64 (large)", outcome: "FAIL", figures: "1 of 2 cases fail" },
    { part: "attention", what: "kernels of attention", outcome: "INFO", figures: "plain, sm80" },
    { part: "attention", what: "attention against float64 (small)", outcome: "PASS", figures: "270 cases" },
    { part: "models", what: "qwen3-d32, fp32", outcome: "PASS", figures: "logits 1e-5 of 2e-4" },
    { part: "models", what: "qwen3-d32, bf16", outcome: "PASS", figures: "logits 1e-2 of 3e-2" },
    { part: "models", what: "tied-yarn-d64, bf16", outcome: "FAIL", figures: "logits 1e+0 of 3e-2" },
    {
      part: "ring",
      what: "forward, 64 tokens, 2 ranks on 1 devices",
      outcome: "INFO",
      figures: "transfers 1 ms",
      timeline: [],
    },
    ...[
      ["attention forward, sm90", "9000 TFLOP/s, cuDNN 500 (18.00x)", 1, { cuDNN: 18, flash: "no kernel" }, "sm90"],
      ["attention backward, any order", "9900 TFLOP/s, in order 9000 (1.1x)", 1, { "in order": 1.1 }, "any order"],
      ["attention forward, sm80", "250 TFLOP/s, cuDNN 500 (0.50x)", 2, { cuDNN: 1 }, "sm80"],
      ["gemm NT fp32 8x8x8", "50.5 TFLOP/s, PyTorch 25.25 (2.00x)", 1, { PyTorch: 2 }],
    ].map(([what, figures, seconds, theirs, kernel]) => ({
      part: "bench",
      what,
      outcome: "INFO",
      figures,
      seconds,
      theirs,
      kernel,
    })),
    ...["sm90", "sm80"].map((kernel) => ({
      ...{
        part: "bench",
        what: `ring forward, a rank of 4, ${kernel}`,
        outcome: "INFO",
        figures: "300 TFLOP/s, one kernel …",
      },
      ...{ seconds: 1, theirs: { "one kernel": 0.9, "one kernel on all": 1 }, kernel, ratio: 0.9, mark: 0.95 },
    })),
    { part: "bench", what: "copy by PyTorch", outcome: "INFO", figures: "4238 GB/s read and written", seconds: 1 },
    { part: "bench", what: "add bf16", outcome: "INFO", figures: "4080 GB/s, 96% of the copy", seconds: 1, bytes: 1 },
  ],
};

const page = `# Benchmarks on a GPU

Made on 2030-01-02 by \`npm run gpu:check\`: NVIDIA H200; PyTorch 2.11.0+cu130, cuBLASLt 13.1.0, driver 580.1. 5 passed, 2 failed and 0 were skipped, in 157 s. [What each part does](../gpu.md#check-it).

A note.

## What ran

| part | what | outcome | figures |
| --- | --- | --- | --- |
| operations | gemm | pass | 168 cases |
| attention | attention against float64 (large) | fail | 1 of 2 cases fail |
| attention | attention against float64 (small) | pass | 270 cases |
| models | qwen3-d32, fp32 | pass | logits 1e-5 of 2e-4 |
| models | qwen3-d32, bf16 | pass | logits 1e-2 of 3e-2 |
| models | tied-yarn-d64, bf16 | fail | logits 1e+0 of 3e-2 |

## What has not run

Nothing in this run shows these to work on a GPU:

- attention forward on the kernels for Hopper (\`sm90\`)
- attention backward on the kernels for Hopper, in one kernel (\`sm90\`)
- attention backward on the kernels for Hopper, in two kernels (\`sm90-apart\`)
- models in bf16 beside Hugging Face transformers: logits, gradients, adapters
- rings of several ranks on one GPU beside one rank, in fp32, and plans that must not change a bit
- rings of several ranks on one GPU beside one rank, in bf16, and plans that must not change a bit
- ring attention between GPUs
- training on more than one GPU
- whole training steps of an 8B model
- compute-sanitizer

## Attention

Rates of PyTorch's kernels are the marks. Ours are told where the same kernels agreed with float64 in this run; \`none\` where they did not.

| TFLOP/s | ctx | cuDNN | ctx is | flash | ctx is |
| --- | ---: | ---: | ---: | ---: | ---: |
| attention forward, sm90 | none | 500 |  | refused |  |
| attention forward, sm80 | 250 | 500 | 0.50× |  |  |

## Steps of a ring

All that one rank of a zigzag ring computes in its steps, beside one kernel with as many pairs of queries and keys, and one on the whole row. Nothing travels: ranks take turns on one GPU, and the slowest is told. The mark is 0.95× of the one kernel.

| TFLOP/s | ctx | one kernel | ctx is | one kernel on all | ctx is |
| --- | ---: | ---: | ---: | ---: | ---: |
| ring forward, a rank of 4, sm90 | none | 333 |  | 300 |  |
| ring forward, a rank of 4, sm80 | 300 | 333 | 0.90× | 300 | 1.00× |

- ring forward, a rank of 4, sm80: 0.90×, missed

## Matrix products

Ours go through cuBLASLt 13.1.0.

| TFLOP/s | ctx | PyTorch | ctx is |
| --- | ---: | ---: | ---: |
| gemm NT fp32 8x8x8 | 50.5 | 25.2 | 2.00× |

## Operations that move bytes

The bytes that must move at least, over the time; beside a large copy by PyTorch.

| operation | rate | of the copy |
| --- | ---: | ---: |
| copy by PyTorch | 4238 GB/s |  |
| add bf16 | 4080 GB/s | 96% |
`;

/** A part of which half is done when it stops. */
const hanging = `
import sys; sys.path.insert(0, "test/gpu")
import argparse, check
c = check.Check(argparse.Namespace(library=None, seconds=60, dry=True))
program = "from report import say; say('half', 'PASS'); import time; time.sleep(60)"
status, _ = c.run("attention", [sys.executable, "-c", program], 5, {"PYTHONPATH": "test/gpu"}, what="a sleep")
print(status)
for row in c.rows.rows: print(row["outcome"], row["part"], row["what"] + (": " if row["figures"] else "") + row["figures"])
`;

/** What steps are given: each its limit, but for what those after it need; and one that this script itself breaks in. */
const given = `
import sys; sys.path.insert(0, "test/gpu")
import argparse, check
check.STEPS = tuple(check.Step("attention", *step) for step in (("first", 1500, 100), ("second", 1500, 800), ("third", 300, 100)))
c = check.Check(argparse.Namespace(library="package.json", seconds=2000, dry=False, only=["attention"], skip=[]))
c.unpack = lambda: None
def first():
    print(1000 < c.left() <= 1100, [round(c.left() / seconds) for _, seconds in c.turns("ab")])
    raise ValueError("a mistake")
c.first, c.second, c.third = first, lambda: print(1400 < c.left() <= 1500), lambda: print(200 < c.left() <= 300)
c.everything()
for row in c.rows.rows: print(row["outcome"], row["part"], row["what"], row["figures"])
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
    const command = [
      "test/gpu/check.py",
      "--dry",
      "--out",
      out,
      "--write",
      join(folder, "page.md"),
      "--build",
      folder,
      ...args,
    ];
    const { status, stdout, stderr } = spawnSync(python, command, { encoding: "utf8" });
    const rows = existsSync(out) ? JSON.parse(readFileSync(out, "utf8")).rows : [];
    return { status, rows, printed: stdout + stderr };
  }

  test("every part runs, and everything holds", () => {
    const { status, rows, printed } = check("--library", library);
    expect(status, printed).toBe(0);
    expect(rows.filter((row) => row.outcome === "FAIL")).toEqual([]);
    const passed = rows.filter((row) => row.outcome === "PASS").map((row) => row.part);
    expect([...new Set(passed)]).toEqual([
      ...["build", "code", "operations", "attention", "models", "ranks", "bench", "beside", "parity"],
    ]);
    const kernels = rows.filter((row) => row.what === "kernels of attention").map((row) => row.figures);
    expect(kernels).toEqual(["plain, sm90", "plain, sm90-apart", "plain, sm80"]);
    const measured = rows.filter((row) => row.part === "bench" && /GB\/s|TFLOP\/s/.test(row.figures));
    expect(measured.length).toBeGreaterThan(25);
    const named = (part: string) => rows.filter((row) => row.part === part).map((row) => row.what);
    expect(named("models")).toEqual(
      ["fp32", "fp32, adapters", "bf16", "bf16, adapters"].map((what) => `llama-biases-d16, ${what}`),
    );
    expect(named("ranks")).toContain("bf16, heads of 8: a ring of 2 as one rank");
    expect(named("ranks")).toContain("fp32, heads of 8, 2 ranks: the same bits however memory is used");
    const timelines = rows.filter((row) => row.part === "ring").map((row) => row.what);
    expect(timelines).toEqual([
      "forward, 64 tokens, 4 ranks on 4 devices",
      "backward, 64 tokens, 4 ranks on 4 devices",
    ]);
    expect(printed).toMatch(/passed, 0 failed, 2 skipped, in \d+ s, a dry run/);
    const written = readFileSync(join(folder, "page.md"), "utf8");
    expect(written).toContain("**A dry run on a CPU: its figures mean nothing.**");
    expect(written).not.toContain("ended before");
    expect(written).toMatch(/\| attention forward, 64 tokens, 2\/1 heads of 128, causal, sm90 \| [\d.]+ \|/);
    expect(written).toMatch(/\| ring backward, a rank of 2, 64 tokens, 2\/1 heads of 128, causal, sm90 \| [\d.]+ \|/);
    for (const ran of ["attention forward on the kernels for Hopper", "models in", "on one GPU beside one rank"])
      expect(written).not.toContain(ran);
  });

  test("a library that cannot be opened fails, and the rest goes on", () => {
    const broken = join(folder, "broken.so");
    writeFileSync(broken, "no library");
    const { status, rows } = check("--library", broken, "--only", "operations", "--only", "beside");
    expect(status).toBe(1);
    expect(rows.map((row) => `${row.outcome} ${row.part}`)).toEqual(["FAIL operations", "FAIL beside"]);
  });

  test("a library without code for this GPU's attention fails at once", () => {
    const run = (registers: string) =>
      spawnSync(python, ["test/gpu/code.py", library], {
        ...{ encoding: "utf8", env: { ...process.env, CTX_SHIM_REGISTERS: registers } },
      });
    const told = (outcome: string, state: string) =>
      `@ctx {"what": "code in the library", "outcome": "${outcome}", "figures": "built for the CPU; on this GPU (sm_90) attention for Hopper is ${state}"}\n`;
    const [whole, empty] = [run("168"), run("4")];
    expect(whole.stdout, whole.stderr).toBe(told("PASS", "there (sm_90, 168 registers)"));
    expect(empty.stdout, empty.stderr).toBe(told("FAIL", "empty (sm_90, 4 registers)"));
    expect([whole.status, empty.status]).toEqual([0, 1]);
  });

  test("a page shows rates of attention only of kernels that were right, and tells what has not run", () => {
    const file = join(folder, "found.json");
    writeFileSync(file, JSON.stringify(found));
    const { stdout, stderr } = spawnSync(python, ["test/gpu/report.py", file, "--note", "A note."], {
      encoding: "utf8",
    });
    expect(stdout, stderr).toBe(page);
    writeFileSync(file, JSON.stringify({ ...found, unfinished: true }));
    const cut = spawnSync(python, ["test/gpu/report.py", file, "--note", "A note."], { encoding: "utf8" });
    const owned = "**It was ended before all of its parts had run.**\n\nA note.";
    expect(cut.stdout, cut.stderr).toBe(page.replace("A note.", owned));
  });

  test("a part that outlasts its time is ended and told", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", hanging], { encoding: "utf8" });
    const rows = ["PASS attention half", "FAIL attention time of a sleep: ended after 5 s"];
    expect(stdout, stderr).toContain(`None\n${rows.join("\n")}\n`);
  });

  test("a part takes its limit and no more than leaves the others what they need; a mistake of the script costs one step", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", given], { encoding: "utf8" });
    const said = ["True [2, 1]", "True", "True", "FAIL attention first ValueError: a mistake"];
    expect(stdout.split("\n"), stderr).toEqual(expect.arrayContaining(said));
  });

  test("a pack of other sources is told, and one that is cut off", () => {
    const pack = join(folder, "pack.tar");
    for (const name of ["sources", "engine-sources"]) writeFileSync(join(folder, name), "other");
    expect(spawnSync("tar", ["-cf", pack, "-C", folder, "sources", "engine-sources"]).status).toBe(0);
    const told = () => check("--library", library, "--pack", pack, "--only", "build").rows.map((row) => row.figures);
    expect(told()).toEqual([
      expect.stringMatching(/^its engine and its models are of other sources/),
      expect.any(String),
    ]);
    writeFileSync(pack, readFileSync(pack).subarray(0, 700));
    expect(told()).toEqual([expect.stringContaining("pack.tar: "), expect.any(String)]);
  });

  test("a matrix that was not written, is off by a little or was written outside is seen", () => {
    const { stdout, stderr } = spawnSync(python, ["-c", mistakes], { encoding: "utf8" });
    expect(stdout, stderr).toBe("inf\n0.0\n0.001\nwrote outside of a matrix\n");
  });
});
