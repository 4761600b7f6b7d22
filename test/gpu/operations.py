"""Every operation of the table but attention, against float64 on the CPU: fresh random inputs, outputs full of NaN, rows with padding.

    python3 test/gpu/operations.py LIBRARY [--size small|large]

Errors are norms of the difference over the norm of the reference: fp32 arithmetic stays far below 1e-5, what is stored as bf16 is off by about 2e-3.
"""

import argparse
import ctypes
import math
import sys

import torch

from arrays import error
from backend import AdamW, Backend, Failed
from report import Cases, say

F32, BF16 = torch.float32, torch.bfloat16
ALLOWED = {F32: 1e-5, BF16: 4e-3}
BOTH = (F32, BF16)
generator = torch.Generator()


def normal(*shape, dtype=F32, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale).to(dtype)


def name_of(*dtypes):
    return "/".join("bf16" if dtype == BF16 else "fp32" for dtype in dtypes)


def attempt(cases, name, allowed, run):
    """run() returns pairs (got, want); the worst counts."""
    try:
        cases.check(name, max(error(got, want) for got, want in run()), allowed)
    except Failed as failure:
        cases.fail(name, str(failure))
    cases.backend.free()


def movement(b, shapes):
    cases = Cases(b, "zero, copy, add, scale")
    for rows, cols, pad in shapes:
        for x_type in BOTH:
            x = normal(rows, cols, dtype=x_type)

            def zero():
                y = b.array(x, pad)
                b.zero(y.mat())
                return [(y.get(), torch.zeros(rows, cols))]

            def scale():
                y = b.array(x, pad)
                b.scale(y.mat(), -1.5)
                return [(y.get(), -1.5 * x.double())]

            attempt(cases, f"zero {name_of(x_type)} {rows}x{cols}+{pad}", 0, zero)
            attempt(cases, f"scale {name_of(x_type)} {rows}x{cols}+{pad}", ALLOWED[x_type], scale)
            for y_type in BOTH:

                def copy():
                    y = b.output(rows, cols, y_type, pad)
                    b.copy(y.mat(), b.array(x, 2 * pad).mat())
                    return [(y.get(), x.to(y_type))]

                def add():
                    start = normal(rows, cols, dtype=y_type)
                    y = b.array(start, pad)
                    b.add(y.mat(), 0.75, b.array(x, 2 * pad).mat())
                    return [(y.get(), start.double() + 0.75 * x.double())]

                attempt(cases, f"copy {name_of(x_type, y_type)} {rows}x{cols}+{pad}", 0, copy)
                attempt(cases, f"add {name_of(x_type, y_type)} {rows}x{cols}+{pad}", ALLOWED[y_type], add)
    return cases.close()


def bias(b, shapes):
    cases = Cases(b, "add_row, sum_rows")
    for rows, cols, pad in shapes:
        for dtype in BOTH:
            x, row = normal(rows, cols, dtype=dtype), normal(cols)

            def add_row():
                y = b.array(x, pad)
                b.add_row(y.mat(), b.array(row).pointer)
                return [(y.get(), x.double() + row.double())]

            def sum_rows():
                total = b.array(row)
                b.sum_rows(total.pointer, b.array(x, pad).mat())
                return [(total.get(), row.double() + x.double().sum(0))]

            attempt(cases, f"add_row {name_of(dtype)} {rows}x{cols}+{pad}", ALLOWED[dtype], add_row)
            attempt(cases, f"sum_rows {name_of(dtype)} {rows}x{cols}+{pad}", ALLOWED[F32], sum_rows)
    return cases.close()


def gemm(b, shapes):
    """Rows and columns of C are checked where C is too large for a reference of all of it."""
    cases = Cases(b, "gemm")
    types = [(F32, F32, F32), (BF16, BF16, BF16), (BF16, BF16, F32), (F32, BF16, F32), (BF16, F32, BF16), (F32, F32, BF16)]
    for M, N, K, pad in shapes:
        for trans_a, trans_b in ((0, 0), (0, 1), (1, 0), (1, 1)):
            for a_type, b_type, c_type in types:
                beta, alpha = (0.5, 0.25) if (trans_a + trans_b) % 2 else (0.0, 1.0)

                def run():
                    A, B, C = normal(M, K, dtype=a_type), normal(K, N, dtype=b_type), normal(M, N, dtype=c_type)
                    out = b.array(C, pad) if beta else b.output(M, N, c_type, pad)
                    stored_a, stored_b = (A.T if trans_a else A).contiguous(), (B.T if trans_b else B).contiguous()
                    b.gemm(trans_a, trans_b, alpha, b.array(stored_a, pad).mat(), b.array(stored_b, 2 * pad).mat(), beta, out.mat())
                    if BF16 in (a_type, b_type, c_type):
                        A, B = A.to(BF16), B.to(BF16)
                    rows = torch.randperm(M, generator=generator)[: max(16, min(M, int(2e9 / (N * K))))]
                    want = alpha * A[rows].double() @ B.double()
                    got = out.get()
                    if not got.isfinite().all():
                        raise Failed("numbers that are not finite, or were not written")
                    return [(got[rows], want + beta * C[rows].double())]

                where = f"gemm {'T' if trans_a else 'N'}{'T' if trans_b else 'N'} {name_of(a_type, b_type, c_type)} {M}x{N}x{K}+{pad}"
                attempt(cases, where, ALLOWED[c_type], run)
    return cases.close()


