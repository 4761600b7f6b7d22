"""Small random models by transformers, and what transformers and torch compute with them in float32.

    python test/golden/make_models.py [CASE…]          (torch 2.x, transformers 5.x; all cases without a name)

Writes test/golden/models/<case>/: config.json, the weights, and golden.json with token ids, targets, loss, rows of logits, each
parameter's gradient norm and 48 of its entries, a packed case (two documents), a greedy continuation; for one case also five AdamW
steps, for another the gradients of LoRA adapters (adapter.safetensors).
"""
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent / "models"
ROWS = [0, 1, 63, 64, 127, 128, 200, 255, 256, -2, -1]

CASES = {
    "tied-default-d24": dict(
        hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1, head_dim=24, vocab_size=128,
        tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=10000.0), max_position_embeddings=512,
        tokens=333, dtype=torch.float32),
    "untied-llama3-d32": dict(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=144,
        tie_word_embeddings=False, max_position_embeddings=1024,
        rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                             original_max_position_embeddings=128),
        tokens=700, dtype=torch.float32),
    "tied-yarn-d64": dict(
        hidden_size=64, intermediate_size=88, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=64, vocab_size=160,
        tie_word_embeddings=True, max_position_embeddings=512,
        rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=128),
        tokens=512, dtype=torch.float32),
    "untied-bf16-d128": dict(
        hidden_size=64, intermediate_size=72, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=128, vocab_size=130,
        tie_word_embeddings=False, max_position_embeddings=512, rope_parameters=dict(rope_type="default", rope_theta=500000.0),
        tokens=301, dtype=torch.bfloat16),
    "sharded-f16-d16": dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, head_dim=16, vocab_size=128,
        tie_word_embeddings=False, max_position_embeddings=512,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0), tokens=300, dtype=torch.float16, shard="20KB"),
    "llama-biases-d16": dict(
        hidden_size=48, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16, vocab_size=96,
        attention_bias=True, mlp_bias=True, tie_word_embeddings=False, max_position_embeddings=512,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0), tokens=300, dtype=torch.float32),
    "mistral-window-d16": dict(
        model_type="mistral", sliding_window=37,
        hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=16, vocab_size=96,
        tie_word_embeddings=False, max_position_embeddings=512, rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        tokens=320, dtype=torch.float32),
    "qwen2-windows-d12": dict(
        model_type="qwen2", use_sliding_window=True, sliding_window=50, max_window_layers=1,
        hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, vocab_size=96,
        tie_word_embeddings=True, max_position_embeddings=1024,
        rope_parameters=dict(rope_type="yarn", rope_theta=1000000.0, factor=4.0, original_max_position_embeddings=256),
        tokens=310, dtype=torch.float32),
    "qwen3-d32": dict(
        model_type="qwen3", hidden_size=40, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
        vocab_size=96, tie_word_embeddings=False, max_position_embeddings=512, rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
        tokens=330, dtype=torch.float32),
    "qwen3-alternating-d16": dict(
        model_type="qwen3", attention_bias=True, use_sliding_window=True, sliding_window=29,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1, head_dim=16, vocab_size=96,
        tie_word_embeddings=True, max_position_embeddings=512, rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        tokens=300, dtype=torch.float32),
}
LORA = ["untied-llama3-d32", "llama-biases-d16", "qwen2-windows-d12", "qwen3-d32"]


def numbers(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().float().flatten().tolist()]


def make(name, config, generator):
    tokens, dtype, shard = config.pop("tokens"), config.pop("dtype"), config.pop("shard", None)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    family = config.pop("model_type", "llama")
    config = AutoConfig.for_model(family, **config, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # wider than transformers' default: attention and logits far from uniform
        for key, p in model.named_parameters():
            if key.endswith("bias"):
                p.copy_(0.3 * torch.randn(p.shape, generator=generator))
            elif p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn(p.shape, generator=generator))
            else:
                p.copy_(torch.randn(p.shape, generator=generator) * (0.7 if "embed" in key else 1.4 / p.shape[1] ** 0.5))
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder, AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"), tokens


def mean_loss(model, ids, targets, **kwargs):
    """Targets are those of each position: no shift."""
    logits = model(input_ids=ids[None], **kwargs).logits[0]
    return logits, torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100)


def gradients(parameters, loss, generator):
    grads = torch.autograd.grad(loss, [p for _, p in parameters])
    result = {}
    for (name, p), g in zip(parameters, grads):
        at = torch.randint(p.numel(), (48,), generator=generator)
        result[name] = dict(norm=float(g.double().norm()), at=at.tolist(), values=numbers(g.flatten()[at]))
    return result


