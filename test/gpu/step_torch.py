"""PyTorch's side of step.py: training steps of the same shape by transformers, from short rows to the longest that the memory holds.

    python3 test/gpu/step_torch.py '{"model": "llama-3-8b", "layers": 32, "method": "full", "lengths": [16384, 32768], "steps": 2, "device": "cuda",
                                     "peak": 989e12, "seconds": 300}'

The model is transformers' LlamaForCausalLM in bf16 with random weights, every layer checkpointed, attention by the fastest of PyTorch's kernels (cuDNN's
and flash attention are timed first), AdamW fused, its moments in bf16 like the weights: half or less of what ctx keeps, which is PyTorch's best chance at
long rows. Its loss would form the logits of a whole row, 63 GiB at 128K tokens: here they are formed 2,048 rows at a time, and once more for their gradients. LoRA
is on the same maps and of the same rank as ctx's. Prints a row for each length as soon as it is known.
"""

import contextlib
import gc
import json
import logging
import math
import os
import re
import statistics
import sys
import time
import warnings

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from lifetime import end_with_parent  # noqa: E402
from report import say  # noqa: E402
from step_model import ADAPTED, RANK, SHAPES, climb, model_flops, rate  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402
from transformers import __version__ as transformers_version  # noqa: E402
from used_memory import GB, Watch  # noqa: E402

ROWS = 2048
LONG_STEP = 45