def embedding(b, shapes):
    cases = Cases(b, "embed_forward, embed_backward")
    for rows, cols, pad in shapes:
        vocabulary = 50
        ids = torch.randint(0, vocabulary, (rows,), generator=generator, dtype=torch.int32)
        for table_type in BOTH:
            for y_type in BOTH:

                def forward():
                    table = normal(vocabulary, cols, dtype=table_type)
                    y = b.output(rows, cols, y_type, pad)
                    b.embed_forward(y.mat(), b.array(table, pad).mat(), b.array(ids).pointer)
                    return [(y.get(), table.to(y_type)[ids.long()])]

                def backward():
                    start, dy = normal(vocabulary, cols, dtype=F32), normal(rows, cols, dtype=y_type)
                    d_table = b.array(start, pad)
                    b.embed_backward(d_table.mat(), b.array(dy, pad).mat(), b.array(ids).pointer)
                    return [(d_table.get(), start.double().index_add(0, ids.long(), dy.double()))]

                attempt(cases, f"embed_forward {name_of(table_type, y_type)} {rows}x{cols}+{pad}", 0, forward)
                if table_type == F32:
                    attempt(cases, f"embed_backward {name_of(y_type)} {rows}x{cols}+{pad}", ALLOWED[F32], backward)
    return cases.close()


def rmsnorm(b, shapes):
    cases = Cases(b, "rmsnorm_forward, rmsnorm_backward")
    eps = 1e-5
    nothing = ctypes.c_void_p()
    for rows, cols, pad in shapes:
        for x_type in BOTH:
            for y_type in BOTH:
                x0, r, w, dy = normal(rows, cols, dtype=x_type), normal(rows, cols, dtype=x_type), normal(cols), normal(rows, cols, dtype=y_type)

                def forward(residual):
                    x, y, rstd = b.array(x0, pad), b.output(rows, cols, y_type, pad), b.output(1, rows)
                    added = b.array(r, pad)
                    b.rmsnorm_forward(y.mat(), rstd.pointer, x.mat(), added.mat() if residual else type(x.mat())(), b.array(w).pointer, eps)
                    sum64 = x0.double() + (r.double() if residual else 0)
                    read = x.get().double()  # what was stored is what is normalised, or its unrounded sum: within one rounding
                    want = 1 / (read.square().mean(1) + eps).sqrt()
                    yield x.get(), sum64
                    yield y.get(), read * want[:, None] * w.double()
                    yield rstd.get()[0], want

                def backward(accumulate):
                    rstd = (1 / (x0.double().square().mean(1) + eps).sqrt()).float()
                    start, dw0 = normal(rows, cols, dtype=x_type), normal(cols)
                    dx, dw = b.array(start, pad) if accumulate else b.output(rows, cols, x_type, pad), b.array(dw0)
                    arguments = (b.array(dy, pad).mat(), b.array(x0, pad).mat(), b.array(rstd).pointer, b.array(w).pointer)
                    b.rmsnorm_backward(dx.mat(), int(accumulate), dw.pointer if accumulate else nothing, *arguments)
                    hat, g = x0.double() * rstd.double()[:, None], dy.double() * w.double()
                    want = rstd.double()[:, None] * (g - hat * (g * hat).mean(1, keepdim=True))
                    yield dx.get(), want + (start.double() if accumulate else 0)
                    yield dw.get(), dw0.double() + (dy.double() * hat).sum(0) if accumulate else dw0

                where = f"{name_of(x_type, y_type)} {rows}x{cols}+{pad}"
                allowed = max(ALLOWED[x_type], ALLOWED[y_type])
                for flag in (False, True):
                    attempt(cases, f"rmsnorm_forward {where}{' with a residual' if flag else ''}", 2 * allowed, lambda: list(forward(flag)))
                    attempt(cases, f"rmsnorm_backward {where}{' added' if flag else ''}", allowed, lambda: list(backward(flag)))
    return cases.close()


