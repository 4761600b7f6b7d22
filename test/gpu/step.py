#!/usr/bin/env python3
"""Whole training steps on a GPU: ctx, and PyTorch with transformers on the same shape.

    python3 test/gpu/step.py [--method full|lora] [--length N] [--layers N] [--steps N] [--memory TEXT] [--side ctx|torch|both]
                             [--lengths N,N,…] [--seconds N] [--pack FILE] [--library FILE] [--out FILE] [--device cuda|cpu] [--model llama-3-8b|tiny]

Llama-3-8B's shape with random weights, one row of random tokens a step: full fine-tuning at 128K tokens, or LoRA at 256K, unless --length says otherwise.
ctx's side is runtime/bench/gpu_step.ts: the plan that the compiler makes for this machine, and the engine that `ctx run` makes of it. PyTorch's is step_torch.py,
from 16K tokens up until its memory is full. While either runs, the memory in use on the GPU is sampled, above what was in use before.

Each row is printed, and written to --out as JSON with everything behind it, as soon as it is known: whoever ends this loses nothing of that. The exit status
is 1 if a side failed, a loss was none, or the memory of ctx's is more than 2% off what its plan says.

Needs what check.py needs, and for PyTorch's side transformers. On a CPU (--device cpu --model tiny --length 512 --lengths 256,512) it tests itself.
"""

import argparse
import contextlib
import json
import math
import os
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import check
from lifetime import end_with_parent
from machine import machine, sources_of, torch_cublaslt
from runner import last_line
from step_model import CONVENTION, SHAPES, model_flops, rate
from used_memory import GB, Watch, resident

HERE = Path(__file__).resolve().parent
PROGRAM = "dist/runtime/bench/gpu_step.js"
ALLOWED = 0.02


