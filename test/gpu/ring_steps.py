"""What a rank of a zigzag ring computes in all its steps, beside one kernel with as much to do. It needs one GPU: ranks take their turns on it, and nothing
travels.

A ring of P ranks over T tokens leaves each of them causal attention worth T^2 / 2P pairs of a query and a key, in 2P + 1 blocks of T / 2P tokens
(native/ring/zigzag.h). A rank's time is that of everything that native/ring/ring.cc enqueues for it but the transfers: keys and values into the packet
that travels; blocks forward, merged with those before by (O, LSE) in fp32, and O rounded at the end; delta, blocks backward into gradients of a packet
that starts from 0, and the sum of the ranks before added to it. Beside it stand one causal call of T / sqrt(P) tokens, which has as many pairs, and one of
all T. The slowest rank counts: the others wait for it.
"""

import ctypes
import math
import statistics
import time

import torch

from arrays import error
from attention import ALLOWED, on_torch
from backend import Attention, AttentionGrad
from report import say

F32, BF16 = torch.float32, torch.bfloat16
MARK = 0.95  # of one kernel's rate
OPERATIONS = 0  # ctx_queue


def chunk(tokens, world, c):
    """zigzag_chunk: the first token of chunk c of 2 * world, and how many it has."""
    begin, end = (tokens // (2 * world) * i + tokens % (2 * world) * i // (2 * world) for i in (c, c + 1))
    return begin, end - begin


class Problem:
    """Inputs and outputs of the whole row, [tokens, heads * head_dim]."""

    def __init__(self, b, on, tokens, heads, kv_heads, d):
        self.b, self.on, self.tokens, self.heads, self.kv_heads, self.d = b, on, tokens, heads, kv_heads, d
        normal = lambda count: torch.randn(tokens, count * d, device=on, dtype=BF16)
        self.q, self.k, self.v, self.d_o = normal(heads), normal(kv_heads), normal(kv_heads), normal(heads)
        self.o = torch.zeros_like(self.q)
        self.lse, self.delta = (torch.zeros(heads * tokens, device=on) for _ in range(2))
        self.gradients = [torch.zeros(x.shape, device=on) for x in (self.q, self.k, self.v)]

    def call(self, q, k, v, o, lse, q_index=0, k_index=0, merge=0):
        return Attention(*map(on_torch, (q, k, v, o)), lse.data_ptr(), self.heads, self.kv_heads, self.d, self.d**-0.5, q_index, k_index, None, 1, merge)

    def one_kernel(self, tokens):
        """Forward and backward, with delta, of the first `tokens` tokens as one call each; and the kernels that take them."""
        part = [x[:tokens] for x in (self.q, self.k, self.v, self.o)]
        call = self.call(*part, self.lse)
        grad = AttentionGrad(call, on_torch(self.d_o[:tokens]), self.delta.data_ptr(), *(on_torch(x[:tokens]) for x in self.gradients))

        def backward():
            self.b.attention_delta(self.delta.data_ptr(), on_torch(self.d_o[:tokens]), on_torch(part[3]), self.heads, self.d)
            self.b.attention_backward(ctypes.byref(grad))

        return (lambda: self.b.attention_forward(ctypes.byref(call))), backward


class Ring:
    """Buffers of a rank, which all ranks use in turn, as nothing is kept from one to the next."""

    def __init__(self, problem, world):
        self.p, self.world = problem, world
        self.rows = max(sum(chunk(problem.tokens, world, c)[1] for c in (r, 2 * world - 1 - r)) for r in range(world))
        width, kv_width = problem.heads * problem.d, problem.kv_heads * problem.d
        room = lambda cols, dtype=F32: torch.zeros(self.rows, cols, device=problem.on, dtype=dtype)
        self.merged, self.o, self.dq = room(width), room(width, BF16), room(width)
        self.own, self.packet = [room(kv_width, BF16) for _ in range(2)], [room(kv_width, BF16) for _ in range(2)]
        self.fresh, self.sum = [room(kv_width) for _ in range(2)], [room(kv_width) for _ in range(2)]
        self.lse, self.delta = (torch.zeros(problem.heads * self.rows, device=problem.on) for _ in range(2))

    def halves(self, rank):
        """(chunk, its first token, its tokens, its first local row) of both halves of a rank's rows."""
        first, second = rank, 2 * self.world - 1 - rank
        (a, n), (b, m) = chunk(self.p.tokens, self.world, first), chunk(self.p.tokens, self.world, second)
        return (first, a, n, 0), (second, b, m, n)

    def steps(self, rank):
        """Calls of each step: [(forward, gradients)]."""
        p, steps, written = self.p, [], [0, 0]
        at = lambda vector, row: vector[row * p.heads :]
        for t in range(self.world):
            calls = []
            for half, (mine, q0, n, row) in enumerate(self.halves(rank)):
                for theirs, k0, m, place in self.halves((rank - t) % self.world):
                    if theirs > mine:
                        continue  # later tokens
                    q, k, v = p.q[q0 : q0 + n], p.k[k0 : k0 + m], p.v[k0 : k0 + m]
                    call = p.call(q, k, v, self.merged[row : row + n], at(self.lse, row), q0, k0, written[half])
                    written[half] = 1
                    # o is not read in the backward pass; ring.cc hands it the rounded one.
                    fwd = p.call(q, k, v, self.o[row : row + n], at(self.lse, row), q0, k0)
                    d_kv = [on_torch(x[place : place + m]) for x in self.fresh]
                    calls.append((call, AttentionGrad(fwd, on_torch(p.d_o[q0 : q0 + n]), at(self.delta, row).data_ptr(), on_torch(self.dq[row : row + n]), *d_kv)))
            steps.append(calls)
        return steps

    def runs(self, rank):
        """What a rank enqueues, forward and backward, and of both the blocks alone."""
        p, b, steps = self.p, self.p.b, self.steps(rank)

        def packets():
            for to, own in zip(self.packet, self.own):
                b.copy(on_torch(to), on_torch(own))

        def blocks_forward():
            for calls in steps:
                for call, _ in calls:
                    b.attention_forward(ctypes.byref(call))

        def blocks_backward():
            for calls in steps:
                for _, grad in calls:
                    b.attention_backward(ctypes.byref(grad))

        def forward():
            packets()
            blocks_forward()
            b.copy(on_torch(self.o), on_torch(self.merged))

        def backward():
            for _, first, n, row in self.halves(rank):
                b.attention_delta(self.delta[row * p.heads :].data_ptr(), on_torch(p.d_o[first : first + n]), on_torch(self.o[row : row + n]), p.heads, p.d)
            packets()
            for t, calls in enumerate(steps):
                for x in self.fresh:
                    b.zero(on_torch(x))
                for _, grad in calls:
                    b.attention_backward(ctypes.byref(grad))
                for x, before in zip(self.fresh, self.sum) if t else ():
                    b.add(on_torch(x), 1.0, on_torch(before))
            for x, home in zip(self.fresh, self.sum):
                b.add(on_torch(x), 1.0, on_torch(home))

        return forward, backward, blocks_forward, blocks_backward

    def kernels(self, rank):
        b, calls = self.p.b, [pair for calls in self.steps(rank) for pair in calls]
        return ({b.attention_kernel(call) for call, _ in calls}, {b.attention_kernel(call, grad) for call, grad in calls})

    def off(self, rank, wait):
        """How far O and dQ of a rank are from those of the one kernel, which has been run: it must be the same thing that is timed."""
        forward, backward, *_ = self.runs(rank)
        self.dq.zero_()
        wait()
        forward()
        backward()
        wait()
        rows = torch.cat([torch.arange(first, first + n) for _, first, n, _ in self.halves(rank)]).to(self.p.on)
        n = len(rows)
        return max(error(self.o[:n], self.p.o[rows]), error(self.dq[:n], self.p.gradients[0][rows]))


class Clock:
    """Seconds of a call on the device, by its own events."""

    def __init__(self, b, wait):
        self.b, self.wait, self.events = b, wait, []
        if "create_timer" in b.functions:
            self.events = [b.event("create_timer") for _ in range(2)]

    def __call__(self, call):
        self.wait()
        begin = time.perf_counter()
        if self.events:
            self.b.record(OPERATIONS, self.events[0])
        call()
        if self.events:
            self.b.record(OPERATIONS, self.events[1])
        self.wait()
        seconds = self.b.seconds_between(*self.events) if self.events else 0.0
        return seconds or time.perf_counter() - begin  # events of the host build know no time


def measure(clock, runs, rounds):
    """The median seconds of each, in turn, after a first time that does not count."""
    times = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, call in runs.items():
            seconds = clock(call)
            if turn:
                times[name].append(seconds)
    return {name: statistics.median(each) for name, each in times.items()}


def ring(b, on, timer):
    tokens, heads, kv_heads, d, worlds, rounds = (65536, 32, 8, 128, (4, 8), 5) if on == "cuda" else (64, 2, 1, 128, (2,), 1)
    p = Problem(b, on, tokens, heads, kv_heads, d)
    clock = Clock(b, timer.wait)
    whole = p.one_kernel(tokens)
    timer.wait()
    for _ in range(2):  # the first loads kernels
        begin = time.monotonic()
        for call in whole:
            call()
        timer.wait()
    pass_seconds = time.monotonic() - begin
    good = True
    for world in worlds:
        what = f"a rank of {world}, {tokens} tokens, {heads}/{kv_heads} heads of {d}, causal"
        if 4 * (rounds + 2) * pass_seconds > timer.left():
            say(f"ring, {what}", "SKIP", f"one pass over the row takes {pass_seconds:.1f} s, and {timer.left():.0f} s are left")
            continue
        ring = Ring(p, world)
        alike = max(1, round(tokens / math.sqrt(world) / 128)) * 128 if tokens > 128 else round(tokens / math.sqrt(world))
        like = p.one_kernel(alike)
        for x in p.gradients:
            x.zero_()
        timer.wait()
        for call in whole:
            call()
        timer.wait()
        off = max(ring.off(rank, timer.wait) for rank in range(world))
        allowed = ALLOWED[BF16]
        good &= off <= allowed
        say(f"ring of {world}: what its ranks compute, beside one kernel", "PASS" if off <= allowed else "FAIL", f"O and dQ off by {off:.1e} of {allowed:.0e}")
        for way, (name, share) in enumerate((("forward", 1.0), ("backward", 2.5))):
            runs = {"whole": whole[way], "alike": like[way]}
            for rank in range(world):
                runs[rank], runs[rank, "blocks"] = ring.runs(rank)[way], ring.runs(rank)[2 + way]
            seconds = measure(clock, runs, rounds)
            flops = share * 4 * heads * d  # of a pair of a query and a key
            work = flops * tokens**2 / 2 / world
            slowest = max(range(world), key=lambda rank: seconds[rank])
            mine = seconds[slowest]
            rates = {"one kernel": flops * alike**2 / 2 / seconds["alike"], "one kernel on all": flops * tokens**2 / 2 / seconds["whole"]}
            ratio = work / mine / rates["one kernel"]
            kernels = set().union(*(ring.kernels(rank)[way] for rank in range(world)))
            told = ", ".join(f"{peer} {rate / 1e12:.4g} ({work / mine / rate:.2f}x)" for peer, rate in rates.items())
            blocks = work / seconds[slowest, "blocks"] / 1e12
            mark = f"the mark of {MARK}x is {'held' if ratio >= MARK else 'missed'}"
            say(
                f"ring {name}, {what}, {', '.join(sorted(kernels))}",
                "INFO",
                f"{work / mine / 1e12:.4g} TFLOP/s, {told}, its blocks alone {blocks:.4g}; {mark}",
                seconds=mine,
                theirs={peer: work / rate for peer, rate in rates.items()},
                kernel="+".join(sorted(kernels)),
                blocks=blocks,
                ratio=ratio,
                mark=MARK,
                ranks=[seconds[rank] for rank in range(world)],
            )
        del ring
    return good
