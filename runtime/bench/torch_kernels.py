"""The peer of ctx_bench: the same matrix products and causal attention in PyTorch.

    python torch_kernels.py THREADS SECONDS

Prints one JSON line when ready, then, for every name of a case on stdin ("gemm NT 2048x512x512", "gemm bf16 NT 2048x512x512",
"attention_forward T 4096 heads 8/8 of 64", the same with bf16), the median seconds of one call as JSON, or null for a case that PyTorch has no counterpart of.
"""
import json
import re
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention  # noqa: E402


def gemm(dtype, trans, M, N, K):
    """C = op(A) op(B), all of one dtype, written into C that exists already; a weight gradient (TN) adds to it."""
    make = lambda *shape: torch.randn(shape).to(dtype)
    A = make(K, M).t() if trans[0] == "T" else make(M, K)
    B = make(N, K).t() if trans[1] == "T" else make(K, N)
    C = make(M, N)
    return (lambda: torch.addmm(C, A, B, out=C)) if trans[0] == "T" else (lambda: torch.mm(A, B, out=C))


def attention(dtype, direction, T, heads, kv_heads, head_dim):
    """[1, heads, T, head_dim] as a view of rows of tokens, the way a model holds them."""
    make = lambda h: torch.randn(1, T, h, head_dim).to(dtype).transpose(1, 2).requires_grad_(direction == "backward")
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    run = lambda: scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv_heads)
    if direction == "forward":
        return run
    o, d_o = run(), torch.randn(1, T, heads, head_dim).to(dtype).transpose(1, 2)
    return lambda: torch.autograd.grad(o, (q, k, v), d_o, retain_graph=True)


def call_of(name):
    dtype = torch.bfloat16 if " bf16 " in name else torch.float32
    name = name.replace(" bf16 ", " ")
    if m := re.fullmatch(r"gemm (\w\w) (\d+)x(\d+)x(\d+)", name):
        return gemm(dtype, m[1], *map(int, m.groups()[1:]))
    if m := re.fullmatch(r"attention_(forward|backward) T (\d+) heads (\d+)/(\d+) of (\d+)", name):
        return attention(dtype, m[1], *map(int, m.groups()[1:]))
    return None


def median_seconds(call, budget, clock):
    call()
    start = clock()
    call()
    once = max(clock() - start, 1e-7)
    batch = max(1, round(budget / 10 / once))
    times = []
    while len(times) < 3 or sum(times) * batch < budget:
        start = clock()
        for _ in range(batch):
            call()
        times.append((clock() - start) / batch)
    return statistics.median(times)


def main():
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    clock = time.thread_time if threads == 1 else time.perf_counter  # as ctx_bench does
    budget = float(sys.argv[2])
    torch.manual_seed(0)
    print(json.dumps(f"torch {torch.__version__}"), flush=True)
    for line in sys.stdin:
        call = call_of(line.strip())
        print(json.dumps(None if call is None else median_seconds(call, budget, clock)), flush=True)


main()
