"""oracle_logits.py FOLDER: logits of FOLDER/ids.json by transformers in float32, written to FOLDER/logits.f32."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = sys.argv[1]
AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
ids = torch.tensor([json.load(open(f"{folder}/ids.json"))])
with torch.no_grad():
    model(ids).logits[0].numpy().tofile(f"{folder}/logits.f32")
