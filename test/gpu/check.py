#!/usr/bin/env python3
"""All that only a GPU can show, in one command of at most ten minutes: `npm run gpu:check`, or `python3 test/gpu/check.py` where there is no Node.

    python3 test/gpu/check.py [--dry] [--library FILE] [--only PART]… [--skip PART]… [--out FILE] [--write FILE] [--seconds N] [--pack FILE]

Parts in steps, what matters most first: see STEPS. Each step runs as processes of their own with a limit, so that one that hangs or crashes costs its own
time alone, and never what the steps after it need. A row is printed, and written as JSON with
everything behind it (gpu-check.json), as soon as it is known, so that whoever ends this loses nothing of that. Ends with one table; --write makes a page
of it, as docs/benchmarks/gpu.md is one. Exit status 1 if anything failed.

Needs Python 3.10 with PyTorch; for building, CMake and nvcc, or the pack that `npm run gpu:pack` makes (.gpu/pack.tar.xz: a built libctx_cuda.so,
Node and what the model's parts need). --dry goes through all of it on the CPU with the kernels' host build and tiny sizes, to test this script:
its figures mean nothing.
"""

import argparse
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from machine import engine_sources_of, machine, sources_of, torch_cublaslt
from report import page
from runner import HERE, ROOT, Runner, last_line

PACK = ROOT / ".gpu" / "pack.tar.xz"
SANITIZERS = ("memcheck", "racecheck", "initcheck")
BUILD_LIMIT = 240


class Step(NamedTuple):
    """Seconds: it is ended after `limit`, and sooner where those after it would not have what they `need`, which is an estimate."""

    part: str
    method: str  # of Check
    limit: int
    need: int


# In the order in which they are worth a GPU's time, should it end early: that its kernels are right, then whole models and rings on them, then how fast
# attention is, then trainings, and at last large shapes and kernels that this GPU would not choose.
STEPS = (
    Step("code", "code", 60, 20),
    Step("operations", "operations_small", 90, 30),
    Step("attention", "attention", 90, 40),
    Step("models", "models", 60, 20),
    Step("ranks", "ranks", 90, 45),
    Step("bench", "bench_attention", 120, 60),
    Step("bench", "bench_ring", 45, 20),
    Step("beside", "beside", 60, 15),
    Step("parity", "parity", 90, 30),
    Step("quickstart", "quickstart", 90, 25),
    Step("operations", "operations_large", 90, 30),
    Step("attention", "attention_otherwise", 120, 40),
    Step("bench", "bench_rest", 80, 40),
    Step("ring", "ring", 40, 10),
    Step("sanitize", "sanitize", 150, 30),
)
PARTS = ["build", *dict.fromkeys(step.part for step in STEPS)]


