"""Makes rope_readback.json: the frequency tables that transformers 4 and 5 make of the same config.json.

    python rope_readback.py DIR > rope_readback.json

DIR holds the unpacked wheel of transformers 4.57.6; transformers 5.18 and torch come from the environment. Version 4's
RoPE code is run as published; only its imports of the rest of the package are replaced, so that both versions can be
asked in one process.
"""

import json
import re
import sys
import types
from pathlib import Path

import torch


def version_4(folder):
    """LlamaConfig and LlamaRotaryEmbedding of transformers 4 out of its source files."""

    class PretrainedConfig:
        def __init__(self, **kwargs):
            self.__dict__.update(kwargs)

    class Log:
        def __getattr__(self, _):
            return lambda *a, **k: None

    logging = types.SimpleNamespace(get_logger=lambda _: Log())
    rope = {"PretrainedConfig": PretrainedConfig, "is_torch_available": lambda: True, "logging": logging, "__name__": "r"}

    def run(path, scope, only=None):
        text = (folder / path).read_text()
        text = re.sub(r"^from \.+\S* import (\([^)]*\)|.*)$", "", text, flags=re.M)
        if only:
            text = re.search(rf"^class {only}\b.*?(?=^\S)", text, flags=re.M | re.S).group(0)
        exec(compile(text, path, "exec"), scope)

    run("transformers/modeling_rope_utils.py", rope)
    scope = dict(rope, torch=torch, nn=torch.nn)
    run("transformers/models/llama/configuration_llama.py", scope)
    run("transformers/models/llama/modeling_llama.py", scope, only="LlamaRotaryEmbedding")
    return scope["LlamaConfig"], scope["LlamaRotaryEmbedding"]


def table(config_class, rotary_class, config, length):
    """Table in force after a forward pass over `length` tokens, or the error's name."""
    try:
        config = config_class(**json.loads(json.dumps(config)))
        rotary = rotary_class(config)
        rotary(torch.zeros(1, 1, 1), torch.tensor([[length - 1]]))
        return {"inv_freq": rotary.inv_freq.double().tolist(), "attention": float(rotary.attention_scaling)}
    except Exception as error:  # noqa: BLE001 - the name is the result
        return {"error": type(error).__name__}


BASE = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 100}
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 8192}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LONG = [1 + 7 * i / 31 for i in range(32)]
LONGROPE = {
    "rope_type": "longrope",
    "factor": 8.0,
    "short_factor": [1.0] * 32,
    "long_factor": LONG,
    "original_max_position_embeddings": 8192,
}


def without(values, *keys):
    return {k: v for k, v in values.items() if k not in keys}


def cases():
    old = lambda theta, scaling: {"rope_theta": theta, "rope_scaling": scaling}  # noqa: E731
    new = lambda **values: {"rope_parameters": values}  # noqa: E731
    yield "old plain", 65536, old(5e5, None)
    yield "no theta", 65536, {}
    yield "new plain", 65536, new(rope_type="default", rope_theta=8e6)
    yield "both plain", 65536, {"rope_theta": 8e6, "rope_scaling": None, **new(rope_type="default", rope_theta=8e6)}
    yield "both plain, thetas differ", 65536, {"rope_theta": 8e6, **new(rope_type="default", rope_theta=5e5)}
    yield "old linear, word type", 65536, old(5e5, {"type": "linear", "factor": 8.0})
    yield "old yarn", 65536, old(5e5, YARN)
    yield "old yarn, word type", 65536, old(5e5, {**without(YARN, "rope_type"), "type": "yarn"})
    yield "old yarn without theta", 65536, {"rope_scaling": YARN}
    yield "old yarn without original", 65536, old(5e5, without(YARN, "original_max_position_embeddings"))
    yield "old yarn without factor", 65536, old(5e5, without(YARN, "factor"))
    yield "new yarn, factor null", 65536, new(**{**YARN, "rope_theta": 5e5, "factor": None})
    yield "old yarn, factor off", 65536, old(5e5, {**YARN, "factor": 4.0})
    yield "old yarn, attn_factor", 65536, old(5e5, {**YARN, "attn_factor": 0.5})
    yield "old yarn, attention_factor", 65536, old(5e5, {**YARN, "attention_factor": 1.1})
    yield "old yarn, mscale pair", 65536, old(5e5, {**YARN, "mscale": 0.707, "mscale_all_dim": 1.0})
    yield "old yarn, mscale alone", 65536, old(5e5, {**YARN, "mscale": 1.0})
    yield "old yarn, betas, not truncated", 65536, old(5e5, {**YARN, "beta_fast": 4.0, "beta_slow": 2.0, "truncate": False})
    yield "both, scaling wins, theta only inside parameters", 65536, {
        "rope_scaling": YARN,
        **new(rope_type="default", rope_theta=8e6),
    }
    yield "type and rope_type conflict", 65536, old(5e5, {**YARN, "type": "linear"})
    yield "old llama3", 131072, old(5e5, LLAMA3)
    yield "new llama3", 131072, new(**LLAMA3, rope_theta=5e5)
    yield "old llama3 without original", 131072, old(5e5, without(LLAMA3, "original_max_position_embeddings"))
    yield "old llama3 without high factor", 131072, old(5e5, without(LLAMA3, "high_freq_factor"))
    yield "old dynamic", 8192, old(5e5, {"type": "dynamic", "factor": 4.0})
    yield "old longrope", 65536, old(5e5, LONGROPE)
    yield "old longrope, top-level original", 65536, {**old(5e5, LONGROPE), "original_max_position_embeddings": 8192}
    yield "old longrope, wrong length", 65536, old(5e5, {**LONGROPE, "long_factor": LONG[:31]})
    yield "unknown type", 65536, old(5e5, {"rope_type": "ntk", "factor": 8.0})
    yield "new proportional", 65536, new(rope_type="proportional", rope_theta=1e6, partial_rotary_factor=0.25)
    yield "empty scaling beside parameters", 65536, {"rope_theta": 5e5, "rope_scaling": {}, **new(**YARN, rope_theta=5e5)}


def main():
    from transformers import LlamaConfig, logging
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    logging.set_verbosity_error()
    old = version_4(Path(sys.argv[1]))
    result = []
    for name, max_position, keys in cases():
        for length in (4096, 65536):
            config = {**BASE, "max_position_embeddings": max_position, **keys}
            v5 = table(LlamaConfig, LlamaRotaryEmbedding, config, length)
            v4 = table(*old, config, length)
            keep = {"max_position_embeddings": max_position, **keys}
            result.append({"name": name, "length": length, "config": keep, "transformers 4": v4, "transformers 5": v5})
    json.dump({"head_dim": 64, "versions": ["4.57.6", "5.18.0"], "cases": result}, sys.stdout)


main()