def sequence(model, tokens, generator, **kwargs):
    vocab = model.config.vocab_size
    ids = torch.randint(vocab, (tokens,), generator=generator)
    targets = torch.cat([ids[1:], torch.tensor([-100])])
    targets[torch.randperm(tokens, generator=generator)[: tokens // 5]] = -100
    logits, loss = mean_loss(model, ids, targets, **kwargs)
    rows = sorted({r % tokens for r in ROWS})
    return dict(ids=ids.tolist(), targets=targets.tolist(), rows=rows, logits=numbers(logits[rows]), loss=loss.item(),
                gradients=gradients(list(model.named_parameters()), loss, generator))


def masks(model, visible, distance):
    """The additive mask, for a model with windows one for each kind of layer."""
    kinds = {"full_attention": visible, "sliding_attention": visible & (distance < (getattr(model.config, "sliding_window", None) or len(visible)))}
    made = {kind: torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None] for kind, seen in kinds.items()}
    if getattr(model.config, "layer_types", None):
        return made
    return made["sliding_attention" if getattr(model.config, "sliding_window", None) else "full_attention"]


def packed(model, tokens, generator):
    """Two documents in one row: positions restart, attention stays inside each."""
    second = tokens * 2 // 5
    positions = torch.cat([torch.arange(second), torch.arange(tokens - second)])
    i = torch.arange(tokens)
    visible = (i[None] <= i[:, None]) & ((i[None] >= second) == (i[:, None] >= second))
    mask = masks(model, visible, i[:, None] - i[None])
    return dict(documents=[0, second], **sequence(model, tokens, generator, position_ids=positions[None], attention_mask=mask))


def continuation(model, ids, count):
    ids = torch.tensor(ids[:40])
    for _ in range(count):
        ids = torch.cat([ids, model(input_ids=ids[None]).logits[0, -1].argmax()[None]])
    return dict(prompt=40, new=ids[40:].tolist())


def adamw(model, golden, generator):
    """Five steps of torch.optim.AdamW; norms do not decay; gradients clipped to norm 0.5."""
    hyper = dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    groups = [dict(params=[p for p in model.parameters() if p.dim() == 2]), dict(params=[p for p in model.parameters() if p.dim() == 1], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, **hyper)
    ids, targets = torch.tensor(golden["ids"]), torch.tensor(golden["targets"])
    losses, norms = [], []
    for _ in range(5):
        _, loss = mean_loss(model, ids, targets)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)))
        optimizer.step()
        losses.append(loss.item())
    values = {}
    for name, p in model.named_parameters():
        at = torch.randint(p.numel(), (24,), generator=generator)
        values[name] = dict(at=at.tolist(), values=numbers(p.flatten()[at]))
    return dict(hyper, clip=0.5, losses=losses, norms=norms, parameters=values)


def lora(model, golden, folder, generator):
    """W + alpha / rank * B A on some layers; gradients of A and B by autograd through the merged weights."""
    rank, alpha, targets = 4, 6.0, ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    state, adapters = dict(model.named_parameters()), {}
    for name, p in list(state.items()):
        stem = name.removesuffix("weight")
        if p.dim() == 1 or stem.split(".")[-2] not in targets:
            continue
        a = torch.randn(rank, p.shape[1], generator=generator) * 0.2
        b = torch.randn(p.shape[0], rank, generator=generator) * 0.2
        adapters[stem + "lora_A.weight"], adapters[stem + "lora_B.weight"] = a.requires_grad_(), b.requires_grad_()
        state[name] = p + alpha / rank * b @ a
    ids, y = torch.tensor(golden["ids"]), torch.tensor(golden["targets"])
    logits = torch.func.functional_call(model, state, args=(), kwargs=dict(input_ids=ids[None])).logits[0]
    loss = torch.nn.functional.cross_entropy(logits, y, ignore_index=-100)
    save_file({k: v.detach().contiguous() for k, v in adapters.items()}, folder / "adapter.safetensors")
    also = [(n, p) for n, p in model.named_parameters() if "norm" in n]
    return dict(rank=rank, alpha=alpha, targets=targets, also=["norm"], loss=loss.item(), gradients=gradients(list(adapters.items()) + also, loss, generator))


def main():
    torch.use_deterministic_algorithms(True)
    for index, (name, config) in enumerate(CASES.items()):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        generator = torch.Generator().manual_seed(1000 + index)
        folder, model, tokens = make(name, dict(config), generator)
        golden = dict(plain=sequence(model, tokens, generator), packed=packed(model, tokens, generator))
        golden["generate"] = continuation(model, golden["plain"]["ids"], 24)
        if name in LORA:
            golden["lora"] = lora(model, golden["plain"], folder, generator)
        if name == "tied-default-d24":
            golden["adamw"] = adamw(model, golden["plain"], generator)
        (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, sum(f.stat().st_size for f in folder.iterdir()), "bytes")


if __name__ == "__main__":
    main()
