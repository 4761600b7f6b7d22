#!/usr/bin/env python3
"""All that only a GPU can show, in one command of at most ten minutes: `npm run gpu:check`, or `python3 test/gpu/check.py` where there is no Node.

    python3 test/gpu/check.py [--dry] [--library FILE] [--only PART]… [--skip PART]… [--out FILE] [--write FILE] [--seconds N] [--pack FILE]

Parts in steps, what matters most first: see STEPS. Each step runs as processes of their own with a limit, so that one that hangs or crashes costs its own
time alone; what is left of --seconds goes to the steps in turn. A row is printed, and written as JSON with
everything behind it (gpu-check.json), as soon as it is known, so that whoever ends this loses nothing of that. Ends with one table; --write makes a page
of it, as docs/benchmarks/gpu.md is one. Exit status 1 if anything failed.

Needs Python 3.10 with PyTorch; for building, CMake and nvcc, or the pack that `npm run gpu:pack` makes (.gpu/pack.tar.xz: a built libctx_cuda.so,
Node and what the model's parts need). --dry goes through all of it on the CPU with the kernels' host build and tiny sizes, to test this script:
its figures mean nothing.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

from report import MARK, page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACK = ROOT / ".gpu" / "pack.tar.xz"
SANITIZERS = ("memcheck", "racecheck", "initcheck")
LIMITS = {"build": 240, "code": 60, "operations": 120, "attention": 90, "beside": 60, "parity": 60, "ring": 40, "bench": 180, "quickstart": 90, "sanitize": 150}

# (part, method of Check), in the order in which they are worth a GPU's time, should it end early: what training needs to be right, then how fast
# attention is, then a training, then large shapes and kernels that this GPU would not choose.
STEPS = (
    ("build", "build"),
    ("code", "code"),
    ("operations", "operations_small"),
    ("attention", "attention"),
    ("beside", "beside"),
    ("bench", "bench_attention"),
    ("parity", "parity"),
    ("quickstart", "quickstart"),
    ("operations", "operations_large"),
    ("attention", "attention_otherwise"),
    ("bench", "bench_rest"),
    ("ring", "ring"),
    ("sanitize", "sanitize"),
)


class Rows:
    """The table so far. `changed` is called after each row."""

    def __init__(self):
        self.rows, self.changed = [], lambda: None

    def add(self, part, what, outcome, figures="", **more):
        self.rows.append({"part": part, "what": what, "outcome": outcome, "figures": figures, **more})
        print(f"{outcome:4}  {part}: {what}  {figures}"[:300], flush=True)
        self.changed()

    def failed(self):
        return sum(row["outcome"] == "FAIL" for row in self.rows)

    def table(self):
        width = max(len(row["what"]) for row in self.rows)
        part = max(len(row["part"]) for row in self.rows)
        return "\n".join(f"{row['outcome']:4}  {row['part']:{part}}  {row['what']:{width}}  {row['figures']}"[:240] for row in self.rows)


def last_line(text):
    """What went wrong, as programs tend to say it: their first line that begins with `error`, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return ([*errors[:1], *lines[-1:]] or [""])[0][:200]


