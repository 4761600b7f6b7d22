"""How far transformers is from its own float32 when it computes in bfloat16: the measure for ours.

    python test/golden/bf16_errors.py          (torch 2.x, transformers 5.x; after make_models.py)

For each case of test/golden/models it reads golden.json (float32) and computes the plain sequence again with the whole model in
bfloat16 (sdpa attention). Writes test/golden/bf16_errors.json: case -> root mean square error of the logits, relative to theirs; of
the sampled gradient entries, each relative to its parameter's root mean square, over all parameters; and of the loss.
"""
import json
import math
import pathlib

import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent


def rms(values):
    return math.sqrt(sum(v * v for v in values) / len(values))


def errors(folder):
    golden = json.loads((folder / "golden.json").read_text())["plain"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa")
    logits = model(input_ids=torch.tensor([golden["ids"]])).logits[0].float()
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(golden["targets"]), ignore_index=-100)
    loss.backward()
    picked = logits[golden["rows"]].flatten().tolist()
    entries = []
    for name, p in model.named_parameters():
        expected = golden["gradients"][name]
        unit = expected["norm"] / math.sqrt(p.numel())
        ours = p.grad.float().flatten()[expected["at"]].tolist()
        entries += [(a - b) / unit for a, b in zip(ours, expected["values"])]
    return dict(logits=rms([a - b for a, b in zip(picked, golden["logits"])]) / rms(golden["logits"]), gradients=rms(entries),
                loss=abs(loss.item() - golden["loss"]))


def main():
    torch.manual_seed(0)
    result = {folder.name: errors(folder) for folder in sorted((HERE / "models").iterdir()) if (folder / "golden.json").exists()}
    (HERE / "bf16_errors.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