def rope(b, shapes):
    cases = Cases(b, "rope_table, rope")
    for tokens, heads, head_dim, pad in shapes:
        half = head_dim // 2
        inv_freq = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        positions = torch.randint(0, 2**20, (tokens,), generator=generator, dtype=torch.int32)
        angle = positions.double()[:, None] * inv_freq
        want_cos, want_sin = 1.25 * angle.cos(), 1.25 * angle.sin()

        def table():
            cos, sin = b.output(tokens, half), b.output(tokens, half)
            b.rope_table(cos.pointer, sin.pointer, b.array(inv_freq).pointer, half, 1.25, b.array(positions).pointer, tokens)
            return [(cos.get(), want_cos), (sin.get(), want_sin)]

        attempt(cases, f"rope_table {tokens}x{half}, positions to 2^20", 1e-6, table)
        for dtype in BOTH:
            for inverse in (0, 1):

                def rotate():
                    x0 = normal(tokens, heads * head_dim, dtype=dtype)
                    x, cos, sin = b.array(x0, pad), want_cos.float(), want_sin.float()
                    b.rope(x.mat(), heads, head_dim, b.array(cos).pointer, b.array(sin).pointer, inverse)
                    c, s = cos.double()[:, None], sin.double()[:, None] * (-1 if inverse else 1)
                    first, second = x0.double().view(tokens, heads, head_dim).split(half, dim=2)
                    return [(x.get(), torch.cat((first * c - second * s, second * c + first * s), 2).view(tokens, -1))]

                attempt(cases, f"rope {name_of(dtype)} {tokens}x{heads}x{head_dim}+{pad}{' inverse' if inverse else ''}", ALLOWED[dtype], rotate)
    return cases.close()


def swiglu(b, shapes):
    cases = Cases(b, "swiglu_forward, swiglu_backward")
    for rows, cols, pad in shapes:
        for dtype in BOTH:
            g, u, dy = (normal(rows, cols, dtype=dtype, scale=2) for _ in range(3))
            sigmoid = torch.sigmoid(g.double())
            silu = g.double() * sigmoid

            def forward():
                y = b.output(rows, cols, dtype, pad)
                b.swiglu_forward(y.mat(), b.array(g, pad).mat(), b.array(u, pad).mat())
                return [(y.get(), silu * u.double())]

            def backward():
                gate, up, y = b.array(g, pad), b.array(u, pad), b.output(rows, cols, dtype, pad)
                b.swiglu_backward(gate.mat(), up.mat(), y.mat(), b.array(dy, pad).mat())
                slope = sigmoid * (1 + g.double() * (1 - sigmoid))
                return [(gate.get(), dy.double() * u.double() * slope), (up.get(), dy.double() * silu), (y.get(), silu * u.double())]

            attempt(cases, f"swiglu_forward {name_of(dtype)} {rows}x{cols}+{pad}", ALLOWED[dtype], forward)
            attempt(cases, f"swiglu_backward {name_of(dtype)} {rows}x{cols}+{pad}", ALLOWED[dtype], backward)
    return cases.close()


