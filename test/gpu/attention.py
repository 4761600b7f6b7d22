"""Attention against float64, and its error beside PyTorch's on the same inputs.

    python3 test/gpu/attention.py LIBRARY [--size least|tiny|small|large] [--beside cpu|cuda]

The first part runs through the backend's own memory, so that compute-sanitizer can watch it: documents, offsets, grouped queries, blocks that are
merged as in a ring, gradients that are added. The second (--beside) asks how far off PyTorch is: flash attention in bf16 on a GPU, its own kernels
on the CPU. Ours may be twice that; the rule is FlashAttention's own.
"""

import argparse
import ctypes
import math
import os
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from arrays import DTYPES, error
from backend import Attention, AttentionGrad, Backend, Failed, Mat
from report import Cases, say

F32, BF16 = torch.float32, torch.bfloat16
ALLOWED = {F32: 2e-5, BF16: 8e-3}  # bf16: P, dS and dO are rounded too
generator = torch.Generator()
used = set()  # kernels


class Problem:
    """Inputs [tokens, heads * head_dim] and which keys a query sees."""

    def __init__(self, q_rows, k_rows, heads, kv_heads, head_dim, dtype, causal=True, documents=0, q_index=0, k_index=0):
        self.heads, self.kv_heads, self.head_dim, self.dtype, self.causal = heads, kv_heads, head_dim, dtype, causal
        self.q_rows, self.k_rows, self.q_index, self.k_index = q_rows, k_rows, q_index, k_index
        self.scale = 1 / math.sqrt(head_dim)
        normal = lambda rows, count: torch.randn(rows, count * head_dim, generator=generator).to(dtype)
        self.q, self.k, self.v, self.d_o = normal(q_rows, heads), normal(k_rows, kv_heads), normal(k_rows, kv_heads), normal(q_rows, heads)
        self.start = None
        if documents:
            cuts = torch.randperm(max(1, q_index + q_rows), generator=generator)[:documents].sort().values
            at = torch.arange(q_index, q_index + q_rows)
            below = torch.searchsorted(cuts, at, right=True) - 1
            self.start = torch.where(below >= 0, cuts[below.clamp(min=0)], 0).to(torch.int32)

    def visible(self):
        i, j = torch.arange(self.q_rows)[:, None] + self.q_index, torch.arange(self.k_rows)[None] + self.k_index
        seen = torch.ones(self.q_rows, self.k_rows, dtype=torch.bool)
        if self.causal:
            seen &= j <= i
        if self.start is not None:
            seen &= self.start[:, None] <= j
        return seen

    def reference(self):
        """o, lse, dq, dk, dv in float64, head by head. Rows that see nothing get zeros and -inf."""
        seen, d, group = self.visible(), self.head_dim, self.heads // self.kv_heads
        o, dq, dk, dv = (torch.zeros(x.shape, dtype=torch.float64) for x in (self.q, self.q, self.k, self.v))
        lse = torch.zeros(self.heads, self.q_rows, dtype=torch.float64)
        for h in range(self.heads):
            mine, shared = slice(h * d, h * d + d), slice(h // group * d, h // group * d + d)
            q, k, v, g = self.q[:, mine].double(), self.k[:, shared].double(), self.v[:, shared].double(), self.d_o[:, mine].double()
            s = torch.where(seen, self.scale * q @ k.T, -math.inf)
            lse[h] = s.logsumexp(1)
            p = torch.where(seen, (s - lse[h][:, None]).exp(), 0)
            o[:, mine] = p @ v
            ds = self.scale * p * (g @ v.T - (g * o[:, mine]).sum(1, keepdim=True))
            dq[:, mine] = ds @ k
            dk[:, shared] += ds.T @ q
            dv[:, shared] += p.T @ g
        return o, lse, dq, dk, dv

    def describe(self):
        kind = ("causal" if self.causal else "full") + (" documents" if self.start is not None else "")
        where = f" at {self.q_index}, {self.k_index}" if self.q_index or self.k_index else ""
        return f"{'bf16' if self.dtype == BF16 else 'fp32'} {self.q_rows}x{self.k_rows}{where}, {self.heads}/{self.kv_heads} heads of {self.head_dim}, {kind}"


def solve(b, p, blocks, o_type, g_type, pad, any_order=0):
    """Forward and backward over so many blocks of keys. Gradients start from random numbers, which are returned too."""
    q, k, v = b.array(p.q, pad), b.array(p.k, pad), b.array(p.v, 2 * pad)
    o, lse, delta = b.output(*p.q.shape, o_type, pad), b.output(p.heads, p.q_rows), b.output(p.heads, p.q_rows)
    starts = [torch.randn(x.shape, generator=generator) for x in (p.q, p.k, p.v)]
    dq, dk, dv = (b.array(x, pad) for x in starts)
    d_o = b.array(p.d_o.to(g_type), pad)
    start = b.array(p.start).pointer if p.start is not None else None
    cuts = [p.k_rows * i // blocks for i in range(blocks + 1)]

    def call(first, end, merge):
        part = dict(first=first, count=end - first)
        return Attention(
            *(q.mat(), k.mat(**part), v.mat(**part), o.mat(), lse.pointer, p.heads, p.kv_heads, p.head_dim, p.scale),
            *(p.q_index, p.k_index + first, start, int(p.causal), int(merge)),
        )

    for first, end in zip(cuts, cuts[1:]):
        part = call(first, end, first > 0)
        used.add(b.attention_kernel(part))
        b.attention_forward(ctypes.byref(part))
    b.attention_delta(delta.pointer, d_o.mat(), o.mat(), p.heads, p.head_dim)
    for first, end in zip(cuts, cuts[1:]):
        part = dict(first=first, count=end - first)
        grad = AttentionGrad(call(first, end, False), d_o.mat(), delta.pointer, dq.mat(), dk.mat(**part), dv.mat(**part), any_order)
        b.attention_backward(ctypes.byref(grad))
    gradients = [x.get().double() - y.double() for x, y in zip((dq, dk, dv), starts)]
    return [o.get(), lse.get(), *gradients]


# (queries, keys), (heads, key-value heads, head_dim)
SIZES = {
    "least": ([(40, 100)], [(2, 1, 64)]),
    "tiny": ([(17, 17), (40, 100)], [(2, 1, 64), (2, 2, 128)]),
    "small": ([(17, 17), (64, 64), (129, 129), (200, 333)], [(2, 1, 64), (4, 2, 128)]),
    "large": (
        [(3, 3), (64, 64), (113, 113), (129, 129), (1023, 1023), (200, 3000), (2048, 2048)],
        [(2, 2, 64), (4, 1, 64), (4, 2, 128), (8, 8, 128), (3, 1, 80)],
    ),
}


def problems(size):
    """(problem, blocks, dtype of o, of d_o, padding)."""
    shapes, wide = SIZES[size]
    for n, (q_rows, k_rows) in enumerate(shapes):
        for m, (heads, kv_heads, head_dim) in enumerate(wide):
            for dtype in (F32, BF16):
                turn = n + m
                o_type = dtype if turn % 2 else F32
                causal = turn % 3 != 2 or q_rows == k_rows
                offsets = dict(q_index=k_rows - q_rows) if q_rows != k_rows else {}
                documents = 5 if turn % 2 and q_rows > 100 else 0
                p = Problem(q_rows, k_rows, heads, kv_heads, head_dim, dtype, causal, documents, **offsets)
                yield p, 1, o_type, dtype if turn % 3 else F32, 0 if turn % 2 else 8
                if k_rows > 60:
                    yield p, 3, F32, dtype, 8
    # Keys of which some queries see none, as in a ring's steps.
    yield Problem(70, 70, 2, 1, 64, BF16, True, 0, 0, 35), 1, F32, BF16, 0
    yield Problem(70, 70, 2, 1, 64, BF16, True, 3, 100, 35), 1, BF16, BF16, 8


def correct(b, size):
    named = os.environ.get("CTX_ATTENTION")
    cases = Cases(b, f"attention against float64 ({size}{f', CTX_ATTENTION={named}' if named else ''})")
    for p, blocks, o_type, g_type, pad in problems(size):
        name = p.describe() + (f", {blocks} blocks" if blocks > 1 else "")
        try:
            want = p.reference()
            got = solve(b, p, blocks, o_type, g_type, pad)
            again = solve(b, p, blocks, o_type, g_type, pad)
            allowed = max(ALLOWED[p.dtype], ALLOWED[g_type] / 2 if o_type == F32 else ALLOWED[o_type])
            for part, mine, right in zip(("o", "lse", "dq", "dk", "dv"), got, want):
                cases.check(f"{part} of {name}", error(mine, right), allowed)
            unordered = solve(b, p, blocks, o_type, g_type, pad, 1)
            for part, mine, right in zip(("dq", "dk", "dv"), unordered[2:], want[2:]):
                cases.check(f"{part} in any order of {name}", error(mine, right), allowed)
            cases.check(f"the same bits again, {name}", 0.0 if torch.equal(got[0], again[0]) and torch.equal(got[1], again[1]) else 1.0, 0)
        except Failed as failure:
            cases.fail(name, str(failure))
        b.free()
    say("kernels of attention", "INFO", ", ".join(sorted(used)))
    return cases.close()


def torch_attention(q, k, v, d_o, scale, kernel):
    """o, dq, dk, dv of PyTorch's attention: causal, [1, heads, tokens, head_dim], grouped queries."""
    q, k, v = (x.detach().clone().requires_grad_() for x in (q, k, v))
    with sdpa_kernel(kernel):
        o = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=q.shape[1] != k.shape[1])
    o.backward(d_o)
    return o.detach(), q.grad, k.grad, v.grad


def on_torch(x):
    """A contiguous tensor as a matrix of the table."""
    return Mat(x.data_ptr(), x.shape[0], x.shape[1], x.shape[1], DTYPES[x.dtype])


def beside(b, where, tokens):
    """Errors beside PyTorch's, on tensors of PyTorch's in both."""
    cases = Cases(b, "attention's error within 2x of PyTorch's")
    kernel = SDPBackend.FLASH_ATTENTION
    wait = torch.cuda.synchronize if where == "cuda" else lambda: None
    for heads, kv_heads, d in ((4, 4, 64), (8, 2, 128)):
        for T in tokens:
            p = Problem(T, T, heads, kv_heads, d, BF16)
            split = lambda x, count: x.to(where).view(T, count, d).transpose(0, 1)[None]
            q, k, v, d_o = split(p.q, heads), split(p.k, kv_heads), split(p.v, kv_heads), split(p.d_o, heads)
            try:
                theirs = torch_attention(q, k, v, d_o, p.scale, kernel)
                right = torch_attention(*(x.double() for x in (q, k, v, d_o)), p.scale, SDPBackend.MATH)
            except RuntimeError as refused:
                say("attention's error within 2x of PyTorch's", "SKIP", f"PyTorch: {str(refused).splitlines()[0]}")
                return True
            flat = [x.to(where) for x in (p.q, p.k, p.v, p.d_o)]
            o = torch.full_like(flat[0], float("nan"))
            lse, delta = (torch.full((heads, T), float("nan"), device=where) for _ in range(2))
            dq, dk, dv = (torch.zeros(x.shape, device=where) for x in flat[:3])
            wait()
            call = Attention(*map(on_torch, (*flat[:3], o)), lse.data_ptr(), heads, kv_heads, d, p.scale, 0, 0, None, 1, 0)
            b.attention_forward(ctypes.byref(call))
            b.attention_delta(delta.data_ptr(), on_torch(flat[3]), on_torch(o), heads, d)
            b.attention_backward(ctypes.byref(AttentionGrad(call, on_torch(flat[3]), delta.data_ptr(), *map(on_torch, (dq, dk, dv)))))
            b.synchronize()
            for name, mine, their, want in zip(("o", "dq", "dk", "dv"), (o, dq, dk, dv), theirs, right):
                ours = mine.view(T, -1, d).transpose(0, 1)[None].to(their.dtype)  # gradients in bf16, as theirs
                cases.check(f"{name} T {T}, {heads}/{kv_heads} heads of {d}", error(ours.cpu(), want.cpu()), 2 * error(their.cpu(), want.cpu()) + 1e-5)
    return cases.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--beside", choices=("cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=torch.seed() % 2**32)
    options = parser.parse_args()
    generator.manual_seed(options.seed)
    b = Backend(options.library)
    tokens = {"least": (20,), "tiny": (50,), "small": (64, 200), "large": (512, 4096)}[options.size]
    say("seed of attention", "INFO", str(options.seed))
    good = beside(b, options.beside, tokens) if options.beside else correct(b, options.size)
    b.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
