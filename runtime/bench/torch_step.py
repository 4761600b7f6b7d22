"""The peer of `npm run bench`: one training step of a Llama model in PyTorch and transformers, as a user would write it.

    python torch_step.py '{"shape": {...}, "tokens": 2048, "threads": 2, "checkpoint": false}'

Prints one JSON line when ready, then, for every line on stdin, takes one step and prints {"wall", "cpu", "loss"} (seconds).
"""
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
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(dict(version=f"torch {torch.__version__}, transformers {transformers.__version__}")), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(dict(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, loss=loss.item(), bytes=peak - before)), flush=True)


main()