def cross_entropy(b, shapes):
    cases = Cases(b, "cross_entropy")
    for rows, cols, pad in shapes:

        def run():
            logits = normal(rows, cols, scale=4)
            targets = torch.randint(0, cols, (rows,), generator=generator, dtype=torch.int32)
            targets[rows // 2] = -1
            weights = torch.rand(rows, generator=generator)
            x, nll = b.array(logits, pad), b.output(1, rows)
            correct = b.array(torch.full((rows,), 7, dtype=torch.uint8))
            b.cross_entropy(x.mat(), b.array(targets).pointer, b.array(weights).pointer, nll.pointer, correct.pointer)
            there = targets >= 0
            index = targets.clamp(min=0).long()[:, None]
            log_p = logits.double().log_softmax(1)
            gradient = (log_p.exp() - torch.zeros(rows, cols, dtype=torch.float64).scatter(1, index, 1)) * weights.double()[:, None]
            want = torch.where(there, -log_p.gather(1, index)[:, 0], 0)
            return [
                (nll.get()[0], want),
                (x.get(), torch.where(there[:, None], gradient, 0)),
                (correct.get(), (logits.argmax(1) == targets).to(torch.uint8)),
            ]

        attempt(cases, f"cross_entropy {rows}x{cols}+{pad}", ALLOWED[F32], run)
    return cases.close()


def optimizer(b, shapes):
    cases = Cases(b, "sum_squares, adamw")
    for rows, cols, pad in shapes:
        x = normal(rows, cols)

        def squares():
            out = ctypes.c_double(math.nan)  # the host's
            b.sum_squares(b.array(x, pad).mat(), ctypes.byref(out))
            return [(torch.tensor([out.value], dtype=torch.float64), x.double().square().sum().view(1))]

        def step():
            p, m, v, g = normal(rows * cols), normal(rows * cols, scale=0.1), normal(rows * cols, scale=0.1).square(), normal(rows * cols)
            lr, beta1, beta2, eps, decay, scale, t = 1e-2, 0.9, 0.95, 1e-8, 0.1, 0.5, 3
            arrays = [b.array(values) for values in (p, m, v)]
            b.adamw(*(array.pointer for array in arrays), b.array(g).pointer, rows * cols, ctypes.byref(AdamW(lr, beta1, beta2, eps, decay, scale, t)))
            g64 = g.double() * scale
            m64, v64 = beta1 * m.double() + (1 - beta1) * g64, beta2 * v.double() + (1 - beta2) * g64.square()
            update = (m64 / (1 - beta1**t)) / ((v64 / (1 - beta2**t)).sqrt() + eps) + decay * p.double()
            return [(array.get(), want) for array, want in zip(arrays, (p.double() - lr * update, m64, v64))]

        attempt(cases, f"sum_squares {rows}x{cols}+{pad}", 1e-6, squares)
        attempt(cases, f"adamw {rows * cols}", ALLOWED[F32], step)
    return cases.close()


OPERATIONS, INCOMING, OUTGOING = 0, 1, 2  # ctx_queue
TO_DEVICE, TO_HOST, ON_DEVICE = 0, 1, 2  # ctx_direction


def transfers(b, counts):
    """Blocks that leave and come back beside the operations, ordered by events alone, as layer inputs do that wait in the host's memory."""
    cases = Cases(b, "transfers beside operations")
    for count in counts:
        values = normal(1, count)
        size = 4 * count
        pinned = ctypes.c_void_p()
        b.alloc_host(size, ctypes.byref(pinned))
        gone, free, back = b.event(), b.event(), b.event()

        def there_and_back():
            x, y, z = b.array(values), b.output(1, count), b.output(1, count)
            for turn in range(3):
                b.scale(x.mat(), 2.0)
                b.record(OPERATIONS, gone)
                b.wait(OUTGOING, gone)
                b.transfer(pinned, x.pointer, size, TO_HOST)
                b.record(OUTGOING, free)
                b.wait(OPERATIONS, free)
                b.zero(x.mat())  # not before it has left
                b.wait(INCOMING, free)  # nor does it come back before
                b.transfer(y.pointer, pinned, size, TO_DEVICE)
                b.transfer(z.pointer, y.pointer, size, ON_DEVICE)
                b.record(INCOMING, back)
                b.wait(OPERATIONS, back)
                b.copy(x.mat(), z.mat())  # not before it has come back
                b.wait(OUTGOING, back)  # the host's bytes are read until then
            why = ctypes.create_string_buffer(512)
            b.called.add("await_event")
            if b.functions["await_event"](free, why, len(why)) != 0:
                raise Failed(f"await_event: {why.value.decode()}")
            host = torch.frombuffer((ctypes.c_float * count).from_address(pinned.value), dtype=F32).clone()
            b.synchronize()
            return [(x.get(), 8 * values.double()), (host, 8 * values.double().view(-1))]

        attempt(cases, f"{count} numbers", 0, there_and_back)
        b.functions["release_host"](b.device, pinned, size)
    return cases.close()


def passed_on(b, counts):
    """What another rank has computed comes to this one, as in a ring: from a second handle on the same device, and from every other device;
    sums of what came, beside the operations."""
    cases = Cases(b, "passed on between ranks")
    for owner in range(b.devices()):
        other = Backend(b.path, owner)
        for count in counts:
            values = normal(1, count)

            def passed():
                x, y, sums = other.array(values), b.output(1, count), b.array(torch.zeros(1, count))
                ready, copied, used = other.event(), b.event(), b.event()
                for _ in range(3):
                    other.scale(x.mat(), 2.0)
                    other.record(OPERATIONS, ready)
                    b.wait(INCOMING, ready)
                    b.wait(INCOMING, used)
                    b.transfer_from(y.pointer, other.device, x.pointer, 4 * count)
                    b.add_on(INCOMING, sums.pointer, y.pointer, count)
                    b.record(INCOMING, copied)
                    b.wait(OPERATIONS, copied)
                    b.scale(y.mat(), 0.5)  # not before it has come
                    b.record(OPERATIONS, used)
                    other.wait(OPERATIONS, copied)  # x changes next
                b.synchronize()
                added = (2 * values + 4 * values) + 8 * values
                return [(y.get(), 4 * values.double()), (x.get(), 8 * values.double()), (sums.get(), added.double())]

            attempt(cases, f"{count} numbers from device {owner}", 0, passed)
            other.free()
        other.close()
    return cases.close()


def clocks(b):
    """Timers of a device: a copy takes time, and time does not run backwards."""
    cases = Cases(b, "timers")
    before, after = ctypes.c_void_p(), ctypes.c_void_p()
    for timer in (before, after):
        b.create_timer(ctypes.byref(timer))
    x, y = b.array(normal(1024, 1024)), b.output(1024, 1024)
    b.record(OPERATIONS, before)
    b.copy(y.mat(), x.mat())
    b.record(OPERATIONS, after)
    b.synchronize()
    seconds = ctypes.c_double(-1)
    b.called.add("elapsed")
    if b.functions["elapsed"](before, after, ctypes.byref(seconds)) != 0 or not 0 <= seconds.value < 60:
        cases.fail("a copy", f"took {seconds.value} s")
    else:
        cases.check("a copy", 0.0, 0.0)
    for timer in (before, after):
        b.functions["destroy_event"](timer)
    b.free()
    return cases.close()


# (rows, columns, padding), and for products (M, N, K, padding); for RoPE (tokens, heads, head_dim, padding).
SIZES = {
    "small": {
        "plain": [(1, 5, 0), (3, 8, 0), (5, 37, 3), (33, 64, 8)],
        "gemm": [(1, 5, 3, 0), (17, 33, 40, 3), (64, 48, 96, 8)],
        "rope": [(3, 2, 4, 0), (9, 3, 64, 8), (5, 2, 30, 1)],
        "loss": [(2, 5, 0), (9, 130, 3)],
        "transfers": [1, 1000],
    },
    "large": {
        "plain": [(1, 5, 0), (3, 8, 0), (5, 37, 3), (33, 64, 8), (513, 4095, 1), (2048, 4096, 0), (70000, 128, 0)],
        "gemm": [(1, 5, 3, 0), (17, 33, 40, 3), (64, 48, 96, 8), (1, 4096, 4096, 0), (1000, 1000, 1000, 8), (4096, 4096, 4096, 0), (512, 1024, 16384, 0)],
        "rope": [(3, 2, 4, 0), (9, 3, 64, 8), (5, 2, 30, 1), (4096, 32, 128, 0)],
        "loss": [(2, 5, 0), (9, 130, 3), (512, 128256, 0)],
        "transfers": [1, 1000, 1 << 24],
    },
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--seed", type=int, default=torch.seed() % 2**32)
    options = parser.parse_args()
    generator.manual_seed(options.seed)
    sizes = SIZES[options.size]
    b = Backend(options.library)
    say("matrix products", "INFO", b.products())
    shapes = sizes["plain"]
    good = [
        movement(b, shapes),
        bias(b, shapes),
        gemm(b, sizes["gemm"]),
        embedding(b, [shape for shape in shapes if shape[0] < 100_000]),
        rmsnorm(b, [shape for shape in shapes if shape[1] < 65536]),
        rope(b, sizes["rope"]),
        swiglu(b, shapes),
        cross_entropy(b, sizes["loss"]),
        optimizer(b, shapes),
        transfers(b, sizes["transfers"]),
        passed_on(b, sizes["transfers"]),
        clocks(b),
    ]
    b.synchronize()
    say("seed", "INFO", str(options.seed), scratch=b.scratch())
    unknown = sorted(set(b.functions) - b.called - NOT_HERE)
    say("operations never called", "FAIL" if unknown else "PASS", ", ".join(unknown) or "none")
    b.close()
    return 0 if all(good) and not unknown else 1


# Called by Backend itself or by attention.py; free_memory is ctx doctor's concern; a ring of processes, each with a GPU of its own, is no one process's.
NOT_HERE = {"score", "problem", "create", "destroy", "destroy_event", "release_host", "last_error", "set_cancel", "free_memory"} | {
    "attention_forward",
    "attention_delta",
    "attention_backward",
    *("peers", "peers_id", "join_peers", "pass_on", "check_peers", "give_up_peers", "leave_peers"),
}

if __name__ == "__main__":
    sys.exit(main())
