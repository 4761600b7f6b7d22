"""What parts of the check print for check.py, one JSON document a line after a mark that no library prints; and the page that is made of them.

    python3 test/gpu/report.py gpu-check.json [--note TEXT]… > docs/benchmarks/gpu.md
"""

import argparse
import json
import sys
from pathlib import Path

MARK = "@ctx "


def say(what, outcome, figures="", **more):
    """A row of the table: outcome is PASS, FAIL, SKIP or INFO."""
    print(MARK + json.dumps({"what": what, "outcome": outcome, "figures": figures, **more}), flush=True)


class Cases:
    """Counts cases of a group; the failed ones and the worst of the others are told in its row."""

    def __init__(self, backend, group):
        self.backend, self.group, self.count, self.failed, self.worst = backend, group, 0, [], (0.0, "")

    def check(self, name, off, allowed):
        self.count += 1
        if not off <= allowed:
            self.failed.append(f"{name}: off by {off:.2g}, allowed {allowed:.2g}")
        elif allowed > 0 and off / allowed > self.worst[0]:
            self.worst = (off / allowed, f"{off:.1e} of {allowed:.0e} in {name}")

    def fail(self, name, why):
        self.count += 1
        self.failed.append(f"{name}: {why}")

    def close(self):
        for line in self.failed[:20]:
            print(f"  {self.group}: {line}", file=sys.stderr, flush=True)
        figures = f"{self.count} cases" + (f", worst {self.worst[1]}" if self.worst[1] else "")
        if self.failed:
            figures = f"{len(self.failed)} of {self.count} cases fail: {self.failed[0]}"
        say(self.group, "FAIL" if self.failed else "PASS", figures, failures=self.failed)
        return not self.failed


# ---- the page of one run ----

# (what a page must own up to, whether these rows show that it ran and was right)
UNRUN = (
    ("attention forward on the kernels for Hopper (`sm90`)", lambda rows: proved(rows, "sm90") or proved(rows, "sm90-apart")),
    ("attention backward on the kernels for Hopper, in one kernel (`sm90`)", lambda rows: proved(rows, "sm90")),
    ("attention backward on the kernels for Hopper, in two kernels (`sm90-apart`)", lambda rows: proved(rows, "sm90-apart")),
    ("attention on the kernels for any GPU with tensor cores (`sm80`)", lambda rows: proved(rows, "sm80")),
    ("models in fp32 beside Hugging Face transformers: logits, gradients, adapters, AdamW, greedy tokens", lambda rows: held(rows, "models", "fp32")),
    ("models in bf16 beside Hugging Face transformers: logits, gradients, adapters", lambda rows: held(rows, "models", "bf16")),
    ("rings of several ranks on one GPU beside one rank, in fp32, and plans that must not change a bit", lambda rows: held(rows, "ranks", "fp32")),
    ("rings of several ranks on one GPU beside one rank, in bf16, and plans that must not change a bit", lambda rows: held(rows, "ranks", "bf16")),
    ("ring attention between GPUs", lambda rows: any(row["part"] == "ring" and "transfers" in row["figures"] and not row["what"].endswith(" on 1 devices") for row in rows)),
    ("training on more than one GPU", lambda rows: False),  # no part of the check does
    ("whole training steps of an 8B model", lambda rows: any(row["part"] == "step" and row["outcome"] in ("PASS", "INFO") for row in rows)),
    ("compute-sanitizer", lambda rows: any(row["part"] == "sanitize" and row["outcome"] == "PASS" for row in rows)),
)
VARIANTS = {"any order": "sm90", "apart": "sm90-apart"}  # of our attention's backward: the kernels behind them


def held(rows, part, dtype):
    """Whether some row of this part and dtype passed, and none failed; nor a program that should have told others."""
    outcomes = {row["outcome"] for row in rows if row["part"] == part and (dtype in row["what"] or row["outcome"] == "FAIL" and "fp32" not in row["what"] and "bf16" not in row["what"])}
    return "PASS" in outcomes and "FAIL" not in outcomes


def proved(rows, kernel):
    """Whether these kernels of attention agreed with float64 in every comparison that they took part in, and in one at least."""
    used, outcomes = [], set()
    for row in rows:
        if row["what"] == "kernels of attention":
            used = row["figures"].split(", ")
        elif row["what"].startswith("attention against float64") and kernel in used:
            outcomes.add(row["outcome"])
    return outcomes == {"PASS"}


def table(head, lines):
    line = lambda cells: f"| {' | '.join(cells)} |"
    return "\n".join([line(head), line(["---"] + ["---:"] * (len(head) - 1)), *map(line, lines)])


def number(rate):
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}"


