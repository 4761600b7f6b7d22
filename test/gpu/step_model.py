"""Shapes that step.py measures, as in runtime/bench/gpu_step_plan.ts, and what one training step of them costs."""

SHAPES = {
    "llama-3-8b": dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, layers=32, heads=32, kv_heads=8, head_dim=128, tie=False),
    "tiny": dict(vocab_size=1024, hidden_size=128, intermediate_size=384, layers=3, heads=4, kv_heads=4, head_dim=32, tie=True),
}
RANK, ADAPTED = 16, ("q_proj", "k_proj", "v_proj", "o_proj")

CONVENTION = (
    "MFU counts 6 N T, of LoRA 4 N T + 6 N' T (a frozen weight has no gradient), N the weights of matrix products without the look-up of embeddings, N' the adapters'; "
    "and of causal attention 3 x the forward pass's 4 x T(T+1)/2 x heads x head_dim x layers; nothing that is computed again"
)


def maps(shape):
    """(name, inputs, outputs) of a layer's linear maps."""
    hidden, ffn, query, key = shape["hidden_size"], shape["intermediate_size"], shape["heads"] * shape["head_dim"], shape["kv_heads"] * shape["head_dim"]
    return [
        ("q_proj", hidden, query),
        ("k_proj", hidden, key),
        ("v_proj", hidden, key),
        ("o_proj", query, hidden),
        ("gate_proj", hidden, ffn),
        ("up_proj", hidden, ffn),
        ("down_proj", ffn, hidden),
    ]


def model_flops(shape, tokens, method):
    """FLOPs of a step on one row, by CONVENTION."""
    weights = shape["layers"] * sum(inputs * outputs for _, inputs, outputs in maps(shape)) + shape["vocab_size"] * shape["hidden_size"]
    adapters = shape["layers"] * sum(RANK * (inputs + outputs) for name, inputs, outputs in maps(shape) if name in ADAPTED)
    linear = 6 * weights * tokens if method == "full" else (4 * weights + 6 * adapters) * tokens
    attention = 3 * 4 * tokens * (tokens + 1) // 2 * shape["heads"] * shape["head_dim"] * shape["layers"]
    return linear + attention


def rate(shape, tokens, method, seconds, peak):
    """ "1,234 tokens/s, MFU 51.2%"; without a peak, in FLOP/s, no MFU."""
    used = f", MFU {model_flops(shape, tokens, method) / seconds / peak:.1%}" if peak else ""
    return f"{tokens / seconds:,.0f} tokens/s{used}"


def climb(lengths, measure):
    """Measures rows from the shortest up until one does not fit, and then the one half-way.

    measure(length) is True, False where the memory does not hold it, and None where nothing longer is to be tried.
    """
    held = 0
    for length in sorted(lengths):
        fits = measure(length)
        if fits is None:
            return
        if not fits:
            middle = (held + length) // 2 // 1024 * 1024
            if held < middle:
                measure(middle)
            return
        held = length
