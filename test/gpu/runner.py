"""Runs the parts of the check: as processes of their own, each with a limit, whose rows go into the table as they are printed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from report import MARK

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


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


class Runner:
    """All of it ends `seconds` from now."""

    def __init__(self, seconds):
        self.rows = Rows()
        self.end = time.monotonic() + seconds
        self.until = self.end  # of the step at hand

    def left(self):
        """Seconds of the step at hand."""
        return self.until - time.monotonic()

    def turns(self, items):
        """Each item with the seconds that it may take: what is left of the step, in equal parts."""
        for n, item in enumerate(items):
            yield item, self.left() / (len(items) - n)

    def run(self, part, command, limit=None, environment=None, cwd=ROOT, what="it"):
        """The command's exit status and output; None for the status where it had to be ended, which is a row too. Rows that it prints go into the table at
        once. `what`: it in a few words."""
        limit = max(1.0, self.left() if limit is None else min(limit, self.left()))
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
            status = None
        finally:  # whatever ends this: what it started must not go on holding the GPU
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        reader.join(5)  # a process that waits for the driver may outlive its end: it is left behind
        if status is None:
            self.rows.add(part, f"time of {what}", "FAIL", f"ended after {limit:.0f} s", output="\n".join(rest[-40:]))
        return status, "\n".join(rest)

    def python(self, part, script, *arguments, environment=None, limit=None):
        """A part in Python."""
        self.told(part, f"{script} {' '.join(map(str, arguments[1:]))}".strip(), [sys.executable, HERE / script, *arguments], limit, environment)

    def told(self, part, what, command, limit, environment=None, cwd=ROOT):
        """A program that tells its own rows: it must print some, and a status other than 0 or 1 is a crash."""
        before = len(self.rows.rows)
        status, output = self.run(part, command, limit, environment, cwd, what)
        said = self.rows.rows[before:]
        quiet = status == 1 and not any(row["outcome"] == "FAIL" for row in said)
        if status is not None and (status not in (0, 1) or quiet or not said):
            self.rows.add(part, what, "FAIL", f"status {status}: {last_line(output)}", output=output[-4000:])