def beside(measured, shown):
    """A table of rates in TFLOP/s: ours where `shown(row)` says that they mean something, and those of each peer."""
    peers = list(dict.fromkeys(name for row in measured for name in row["theirs"] if name != "in order"))
    lines = []
    for row in measured:
        ours = float(row["figures"].split()[0])
        rates = {name: ours * row["seconds"] / seconds if isinstance(seconds, (int, float)) else None for name, seconds in row["theirs"].items()}
        told = [number(rates[name]) if rates.get(name) else "refused" if name in rates else "" for name in peers]
        ratios = [f"{ours / rates[name]:.2f}×" if shown(row) and rates.get(name) else "" for name in peers]
        if shown(row) or any(told):  # variants of ours alone hold no mark
            lines.append([row["what"], number(ours) if shown(row) else "none", *(cell for pair in zip(told, ratios) for cell in pair)])
    return table(["TFLOP/s", "ctx", *(cell for name in peers for cell in (name, "ctx is"))], lines)


def page(check, notes=()):
    """docs/benchmarks/gpu.md of a run's gpu-check.json. Rates and timelines of attention are shown only where the same kernels gave the right
    numbers in that run; what ended in a failure, and what has not run, is told in words."""
    rows, machine = check["rows"], check["machine"]
    named = lambda part: [row for row in rows if row["part"] == part]
    torch, _, device = machine["torch and device"].partition(", ")
    count = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in ("PASS", "FAIL", "SKIP")}
    products = next((row["figures"].split(" (")[0] for row in rows if row["what"] == "matrix products"), "")
    driver = (machine["nvidia-smi"].split(", ") + ["", ""])[1]
    said = [f"PyTorch {torch}", *([products] if products else []), *([f"driver {driver}"] if driver else [])]
    out = [
        "# Benchmarks on a GPU",
        f"Made on {machine['time'][:10]} by `npm run gpu:check{' -- --dry' if check['dry'] else ''}`: {device}; {', '.join(said)}. {count['PASS']} passed, {count['FAIL']} failed and "
        f"{count['SKIP']} were skipped, in {check['seconds']:.0f} s. [What each part does](../gpu.md#check-it).",
    ]
    if check["dry"]:
        out.append("**A dry run on a CPU: its figures mean nothing.**")
    if check.get("unfinished"):
        out.append("**It was ended before all of its parts had run.**")
    out += notes

    right = [[row["part"], row["what"], row["outcome"].lower(), row["figures"]] for row in rows if row["outcome"] in ("PASS", "FAIL", "SKIP") and row["part"] != "build"]
    out += ["## What ran", table(["part", "what", "outcome", "figures"], right).replace(" ---: |", " --- |")]
    missing = [what for what, ran in UNRUN if not ran(rows)]
    if missing:
        out += ["## What has not run", "Nothing in this run shows these to work on a GPU:", "\n".join(f"- {what}" for what in missing)]

    measured = [row for row in named("bench") if "theirs" in row]
    attention = [row for row in measured if row["what"].startswith("attention ")]
    good = lambda row: proved(rows, VARIANTS.get(row["kernel"], row["kernel"]))
    if attention:
        out += ["## Attention", "Rates of PyTorch's kernels are the marks. Ours are told where the same kernels agreed with float64 in this run; `none` where they did not.", beside(attention, good)]
    steps = [row for row in measured if row["what"].startswith("ring ")]
    if steps:
        marks = [f"{row['what']}: {row['ratio']:.2f}×, {'held' if row['ratio'] >= row['mark'] else 'missed'}" for row in steps if good(row)]
        told = [
            "All that one rank of a zigzag ring computes in its steps, beside one kernel with as many pairs of queries and keys, and one on the whole row. Nothing travels: ranks take turns on one GPU, and "
            f"the slowest is told. The mark is {steps[0]['mark']:.2f}× of the one kernel.",
            beside(steps, good),
            "\n".join(f"- {line}" for line in marks),
        ]
        out += ["## Steps of a ring", *told]
    products = [row for row in measured if row not in attention and row not in steps]
    if products:
        out += ["## Matrix products", f"Ours go through {said[1]}." if len(said) > 1 and "cuBLASLt" in said[1] else "", beside(products, lambda row: True)]
    memory = [row for row in named("bench") if "theirs" not in row and "seconds" in row]
    if memory:
        figures = [[row["what"], *(row["figures"].replace(" read and written", "").replace(" of the copy", "").split(", ") + [""])[:2]] for row in memory]
        out += ["## Operations that move bytes", "The bytes that must move at least, over the time; beside a large copy by PyTorch.", table(["operation", "rate", "of the copy"], figures)]
    ring = [row for row in named("ring") if "timeline" in row]
    if ring and proved(rows, "sm90"):
        out += ["## Ring attention", table(["what", "figures"], [[row["what"], row["figures"]] for row in ring])]
    return "\n\n".join(part for part in out if part) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("check", help="gpu-check.json")
    parser.add_argument("--note", action="append", default=[], help="a paragraph below the page's head")
    options = parser.parse_args()
    print(page(json.loads(Path(options.check).read_text()), options.note), end="")