class Step:
    def __init__(self, options):
        self.options = options
        self.check = check.Check(options)
        self.rows = self.check.rows
        self.shape = {**SHAPES[options.model], "layers": options.layers}
        self.peak = 1e12 * options.peak if options.device == "cuda" else None

    def ctx(self):
        """Runs gpu_step.js and says a row for each of its lines."""
        options, app = self.options, self.check.app
        program = app / PROGRAM
        if not self.check.node or not program.exists():
            self.rows.add("ctx", "program", "FAIL", f"no Node, or no {program}: make a pack (npm run gpu:pack), or build (npm run build:ts)")
            return
        if options.device == "cuda" and not self.library():
            return
        own = {name: getattr(options, name) for name in ("model", "layers", "length", "method", "steps", "memory", "device")}
        # Its own end comes first, so that it can say what it has.
        own["seconds"] = max(1, int(self.check.left() - 10))
        words = [word for name, value in own.items() if value != "" for word in (f"--{name}", str(value))]
        library = {"CTX_CUDA_LIBRARY": str(self.check.library)} if self.check.library else {}
        environment = {**os.environ, **torch_cublaslt(), **library}
        # What is in use before: the process that is to come holds nothing yet.
        watch = Watch(options.device) if options.device == "cuda" else None
        process = subprocess.Popen(
            [self.check.node, str(program), *words],
            cwd=app,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        watch = watch or Watch(options.device, process.pid)
        try:
            Ctx(self, watch, process).follow(self.check.end)
        finally:
            watch.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def library(self):
        """Whether there is one, built of these sources; otherwise a row says so. Nothing is built here: a GPU would wait for it."""
        app, problem = self.check.app, ""
        file = self.check.library or app / "native/build/libctx_cuda.so"
        if not file.exists():
            problem = f"no {file}: make a pack (npm run gpu:pack), or build it (npm run build:cuda)"
        elif not self.check.library and app != check.ROOT and (app / "sources").read_text() != sources_of(check.ROOT):
            problem = "the pack was made of other sources: make one anew (npm run gpu:pack)"
        if problem:
            self.rows.add("ctx", "library", "FAIL", problem)
        return not problem

    def torch(self):
        options = self.options
        lengths = [int(word) for word in options.lengths.split(",")]
        seconds = self.check.left() - 5
        own = {name: getattr(options, name) for name in ("model", "layers", "method", "device")}
        given = {**own, "lengths": lengths, "steps": options.steps, "peak": self.peak, "seconds": seconds - 20 if options.device == "cuda" else seconds}
        before = len(self.rows.rows)
        status, output = self.check.run("torch", [sys.executable, HERE / "step_torch.py", json.dumps(given)], seconds)
        failed = any(row["outcome"] == "FAIL" for row in self.rows.rows[before:])
        if status not in (0, None) and not failed:
            self.rows.add("torch", "step_torch.py", "FAIL", f"status {status}: {last_line(output)}", output=output[-4000:])

    def run(self):
        if self.options.device == "cuda":
            self.check.unpack()
        if self.options.side != "torch":
            self.ctx()
        if self.options.side != "ctx":
            self.torch()
        if self.options.side == "both":
            self.beside()

    def beside(self):
        """The longest rows of both, and how much faster ctx is where both took the same."""
        rates = {part: {row["length"]: row["tokens_per_second"] for row in self.rows.rows if row["part"] == part and "tokens_per_second" in row} for part in ("ctx", "torch")}
        if all(rates.values()):
            longest = {part: max(own.items()) for part, own in rates.items()}
            told = "; ".join(f"{part} {length} tokens at {per_second:,.0f} tokens/s" for part, (length, per_second) in longest.items())
            same = [f"at {length} tokens ctx is {rates['ctx'][length] / rates['torch'][length]:.2f} times as fast" for length in rates["ctx"] if length in rates["torch"]]
            self.rows.add("beside", f"{self.options.method}: longest rows measured", "INFO", "; ".join([told, *same]), rates=rates)


class Ctx:
    """One run of gpu_step.js, line by line."""

    def __init__(self, step, watch, process):
        self.step, self.watch, self.process = step, watch, process
        self.options, self.shape, self.rows = step.options, step.shape, step.rows
        self.plan, self.times, self.losses, self.host, self.rest = None, [], [], 0, []
        self.last, self.allocated = {}, False

    def what(self, more):
        return f"{self.options.method}, {self.options.length} tokens: {more}"

    def add(self, more, outcome, figures, **behind):
        self.rows.add("ctx", self.what(more), outcome, figures, **behind)

    def follow(self, end):
        lines = queue.Queue()

        def read():
            for line in self.process.stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                self.host = max(self.host, resident(self.process.pid, "VmHWM"))
                if time.monotonic() > end:
                    self.add("time", "FAIL", "ended: --seconds are over", output="\n".join(self.rest[-40:]))
                    break
                continue
            self.host = max(self.host, resident(self.process.pid, "VmHWM"))
            if line is None:
                break
            try:
                said = json.loads(line)
                handle = getattr(self, f"on_{said.pop('kind')}")
            except (ValueError, KeyError, AttributeError, TypeError):
                self.rest.append(line.rstrip("\n"))
                continue
            handle(said)
        status = self.process.wait() if line is None else None
        if status is not None and status != 0 and self.last.get("kind") != "failed":
            rest = "\n".join(self.rest)
            self.add("program", "FAIL", f"status {status}: {last_line(rest)}", output=rest[-4000:])
        self.close(status == 0)

    def on_plan(self, said):
        self.plan = said
        ledger, waits = said["ledger"], " ".join(f"{name} {size / GB:.2f}" for name, size in said["host"].items())
        layout = f"checkpoint every {said['checkpoint_every']}, offload {said['offload']}, moments {said['moments']}, weights {said['weights']}, gradients {said['gradients']}"
        rates = f"{said['flops']['total'] / 1e15:.2f} PFLOP, of them {said['flops']['recompute'] / 1e15:.2f} again; {said['seconds']:.1f} s expected"
        figures = f"arena {ledger['total'] / GB:.2f} GB, with all beside it {said['need'] / GB:.2f} GB; host, GB: {waits}; {layout}; {rates}"
        self.add("plan", "INFO", figures, plan=said)

    def on_engine(self, said):
        self.allocated = True
        right = said["memory"]["total"] == self.plan["ledger"]["total"]
        figures = f"{said['memory']['total'] / GB:.2f} GB, the ledger's figure" if right else f"{said['memory']['total']} bytes, the ledger has {self.plan['ledger']['total']}"
        self.add("arena", "PASS" if right else "FAIL", f"{figures}; {self.used()}; {said['seconds']:.1f} s", memory=said["memory"])

    def on_ready(self, said):
        self.add("weights", "INFO", f"{said['seconds']:.1f} s; {self.used()}")

    def on_step(self, said):
        self.times.append(said["seconds"])
        loss = said["loss"] if said["loss"] is not None else math.nan
        self.losses.append(loss)
        self.last = said
        figures = f"{said['seconds']:.2f} s ({said['update']:.2f} s of AdamW), {self.rate(said['seconds'])}; loss {loss:.3f}; {self.used()}, kernels' own {said['scratch'] / GB:.3f} GB"
        self.add(f"step {said['step']}", "INFO", figures, step=said, used=self.watch.peak())

    def on_failed(self, said):
        self.last = {"kind": "failed"}
        self.add("program", "FAIL", said["message"], output="\n".join(self.rest[-40:]))

    def used(self):
        return f"{self.watch.peak() / GB:.2f} GB in use"

    def rate(self, seconds):
        return rate(self.shape, self.options.length, self.options.method, seconds, self.step.peak)

    def close(self, whole):
        """The rows that sum up what there was, however it ended."""
        if self.times:
            self.sum_up(whole)
        if self.allocated:
            self.memory()

    def sum_up(self, whole):
        took = statistics.median(self.times[1:] or self.times)
        flops = self.plan["flops"]["total"] / took
        all_flops = f"{flops / 1e12:.1f} TFLOP/s with what is computed again" + (f" ({flops / self.step.peak:.1%})" if self.step.peak else "")
        expected = math.log(self.shape["vocab_size"])
        right = all(abs(loss / expected - 1) < 0.2 for loss in self.losses)
        figures = f"{took:.2f} s, {self.rate(took)}, {all_flops}; losses {', '.join(f'{loss:.3f}' for loss in self.losses)}, of a guess {expected:.3f}"
        length = self.options.length
        behind = {"seconds": self.times, "losses": self.losses, "length": length, "tokens_per_second": length / took}
        self.add("training step", "PASS" if whole and right else "FAIL", figures, **behind, model_flops=model_flops(self.shape, length, self.options.method))

    def memory(self):
        """Against what the plan foresees; of a step that did not end, only for the record."""
        used, need, arena, own = self.watch.peak(), self.plan["need"], self.plan["ledger"]["total"], self.last.get("scratch", 0)
        figures = f"{used / GB:.3f} GB at most ({self.watch.how}, {self.watch.samples} samples), foreseen {need / GB:.3f} GB: {used / need - 1:+.2%}"
        figures += f"; arena and kernels' own {(arena + own) / GB:.3f} GB: {used / (arena + own) - 1:+.2%}"
        held = {"used": used, "need": need, "ledger": arena, "scratch": own, "before": self.watch.before}
        outcome = "INFO" if self.step.peak is None or not self.times else "PASS" if abs(used / need - 1) <= ALLOWED else "FAIL"
        self.add("memory", outcome, figures, memory=held)
        self.add("memory of the host", "INFO", f"{self.host / GB:.2f} GB resident at most, foreseen {sum(self.plan['host'].values()) / GB:.2f} GB", host=self.host)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=("full", "lora"), default="full")
    parser.add_argument("--length", type=int, help="tokens of ctx's row; default 131072, of LoRA 262144")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--steps", type=int, default=3, help="at most; the first is a warm-up where there are more")
    parser.add_argument("--memory", default="", help="properties of the recipe's memory block, as `checkpoint = every(8)`; otherwise the compiler chooses")
    parser.add_argument("--side", choices=("ctx", "torch", "both"), default="both")
    parser.add_argument("--lengths", default="16384,32768,65536,131072,262144,524288", help="PyTorch's, until one does not fit")
    parser.add_argument("--model", choices=SHAPES, default="llama-3-8b")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--peak", type=float, default=989, help="TFLOP/s of the GPU in bf16; default: an H100's or H200's, 989")
    parser.add_argument("--seconds", type=float, default=570)
    parser.add_argument("--pack", help="what `npm run gpu:pack` made; otherwise .gpu/pack.tar.xz, if it is there")
    parser.add_argument("--library", help="the built backend; otherwise the pack's or native/build's")
    parser.add_argument("--build", default=str(Path(tempfile.gettempdir()) / "ctx-gpu-step"), help="folder for what is unpacked")
    parser.add_argument("--out", default="gpu-step.json")
    options = parser.parse_args()
    options.length = options.length or (131072 if options.method == "full" else 262144)
    options.layers = options.layers or SHAPES[options.model]["layers"]
    options.dry = False
    Path(options.build).mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    step = Step(options)
    facts = machine() if options.device == "cuda" else {"device": "CPU: to test this script"}
    print(f"{'; '.join(facts.values())}\n{CONVENTION}; peak {options.peak:g} TFLOP/s\n", flush=True)

    def save():
        document = {"options": vars(options), "machine": facts, "convention": CONVENTION, "seconds": time.monotonic() - begin, "rows": step.rows.rows}
        Path(options.out).write_text(json.dumps(document, indent=1))

    step.rows.changed = save
    try:
        step.run()
    finally:
        save()
    print(f"\n{step.rows.table()}\n\nin {time.monotonic() - begin:.0f} s; all of it in {options.out}")
    return 1 if step.rows.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