class Adapted(torch.nn.Module):
    """x W^T + 2 x A^T B^T, W frozen."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        like = dict(device=base.weight.device, dtype=base.weight.dtype)
        self.a = torch.nn.Parameter(torch.randn(RANK, base.in_features, **like) / math.sqrt(base.in_features))
        self.b = torch.nn.Parameter(torch.zeros(base.out_features, RANK, **like))

    def forward(self, x):
        return self.base(x) + 2 * F.linear(F.linear(x, self.a), self.b)


def make_model(shape, method, longest, device):
    config = LlamaConfig(
        vocab_size=shape["vocab_size"],
        hidden_size=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv_heads"],
        head_dim=shape["head_dim"],
        tie_word_embeddings=shape["tie"],
        max_position_embeddings=longest,
        rope_parameters=dict(rope_type="default", rope_theta=500000.0),
        use_cache=False,
        attn_implementation="sdpa",
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = LlamaForCausalLM(config).train()
    torch.set_default_dtype(torch.float32)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    if method == "lora":
        model.requires_grad_(False)
        for layer in model.model.layers:
            for name in ADAPTED:
                setattr(layer.self_attn, name, Adapted(getattr(layer.self_attn, name)))
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model, parameters


def loss_of(model, ids):
    """Mean loss of a row; of the logits only ROWS rows exist at a time, forward and backward."""
    hidden = model.model(input_ids=ids).last_hidden_state[0]
    targets = F.pad(ids[0, 1:], (0, 1), value=-100)  # the last token has none
    part = lambda rows, targets: F.cross_entropy(model.lm_head(rows).float(), targets, reduction="sum")
    parts = [checkpoint(part, *pair, use_reentrant=False) for pair in zip(hidden.split(ROWS), targets.split(ROWS))]
    return torch.stack(parts).sum() / (len(hidden) - 1)


def best_attention(shape, device):
    """The backends by what 8K tokens take, forward and backward, the fastest first; and a line that tells."""
    if device == "cpu":
        return [SDPBackend.FLASH_ATTENTION], "the CPU's flash attention"
    seconds = {}
    for backend in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION):
        size = lambda heads: (1, heads, 8192, shape["head_dim"])
        q, k, v = (torch.randn(size(shape[heads]), device=device, dtype=torch.bfloat16, requires_grad=True) for heads in ("heads", "kv_heads", "kv_heads"))
        try:
            times = []
            for _ in range(4):
                torch.cuda.synchronize()
                begin = time.perf_counter()
                with sdpa_kernel(backend):
                    F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).sum().backward()
                torch.cuda.synchronize()
                times.append(time.perf_counter() - begin)
            seconds[backend] = min(times)
        except RuntimeError as problem:
            print(f"{backend}: {problem}", file=sys.stderr)
    if not seconds:
        return [], "PyTorch's own choice: neither cuDNN's nor flash attention can do it"
    best = sorted(seconds, key=seconds.get)
    return best, ", ".join(f"{backend.name.split('_')[0]} {1e3 * seconds[backend]:.2f} ms" for backend in best) + " at 8K"


class Side:
    def __init__(self, options):
        self.device, self.method, self.peak, self.steps = (options[name] for name in ("device", "method", "peak", "steps"))
        self.end = time.monotonic() + options["seconds"]
        self.shape = {**SHAPES[options["model"]], "layers": options["layers"]}
        self.cuda = self.device == "cuda"
        self.watch = Watch(self.device, os.getpid())
        self.rate = 0  # FLOP/s of the last length
        if self.cuda:
            torch.cuda.init()
        backends, told = best_attention(self.shape, self.device)
        self.attention = lambda: sdpa_kernel(backends, set_priority=True) if backends else contextlib.nullcontext()
        self.model, parameters = make_model(self.shape, self.method, max(options["lengths"]), self.device)
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(learned, lr=1e-5, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        self.learned = learned
        # Before the first length: the moments are there from the first step on.
        self.step(min(1024, *options["lengths"]))
        versions = f"torch {torch.__version__}, transformers {transformers_version}"
        say(f"{self.name()}: model", "INFO", f"{parameters:,} parameters in bf16; attention: {told}; {versions}", parameters=parameters)

    def name(self, length=None):
        return f"{self.method}, {length} tokens" if length else self.method

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize()

    def step(self, length):
        """Seconds and loss of a step on random tokens."""
        ids = torch.randint(self.shape["vocab_size"], (1, length), device=self.device)
        self.synchronize()
        begin = time.perf_counter()
        with self.attention():
            loss = loss_of(self.model, ids)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.synchronize()
        return time.perf_counter() - begin, loss.item()

    def measure(self, length):
        """Says the row of a length: whether the memory holds it; None where there is no time for it."""
        expected = self.rate and model_flops(self.shape, length, self.method) / self.rate
        if time.monotonic() + expected > self.end:
            say(self.name(length), "SKIP", f"out of time: a step would take {expected:.0f} s")
            return None
        self.watch.again()
        if self.cuda:
            gc.collect()  # a step that failed may have left a circle of tensors
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        times = []
        try:
            for _ in range(self.steps):
                seconds, loss = self.step(length)
                times.append(seconds)
                if seconds > LONG_STEP or time.monotonic() + 2 * seconds > self.end:
                    break
        except RuntimeError as problem:
            if not re.search("out of memory|alloc", str(problem), re.IGNORECASE):
                raise
            self.optimizer.zero_grad(set_to_none=True)
            say(self.name(length), "INFO", f"out of memory: {str(problem).splitlines()[0][:160]}")
            return False
        took = statistics.median(times[1:] or times)
        self.rate = model_flops(self.shape, length, self.method) / took
        held = {"used": self.watch.peak()}
        if self.cuda:
            held = {**held, "allocated": torch.cuda.max_memory_allocated(), "reserved": torch.cuda.max_memory_reserved()}
        memory = ", ".join(f"{what} {size / GB:.2f} GB" for what, size in held.items())
        figures = f"{took:.2f} s a step, {rate(self.shape, length, self.method, took, self.peak)}; memory at most: {memory}; loss {loss:.3f}"
        say(self.name(length), "INFO" if math.isfinite(loss) else "FAIL", figures, seconds=times, length=length, tokens_per_second=length / took, memory=held, loss=loss)
        return True


def main():
    end_with_parent()
    options = json.loads(sys.argv[1])
    side = Side(options)
    climb(options["lengths"], side.measure)
    side.watch.close()


if __name__ == "__main__":
    main()
