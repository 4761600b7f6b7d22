"""The peer of `npm run bench`: one training step of a Llama model in PyTorch and transformers, as a user would write it.

    python torch_step.py '{"shape": {...}, "tokens": 2048, "threads": 2, "checkpoint": false, "dtype": "f32"}'

With dtype bf16 the forward pass runs under autocast, over weights in fp32. Prints one JSON line when ready, then, for every line on stdin,
takes one step and prints {"wall", "cpu", "loss", "bytes"}: seconds, and the most memory so far above what was held when ready.
"""
import contextlib
import json
import logging
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402


def status(field):
    """A field of /proc/self/status in bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def watch_memory():
    """Returns a function that tells the peak since now above what is held now, in bytes. Elsewhere than on Linux a peak before
    the call may hide a later one."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the high-water mark falls back to what is held now
        start = status("VmRSS")
        return lambda: status("VmHWM") - start
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        start = peak()
        return lambda: peak() - start


def main():
    options = json.loads(sys.argv[1])
    shape, tokens = options["shape"], options["tokens"]
    torch.set_num_threads(options["threads"])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape["vocab_size"], hidden_size=shape["hidden_size"], intermediate_size=shape["intermediate_size"],
        num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"], num_key_value_heads=shape["kv_heads"], head_dim=shape["head_dim"],
        tie_word_embeddings=shape["tie_word_embeddings"], rope_parameters=dict(rope_type="default", rope_theta=500000.0),
        max_position_embeddings=tokens, use_cache=False, attn_implementation="sdpa")
    model = LlamaForCausalLM(config).train()
    if options["checkpoint"]:
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = torch.randint(shape["vocab_size"], (1, tokens))
    bf16 = options["dtype"] == "bf16"
    peak = watch_memory()
    print(json.dumps(dict(version=f"torch {torch.__version__}, transformers {transformers.__version__}")), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else contextlib.nullcontext():
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps(dict(wall=wall, cpu=cpu, loss=loss.item(), bytes=peak())), flush=True)


main()