def sources_of(root):
    """A hash of the kernels' sources, as pack.mjs has it."""
    digest = hashlib.sha256()
    for folder in ("native/cuda", "native/include"):
        for file in sorted((file for file in (root / folder).iterdir() if file.is_file()), key=lambda file: file.name):
            digest.update(f"{folder}/{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


class Check:
    def __init__(self, options):
        self.options, self.rows = options, Rows()
        self.end = time.monotonic() + options.seconds
        self.library = Path(options.library).resolve() if options.library else None
        self.node = shutil.which("node")
        self.app = ROOT

    def left(self):
        return self.end - time.monotonic()

    def run(self, part, command, limit, environment=None, cwd=ROOT):
        """The command's exit status and output; None for the status where it had to be ended. Rows that it prints go into the table at once."""
        limit = min(limit, max(1.0, self.left()))
        rest = []

        def read(stream):
            for line in stream:
                try:
                    row = json.loads(line[len(MARK) :]) if line.startswith(MARK) else None
                except ValueError:  # cut off by the end of its program
                    row = None
                if row is None:
                    rest.append(line.rstrip("\n"))
                else:
                    self.rows.add(part, **row)

        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = None
        reader.join(20)  # a process that waits for the driver may outlive its end: it is left behind
        if status is None:
            self.rows.add(part, "time", "FAIL", f"ended after {limit:.0f} s", output="\n".join(rest[-40:]))
        return status, "\n".join(rest)

    def python(self, part, script, *arguments, environment=None, limit=None):
        """A part in Python: it must print rows, and a status other than 0 or 1 is a crash."""
        before = len(self.rows.rows)
        status, output = self.run(part, [sys.executable, HERE / script, *arguments], limit or LIMITS[part], environment)
        said = self.rows.rows[before:]
        quiet = status == 1 and not any(row["outcome"] == "FAIL" for row in said)
        if status is not None and (status not in (0, 1) or quiet or not said):
            self.rows.add(part, f"{script} {' '.join(map(str, arguments[1:]))}".strip(), "FAIL", f"status {status}: {last_line(output)}", output=output[-4000:])

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
                pack.extractall(target, filter="data")
        except (OSError, tarfile.TarError, EOFError) as problem:
            self.rows.add("build", "the pack", "FAIL", f"{pack_file}: {problem}")
            return
        self.app = target
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
        status, output = self.run("build", configure, 60)
        if status == 0:
            status, output = self.run("build", ["cmake", "--build", folder, "--parallel", os.cpu_count() or 1, "--target", "ctx_cuda", "--target", "ctx_test_attention_bf16", "--target", "ctx_bench_ring"], LIMITS["build"])
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
        self.program("attention", "ctx_test_attention_bf16")
        for kernels in ("sm90-apart", "sm80"):
            self.python("attention", "attention.py", self.library, "--size", "tiny" if self.options.dry else "small", environment={"CTX_ATTENTION": kernels})

    def program(self, part, name):
        """A test in C++ that takes the library: it ends with 0, with 77 where that cannot run, or has failed."""
        if self.options.dry:
            self.rows.add(part, name, "INFO", "takes minutes on the host build; test/cuda runs it")
            return
        file = self.built(part, name)
        if file is None:
            return
        status, output = self.run(part, [file, self.library], LIMITS[part])
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
        status, output = self.run("ring", [file, "--library", self.library, "--json", *sizes], LIMITS["ring"], {"CTX_SHIM_GPUS": "4"} if self.options.dry else {})
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
        end = time.monotonic() + min(LIMITS["sanitize"], self.left())
        for script, size in (("attention.py", "tiny"), ("operations.py", "small")):
            for kind in SANITIZERS:
                what, limit = f"{kind}, {script}", min(60, end - time.monotonic())
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

    def ctx(self, part, arguments, limit):
        """Runs the command line; None where it cannot."""
        program = self.app / "dist/cli/ctx.js"
        if not self.node or not program.exists() or not (self.app / "native/build/ctx.node").exists():
            self.rows.add(part, "ctx", "SKIP", "no Node with a built ctx here (npm run gpu:pack carries them)")
            return None
        if self.app != ROOT and self.library and self.library.parent != self.app / "native/build":
            shutil.copy(self.library, self.app / "native/build/libctx_cuda.so")
        return self.run(part, [self.node, program, *arguments], limit, torch_cublaslt(), cwd=self.app)

    def parity(self):
        """The same short training on the CPU and on the GPU: losses step by step."""
        devices = ("cpu", "cpu") if self.options.dry else ("cpu", "cuda")
        losses = []
        for n, device in enumerate(devices):
            out = Path(self.options.build) / f"parity-{n}-{os.getpid()}"
            shutil.rmtree(out, ignore_errors=True)
            ran = self.ctx("parity", ["run", self.app / "test/gpu/parity.ctx", "--device", device, "--threads", 1 + n, "--out", out, "--quiet"], LIMITS["parity"])
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
        ran = self.ctx("quickstart", ["run", self.app / "recipes/quickstart.ctx", "--device", "cuda", "--out", out, "--quiet"], LIMITS["quickstart"])
        if ran is None or ran[0] is None:
            return
        status, output = ran
        figures = f"{time.monotonic() - begin:.0f} s" if status == 0 else last_line(output)
        self.rows.add("quickstart", "recipes/quickstart.ctx --device cuda", "PASS" if status == 0 else "FAIL", figures, output=output[-4000:])

    def bench_attention(self):
        self.bench({"attention": 0.6})

    def bench_rest(self):
        self.bench({"gemm": 0.2, "memory": 0.2})

    def bench(self, shares):
        """Each takes its share of the part's limit, or as much of what is left."""
        limit = min(LIMITS["bench"] * sum(shares.values()), self.left() - 5)
        for what, share in shares.items():
            seconds = limit * share / sum(shares.values())
            self.python("bench", "bench.py", self.library, what, "--on", "cpu" if self.options.dry else "cuda", "--seconds", int(0.7 * seconds), limit=seconds)

    def everything(self):
        chosen = [step for step in STEPS if (not self.options.only or step[0] in self.options.only) and step[0] not in self.options.skip]
        self.unpack()
        if ("build", "build") in chosen or not self.library:
            self.build()
        for part, step in chosen:
            if part == "build":
                continue
            if not self.library or not self.library.exists():
                self.rows.add(part, "all", "SKIP", "no library")
            elif self.left() < 10:
                self.rows.add(part, "all", "SKIP", f"the {self.options.seconds:.0f} s are over")
            else:
                getattr(self, step)()


def torch_cublaslt():
    """The environment in which ctx finds the cuBLASLt of this Python's PyTorch, wherever that is installed."""
    if os.environ.get("CTX_CUBLASLT"):
        return {}
    files = (file for folder in sys.path if folder for pattern in ("nvidia/*/lib", "torch/lib") for file in sorted(Path(folder).glob(f"{pattern}/libcublasLt.so.1[23]")))
    return {"CTX_CUBLASLT": str(file) for file in [next(files, None)] if file}


def read_losses(folder):
    """Training losses of a run, in order."""
    losses = []
    for file in sorted(Path(folder).rglob("metrics.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if "loss" in row:
                losses.append(float(row["loss"]))
    return losses


def machine():
    facts = {"python": sys.version.split()[0], "time": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}
    tell = "import torch; print(torch.__version__); print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU')"
    for name, command in (
        ("torch and device", [sys.executable, "-c", tell]),
        ("nvidia-smi", ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem", "--format=csv,noheader"]),
    ):
        try:
            facts[name] = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip().replace("\n", ", ")
        except (OSError, subprocess.TimeoutExpired) as problem:
            facts[name] = str(problem)
    return facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on the CPU, to test this script; needs --library libctx_cuda_on_host.so")
    parser.add_argument("--library", help="the built backend; otherwise the pack's, or it is built")
    parser.add_argument("--only", action="append", default=[], choices=LIMITS)
    parser.add_argument("--skip", action="append", default=[], choices=LIMITS)
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
    facts = machine()
    print(f"{facts['torch and device']}; {facts['nvidia-smi']}\n", flush=True)

    def save():
        found = {"dry": options.dry, "machine": facts, "seconds": time.monotonic() - begin, "rows": check.rows.rows}
        Path(options.out).write_text(json.dumps(found, indent=1))
        return found

    check.rows.changed = save
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