class Check(Runner):
    def __init__(self, options):
        super().__init__(options.seconds)
        self.options = options
        self.library = Path(options.library).resolve() if options.library else None
        self.node = shutil.which("node")
        self.app, self.bundled = ROOT, False
        self.took = {}  # seconds of each step
        self.finished = False

    # ---- parts ----

    def unpack(self):
        """The pack beside the repository, if there is one, or that of --pack: Node and a built tree of their own folder."""
        pack_file = Path(self.options.pack or PACK)
        if not self.options.pack and (self.options.dry or not PACK.exists()):
            return
        target = Path(self.options.build) / "app"
        shutil.rmtree(target, ignore_errors=True)
        try:
            with tarfile.open(pack_file) as pack:
                pack.extractall(target, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        except (OSError, tarfile.TarError, lzma.LZMAError, EOFError) as problem:
            self.rows.add("build", "the pack", "FAIL", f"{pack_file}: {problem}")
            return
        self.app = target
        if (target / "engine-sources").exists() and (target / "engine-sources").read_text() != engine_sources_of(ROOT):
            self.rows.add("build", "the pack", "FAIL", "its engine and its models are of other sources: what `models`, `ranks`, `parity` and `quickstart` show is of those (npm run gpu:pack makes a new one)")
        if (target / "node").exists():
            self.node = str(target / "node")

    def build(self):
        if self.library:
            self.rows.add("build", "library", "PASS" if self.library.exists() else "FAIL", str(self.library))
            return
        carried = self.app / "native/build/libctx_cuda.so" if self.app != ROOT else None
        if carried and carried.exists() and (self.app / "sources").read_text() != sources_of(ROOT):
            self.rows.add("build", "the pack", "INFO", "it was made of other sources: the kernels are built here")
        elif carried and carried.exists():
            self.library = carried
            self.rows.add("build", "library", "PASS", "from the pack")
            return
        nvcc = shutil.which("nvcc") or next((str(p) for p in sorted(Path("/usr/local").glob("cuda*/bin/nvcc"))), None)
        if not nvcc or not shutil.which("cmake"):
            self.rows.add("build", "library", "FAIL", "no pack (npm run gpu:pack), and no nvcc and CMake to build with")
            return
        folder = Path(self.options.build)
        begin = time.monotonic()
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        configure = ["cmake", "-S", ROOT / "native", "-B", folder, *generator, "-DCTX_CUDA=ON", "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_CUDA_COMPILER={nvcc}"]
        status, output = self.run("build", configure, 60, what="cmake")
        if status == 0:
            status, output = self.run("build", ["cmake", "--build", folder, "--parallel", os.cpu_count() or 1, "--target", "ctx_cuda", "--target", "ctx_test_attention_bf16", "--target", "ctx_bench_ring"], BUILD_LIMIT, what="the build")
        if status == 0:
            self.library = folder / "libctx_cuda.so"
            self.rows.add("build", "library", "PASS", f"built here in {time.monotonic() - begin:.0f} s")
        elif status is not None:
            self.rows.add("build", "library", "FAIL", last_line(output), output=output[-4000:])

    def code(self):
        self.python("code", "code.py", self.library)

    def operations_small(self):
        self.python("operations", "operations.py", self.library, "--size", "small")

    def operations_large(self):
        if not self.options.dry:
            self.python("operations", "operations.py", self.library, "--size", "large")

    def attention(self):
        """On the kernels that this GPU would choose."""
        self.python("attention", "attention.py", self.library, "--size", "tiny" if self.options.dry else "large")

    def attention_otherwise(self):
        for kernels, limit in self.turns(("sm90-apart", "sm80", None)):
            if kernels is None:
                self.program("attention", "ctx_test_attention_bf16")
            else:
                size = "least" if self.options.dry else "small"
                self.python("attention", "attention.py", self.library, "--size", size, environment={"CTX_ATTENTION": kernels}, limit=limit)

    def models(self):
        """Models of Hugging Face transformers, as it computed them (test/golden)."""
        where = ("--device", "cpu", "--case", "llama-biases-d16") if self.options.dry else ("--device", "cuda")
        for dtype, limit in self.turns(("f32", "bf16")):
            self.javascript("models", "golden_models.js", *where, "--dtype", dtype, limit=limit)

    def ranks(self):
        """Rings of ranks that share the GPU, and all that must not change a bit."""
        where = ("--device", "cpu", "--size", "tiny") if self.options.dry else ("--device", "cuda")
        kinds = (("f32", 8), ("bf16", 8)) if self.options.dry else (("bf16", 128), ("bf16", 64), ("f32", 64))
        for (dtype, head_dim), limit in self.turns(kinds):
            self.javascript("ranks", "virtual_ranks.js", *where, "--dtype", dtype, "--head-dim", head_dim, limit=limit)

    def program(self, part, name):
        """A test in C++ that takes the library: it ends with 0, with 77 where that cannot run, or has failed."""
        if self.options.dry:
            self.rows.add(part, name, "INFO", "takes minutes on the host build; test/cuda runs it")
            return
        file = self.built(part, name)
        if file is None:
            return
        status, output = self.run(part, [file, self.library], what=name)
        outcome = {0: "PASS", 77: "SKIP"}.get(status, "FAIL")
        if status is not None:
            self.rows.add(part, name, outcome, last_line(output), output=output[-4000:] if outcome == "FAIL" else "")

    def built(self, part, name):
        """A program of native/build; None, and a row that says so, where there is none."""
        folders = (self.library.parent, self.app / "native/build", Path(self.options.build))
        file = next((folder / name for folder in folders if (folder / name).exists()), None)
        if file is None:
            self.rows.add(part, name, "SKIP", "not built here, and not in the pack")
        return file

    def ring(self):
        """The timeline of ring attention over all GPUs; dry: over four of the host build, whose times are none."""
        file = self.built("ring", "ctx_bench_ring")
        if file is None:
            return
        sizes = ["--tokens", 64, "--heads", 2, "--head-dim", 16] if self.options.dry else []
        status, output = self.run("ring", [file, "--library", self.library, "--json", *sizes], None, {"CTX_SHIM_GPUS": "4"} if self.options.dry else {}, what="ctx_bench_ring")
        if status != 0:
            if status is not None:
                self.rows.add("ring", "timeline", "FAIL", last_line(output), output=output[-4000:])
            return
        found = json.loads(output[output.index("{") :])
        what = f"{found['tokens']} tokens, {found['ranks']} ranks on {found['devices']} devices"
        for name in ("forward", "backward"):
            one = found[name]
            figures = f"{one['seconds'] * 1e3:.3f} ms; transfers {one['transfer_seconds'] * 1e3:.3f} ms, {one['hidden']:.0%} hidden"
            self.rows.add("ring", f"{name}, {what}", "INFO", figures, timeline=one["ranks"])

    def beside(self):
        on = ("cpu", "tiny") if self.options.dry else ("cuda", "large")
        self.python("beside", "attention.py", self.library, "--beside", on[0], "--size", on[1])

    def sanitize(self):
        tool = shutil.which("compute-sanitizer") or next((str(p) for p in sorted(Path("/usr/local").glob("cuda*/bin/compute-sanitizer"))), None)
        if self.options.dry or not tool:
            self.rows.add("sanitize", "compute-sanitizer", "SKIP", "nothing to watch in a dry run" if self.options.dry else "compute-sanitizer is not here")
            return
        for script, size in (("attention.py", "tiny"), ("operations.py", "small")):
            for kind in SANITIZERS:
                what, limit = f"{kind}, {script}", min(60, self.left())
                if limit < 10:
                    self.rows.add("sanitize", what, "SKIP", "out of time")
                    continue
                command = [tool, "--tool", kind, "--error-exitcode", "9", "--print-limit", "5", sys.executable, HERE / script, self.library, "--size", size]
                inner = len(self.rows.rows)
                status, output = self.run("sanitize", command, limit)
                del self.rows.rows[inner:]  # whether the numbers are right is told above: here only what the tool saw
                summary = next((line for line in reversed(output.splitlines()) if "SUMMARY" in line), last_line(output)).replace("=========", "").strip()
                if status is None:
                    self.rows.add("sanitize", what, "SKIP", f"no verdict in {limit:.0f} s")
                elif "not supported" in output.lower() and status != 0:
                    self.rows.add("sanitize", what, "SKIP", summary)
                else:
                    self.rows.add("sanitize", what, "FAIL" if status == 9 or "SUMMARY" not in output else "PASS", summary, output=output[-4000:] if status else "")

    def can_run(self, part, program):
        """Whether a program of the built tree can be started; a row says why not."""
        if self.node and program.exists() and (self.app / "native/build/ctx.node").exists():
            return True
        self.rows.add(part, program.name, "SKIP", "no Node with a built ctx here (npm run gpu:pack carries them)")
        return False

    def engine_environment(self):
        """In which ctx takes the library that is checked, and the cuBLASLt of this Python's PyTorch."""
        return {"CTX_CUDA_LIBRARY": str(self.library), **torch_cublaslt()}

    def ctx(self, part, arguments, limit):
        """Runs the command line; None where it cannot."""
        program = self.app / "dist/cli/ctx.js"
        if not self.can_run(part, program):
            return None
        what = " ".join(Path(word).name if isinstance(word, Path) else str(word) for word in arguments[:4])
        return self.run(part, [self.node, program, *arguments], limit, self.engine_environment(), self.app, f"ctx {what}")

    def javascript(self, part, name, *arguments, limit):
        """A part in TypeScript: the pack has it as one file, and here it is made into one."""
        program = self.app / "dist/test/gpu" / name
        if self.app == ROOT and self.node and not self.bundled:
            self.bundled = True
            status, output = self.run(part, [self.node, HERE / "bundle.mjs"], limit, what="bundle.mjs")
            if status:
                self.rows.add(part, "bundle.mjs", "FAIL", last_line(output), output=output[-4000:])
        if self.can_run(part, program):
            self.told(part, f"{name} {' '.join(map(str, arguments))}", [self.node, program, *arguments], limit, self.engine_environment(), self.app)

    def parity(self):
        """The same short training on the CPU and on the GPU: losses step by step."""
        devices = ("cpu", "cpu") if self.options.dry else ("cpu", "cuda")
        losses = []
        for (n, device), limit in self.turns(list(enumerate(devices))):
            out = Path(self.options.build) / f"parity-{n}-{os.getpid()}"
            shutil.rmtree(out, ignore_errors=True)
            threads = 1 + n if self.options.dry else min(8, os.cpu_count() or 1)
            words = ["run", self.app / "test/gpu/parity.ctx", "--device", device, "--threads", threads, "--out", out, "--quiet"]
            ran = self.ctx("parity", words + (["--set", "length_of_rows=32", "--set", "rows=1"] if self.options.dry else []), limit)
            if ran is None:
                return
            status, output = ran
            if status != 0:
                if status is not None:
                    self.rows.add("parity", f"training on {device}", "FAIL", last_line(output), output=output[-4000:])
                return
            losses.append(read_losses(out))
            shutil.rmtree(out, ignore_errors=True)
        worst = max(abs(a - b) / abs(a) for a, b in zip(*losses))
        good = len(losses[0]) == len(losses[1]) >= 10 and worst <= 1e-3
        self.rows.add("parity", f"losses of {len(losses[0])} steps, {devices[0]} and {devices[1]}", "PASS" if good else "FAIL", f"differ by {worst:.1e} at most (1e-3 allowed), {losses[0][0]:.4f} to {losses[0][-1]:.4f}", losses=losses)

    def quickstart(self):
        if self.options.dry:
            self.rows.add("quickstart", "recipes/quickstart.ctx", "SKIP", "minutes on a CPU; it has tests of its own")
            return
        begin = time.monotonic()
        out = Path(self.options.build) / f"quickstart-{os.getpid()}"
        ran = self.ctx("quickstart", ["run", self.app / "recipes/quickstart.ctx", "--device", "cuda", "--out", out, "--quiet"], None)
        if ran is None or ran[0] is None:
            return
        status, output = ran
        figures = f"{time.monotonic() - begin:.0f} s" if status == 0 else last_line(output)
        self.rows.add("quickstart", "recipes/quickstart.ctx --device cuda", "PASS" if status == 0 else "FAIL", figures, output=output[-4000:])

    def bench_attention(self):
        self.bench("attention")

    def bench_ring(self):
        self.bench("ring")

    def bench_rest(self):
        self.bench("gemm", "memory")

    def bench(self, *kinds):
        """Each is told how long it may go on, and has a third of its time beside that to load and to end."""
        processes = [kinds] if self.options.dry else [(kind,) for kind in kinds]  # loading PyTorch is most of a dry run
        for given, limit in self.turns(processes):
            self.python("bench", "bench.py", self.library, *given, "--on", "cpu" if self.options.dry else "cuda", "--seconds", int(0.67 * limit), limit=limit)

    def everything(self):
        chosen = [step for step in STEPS if (not self.options.only or step.part in self.options.only) and step.part not in self.options.skip]
        self.unpack()
        if (not self.options.only or "build" in self.options.only) and "build" not in self.options.skip or not self.library:
            self.build()
        for n, step in enumerate(chosen):
            if not self.library or not self.library.exists():
                self.rows.add(step.part, "all", "SKIP", "no library")
                continue
            left = self.end - time.monotonic()
            if left < 10:
                self.rows.add(step.part, step.method, "SKIP", f"the {self.options.seconds:.0f} s are over")
                continue
            later = sum(other.need for other in chosen[n + 1 :])
            limit = left if self.options.dry else step.limit  # on a CPU that others use too nothing is known
            self.until = self.end - left + min(limit, left, max(step.need, left - later))
            try:
                getattr(self, step.method)()
            except Exception as problem:  # a mistake of this script must not cost the steps after it
                self.rows.add(step.part, step.method, "FAIL", f"{type(problem).__name__}: {problem}")
            self.took[step.method] = round(left - (self.end - time.monotonic()), 1)
        self.finished = True


def read_losses(folder):
    """Training losses of a run, in order."""
    losses = []
    for file in sorted(Path(folder).rglob("metrics.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if "loss" in row:
                losses.append(float(row["loss"]))
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on the CPU, to test this script; needs --library libctx_cuda_on_host.so")
    parser.add_argument("--library", help="the built backend; otherwise the pack's, or it is built")
    parser.add_argument("--only", action="append", default=[], choices=PARTS)
    parser.add_argument("--skip", action="append", default=[], choices=PARTS)
    parser.add_argument("--out", default="gpu-check.json")
    parser.add_argument("--write", help="a page of all of it, in Markdown: docs/benchmarks/gpu.md")
    parser.add_argument("--pack", help="what `npm run gpu:pack` made; otherwise .gpu/pack.tar.xz, if it is there")
    parser.add_argument("--build", default=str(Path(tempfile.gettempdir()) / "ctx-gpu-check"), help="folder for what is built and run")
    parser.add_argument("--seconds", type=float, default=560)
    options = parser.parse_args()
    if options.dry and not options.library:
        parser.error("--dry needs --library: the host build of the kernels, native/build/libctx_cuda_on_host.so")
    Path(options.build).mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    check = Check(options)
    facts = machine(options.dry)
    print(f"{facts['torch and device']}; {facts['nvidia-smi']}\n", flush=True)

    def save():
        found = {"dry": options.dry, "unfinished": not check.finished, "machine": facts, "seconds": time.monotonic() - begin, "took": check.took, "rows": check.rows.rows}
        aside = Path(f"{options.out}.{os.getpid()}")
        aside.write_text(json.dumps(found, indent=1))
        aside.replace(options.out)  # never half a file
        return found

    check.rows.changed = save
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # with what it started
    try:
        check.everything()
    finally:
        found = save()
        if options.write:
            Path(options.write).write_text(page(found))
    seconds = time.monotonic() - begin
    print()
    print(check.rows.table())
    count = {outcome: sum(row["outcome"] == outcome for row in check.rows.rows) for outcome in ("PASS", "FAIL", "SKIP")}
    print(f"\n{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped, in {seconds:.0f} s{', a dry run' if options.dry else ''}; all of it in {options.out}")
    return 1 if check.rows.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
