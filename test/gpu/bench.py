"""Speed, each thing beside the best that PyTorch has for it on the same machine and inputs.

    python3 test/gpu/bench.py LIBRARY attention|ring|gemm|memory… [--on cuda|cpu] [--seconds N]

Times are of the host's clock from an idle GPU to an idle GPU over as many calls as take a tenth of a second, the median of five such spans, after a
first call that does not count; ours and PyTorch's in the same way, on random numbers. FLOP counts: forward 4 T^2 heads head_dim, half of it
causal; backward 2.5 times that. `ring` has a clock of its own: see ring_steps.py. With --on cpu the sizes are tiny and the figures mean nothing: that is for testing this file.
"""

import argparse
import ctypes
import statistics
import sys
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from attention import on_torch
from backend import AdamW, Attention, AttentionGrad, Backend, Failed, Mat
from report import say
from ring_steps import ring

F32, BF16 = torch.float32, torch.bfloat16


class Timer:
    """Seconds of a call; `wait` returns when the device is idle. Gives up on what one call shows to take longer than `limit`."""

    def __init__(self, wait, span, end):
        self.wait, self.span, self.end = wait, span, end

    def left(self):
        return self.end - time.monotonic()

    def once(self, call, count=1):
        self.wait()
        begin = time.perf_counter()
        for _ in range(count):
            call()
        self.wait()
        return (time.perf_counter() - begin) / count

    def __call__(self, call):
        self.once(call)  # loads, chooses, warms up
        first = self.once(call)
        if first > self.span:
            return first if first > 4 * self.span else statistics.median([first, self.once(call), self.once(call)])
        count = max(1, int(self.span / first))
        return statistics.median(self.once(call, count) for _ in range(5))


def against(ours, theirs, unit, work):
    """'412 TFLOP/s, PyTorch 600 (0.69)'; times in seconds, None where it refused."""
    text = f"{work / ours:.4g} {unit}"
    for name, seconds in theirs.items():
        text += f", {name} {work / seconds:.4g} ({seconds / ours:.2f}x)" if isinstance(seconds, float) else f", {name}: {seconds}"
    return text


def tell(what, ours, theirs, unit, work, **more):
    say(what, "INFO", against(ours, theirs, unit, work), seconds=ours, theirs={k: v for k, v in theirs.items()}, **more)


def attempt(timer, make):
    """Seconds of make()'s call, or in a few words why not."""
    try:
        return timer(make())
    except (RuntimeError, Failed) as refused:
        return str(refused).splitlines()[0][:60]


