"""What parts of the check print for check.py: one JSON document a line, after a mark that no library prints."""

import json
import sys

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