def attention(b, on, timer):
    heads, kv_heads = (32, 8) if on == "cuda" else (2, 1)
    # Tokens, and the width of heads; narrow ones once.
    cases = [(4096, 128), (8192, 128), (16384, 128), (16384, 64), (32768, 128), (65536, 128), (131072, 128)] if on == "cuda" else [(32, 128), (64, 128), (64, 64)]
    kinds = {"cuDNN": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}
    expected = {"forward": 0.0, "backward": 0.0}  # of the next case: four times the last
    for T, d in cases:
        normal = lambda count: torch.randn(T, count * d, device=on, dtype=BF16)
        q, k, v, d_o = normal(heads), normal(kv_heads), normal(kv_heads), normal(heads)
        o, lse, delta = torch.empty_like(q), *(torch.empty(heads, T, device=on) for _ in range(2))
        call = Attention(*map(on_torch, (q, k, v, o)), lse.data_ptr(), heads, kv_heads, d, d**-0.5, 0, 0, None, 1, 0)
        gradients = [torch.zeros(x.shape, device=on) for x in (q, k, v)]
        grad = AttentionGrad(call, on_torch(d_o), delta.data_ptr(), *map(on_torch, gradients))
        forward_flops = 2.0 * T * T * heads * d

        def backward():  # with delta, as PyTorch's
            b.attention_delta(delta.data_ptr(), on_torch(d_o), on_torch(o), heads, d)
            b.attention_backward(ctypes.byref(grad))

        split = lambda x, count: x.view(T, count, d).transpose(0, 1)[None].contiguous()
        tq, tk, tv, td = split(q, heads), split(k, kv_heads), split(v, kv_heads), split(d_o, heads)

        def sdpa(kind, x):
            with sdpa_kernel(kind):
                return torch.nn.functional.scaled_dot_product_attention(*x, is_causal=True, enable_gqa=x[0].shape[1] != x[1].shape[1])

        def their_forward(kind, x):
            return lambda: sdpa(kind, x)

        def their_backward(kind, x):
            leaves = [y.clone().requires_grad_() for y in x]
            out = sdpa(kind, leaves)
            return lambda: torch.autograd.grad(out, leaves, td, retain_graph=True)

        def theirs_of(make):
            """Each kernel's time; where it refuses grouped queries, with a key-value head for every query head."""
            times = {}
            for name, kind in kinds.items():
                times[name] = attempt(timer, lambda: make(kind, (tq, tk, tv)))
                if isinstance(times[name], str):
                    every = [x.repeat_interleave(heads // kv_heads, 1) for x in (tk, tv)]
                    ungrouped = attempt(timer, lambda: make(kind, (tq, *every)))
                    if isinstance(ungrouped, float):
                        times[f"{name} without grouped queries"] = ungrouped
                        del times[name]
            return times

        for name, ours, theirs, flops in (
            ("forward", lambda: b.attention_forward(ctypes.byref(call)), their_forward, forward_flops),
            ("backward", backward, their_backward, 2.5 * forward_flops),
        ):
            what = f"attention {name}, {T} tokens, {heads}/{kv_heads} heads of {d}, causal"
            if 4 * expected[name] > timer.left() / 2:  # PyTorch and what follows take time too
                say(what, "SKIP", f"one call would take about {expected[name]:.0f} s, and {timer.left():.0f} s are left")
                continue
            if name == "backward" and not expected["forward"]:
                continue
            mine = attempt(timer, lambda: ours)
            if isinstance(mine, str):
                say(what, "FAIL", mine)
                continue
            expected[name] = 4 * mine
            kernel = b.attention_kernel(call, grad if name == "backward" else None)
            tell(f"{what}, {kernel}", mine, theirs_of(theirs), "TFLOP/s", flops / 1e12, kernel=kernel)
            if name == "backward" and kernel == "sm90":  # without an order, and in two kernels, for a dq that TMA cannot add to
                room = torch.zeros(T * heads * d + 1, device=on)
                for other, mat, any_order in (
                    ("any order", on_torch(gradients[0]), 1),
                    ("apart", Mat(room.data_ptr() + 4, T, heads * d, heads * d, 0), 0),
                ):
                    grad.dq, grad.any_order = mat, any_order
                    seconds = attempt(timer, lambda: ours)
                    if isinstance(seconds, str):
                        say(f"{what}, {other}", "FAIL", seconds)
                    else:
                        tell(f"{what}, {other}", seconds, {"in order": mine}, "TFLOP/s", flops / 1e12, kernel=other)
                del room
        del q, k, v, d_o, o, gradients, tq, tk, tv, td
    return True


def gemm(b, on, timer):
    big = [(8192, 8192, 8192), (8192, 4096, 4096), (8192, 14336, 4096), (8192, 4096, 14336), (8192, 128256, 4096)] if on == "cuda" else [(32, 48, 16)]
    for dtype, shapes in ((BF16, big), (F32, big[:1])):
        for M, N, K in shapes:
            for trans_a, trans_b in ((0, 1), (0, 0), (1, 0)):  # forward, gradient of the input, of the weights
                A = torch.randn((K, M) if trans_a else (M, K), device=on, dtype=dtype)
                B = torch.randn((N, K) if trans_b else (K, N), device=on, dtype=dtype)
                C = torch.empty(M, N, device=on, dtype=dtype)
                left, right = (A.T if trans_a else A), (B.T if trans_b else B)
                what = f"gemm {'T' if trans_a else 'N'}{'T' if trans_b else 'N'} {'bf16' if dtype == BF16 else 'fp32'} {M}x{N}x{K}"
                if timer.left() < 10 * timer.span:
                    say(what, "SKIP", "out of time")
                    continue
                mine = attempt(timer, lambda: lambda: b.gemm(trans_a, trans_b, 1.0, on_torch(A), on_torch(B), 0.0, on_torch(C)))
                if isinstance(mine, str):
                    say(what, "FAIL", mine)
                else:
                    tell(what, mine, {"PyTorch": attempt(timer, lambda: lambda: torch.mm(left, right, out=C))}, "TFLOP/s", 2e-12 * M * N * K)
    return True


def memory(b, on, timer):
    """Operations that only move bytes, beside a large copy."""
    T, H, F = (16384, 4096, 14336) if on == "cuda" else (16, 64, 96)
    normal = lambda *shape, dtype=BF16: torch.randn(*shape, device=on, dtype=dtype)
    source = normal(T, F)
    target = torch.empty_like(source)
    seconds = timer(lambda: target.copy_(source))
    rate = 2 * source.nbytes / seconds
    say("copy by PyTorch", "INFO", f"{rate / 1e9:.0f} GB/s read and written", seconds=seconds)
    del target
    x, y, r, w, rstd = normal(T, H), normal(T, H), normal(T, H), normal(H, dtype=F32), normal(T, dtype=F32).abs()
    gate, up, out = source, normal(T, F), normal(T, F)
    cos, sin = normal(T, 64, dtype=F32), normal(T, 64, dtype=F32)
    n = T * H
    p, m, v, g = (normal(n, dtype=F32).abs() for _ in range(4))
    ids = torch.randint(0, 1000, (T,), device=on, dtype=torch.int32)
    table, d_table = normal(1000, H), torch.zeros(1000, H, device=on)
    loss_rows, vocabulary = (2048, 128256) if on == "cuda" else (4, 100)
    logits, nll = normal(loss_rows, vocabulary, dtype=F32), torch.empty(loss_rows, device=on)
    targets, weights = torch.randint(0, vocabulary, (loss_rows,), device=on, dtype=torch.int32), torch.rand(loss_rows, device=on)
    total, dw = ctypes.c_double(), torch.zeros(H, device=on)
    adam = AdamW(1e-6, 0.9, 0.95, 1e-8, 0.1, 1.0, 3)
    none = Mat()
    M = on_torch
    flat = p.view(T, H)
    # (what, bytes that must move at least, call)
    for name, moved, call in (
        ("zero bf16", x.nbytes, lambda: b.zero(M(y))),
        ("copy bf16 to bf16", 2 * x.nbytes, lambda: b.copy(M(y), M(x))),
        ("copy fp32 to bf16", 3 * x.nbytes, lambda: b.copy(M(y), M(flat))),
        ("add bf16", 3 * x.nbytes, lambda: b.add(M(y), 1e-3, M(x))),
        ("scale bf16", 2 * x.nbytes, lambda: b.scale(M(y), 1.0)),
        ("add_row bf16", 2 * x.nbytes, lambda: b.add_row(M(y), w.data_ptr())),
        ("sum_rows bf16", x.nbytes, lambda: b.sum_rows(dw.data_ptr(), M(x))),
        ("embed_forward bf16", x.nbytes, lambda: b.embed_forward(M(y), M(table), ids.data_ptr())),
        ("embed_backward bf16", x.nbytes, lambda: b.embed_backward(M(d_table), M(x), ids.data_ptr())),
        ("rmsnorm_forward bf16", 2 * x.nbytes, lambda: b.rmsnorm_forward(M(y), rstd.data_ptr(), M(x), none, w.data_ptr(), 1e-5)),
        ("rmsnorm_backward bf16", 3 * x.nbytes, lambda: b.rmsnorm_backward(M(y), 0, dw.data_ptr(), M(r), M(x), rstd.data_ptr(), w.data_ptr())),
        ("rope bf16", 2 * x.nbytes, lambda: b.rope(M(y), H // (128 if H >= 128 else 64), 128 if H >= 128 else 64, cos.data_ptr(), sin.data_ptr(), 0)),
        ("swiglu_forward bf16", 3 * out.nbytes, lambda: b.swiglu_forward(M(out), M(gate), M(up))),
        ("swiglu_backward bf16", 6 * out.nbytes, lambda: b.swiglu_backward(M(gate), M(up), M(out), M(out))),
        ("cross_entropy fp32", 2 * logits.nbytes, lambda: b.cross_entropy(M(logits), targets.data_ptr(), weights.data_ptr(), nll.data_ptr(), None)),
        ("sum_squares fp32", flat.nbytes, lambda: b.sum_squares(M(flat), ctypes.byref(total))),
        ("adamw fp32", 7 * p.nbytes, lambda: b.adamw(p.data_ptr(), m.data_ptr(), v.data_ptr(), g.data_ptr(), n, ctypes.byref(adam))),
    ):
        if timer.left() < 10 * timer.span:
            say(name, "SKIP", "out of time")
            continue
        mine = attempt(timer, lambda: call)
        if isinstance(mine, str):
            say(name, "FAIL", mine)
        else:
            say(name, "INFO", f"{moved / mine / 1e9:.0f} GB/s, {100 * moved / mine / rate:.0f}% of the copy", seconds=mine, bytes=moved)
    return True


KINDS = {"attention": attention, "ring": ring, "gemm": gemm, "memory": memory}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("what", choices=KINDS, nargs="+")
    parser.add_argument("--on", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=100)
    options = parser.parse_args()
    b = Backend(options.library)
    torch.zeros(1, device=options.on)

    def wait():
        b.synchronize()
        if options.on == "cuda":
            torch.cuda.synchronize()

    timer = Timer(wait, 0.1 if options.on == "cuda" else 1e-4, time.monotonic() + options.seconds)
    good = [KINDS[what](b, options.on, timer) for what in options.what]
    b.close()
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
