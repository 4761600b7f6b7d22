import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX8xxx: base model and export. */
export const model = {
  CTX8001: entry("error", "model not found", message`no config.json is known for ${"name"}`, message`${"hint"}`),
  CTX8002: entry("error", "config.json not usable", message`${"file"}: ${"problem"}`, message`${"hint"}`),
  CTX8003: entry(
    "error",
    "architecture not supported",
    message`${"name"} ${"problem"}`,
    message`this version trains Llama, Mistral, Qwen2 and Qwen3`,
  ),
  CTX8004: entry("error", "from or new", message`model ${"problem"}`, message`${"hint"}`),
  CTX8005: entry("error", "impossible shape", message`${"problem"}`, message`${"hint"}`),
  CTX8006: entry(
    "error",
    "no tokenizer",
    message`${"path"} does not exist`,
    message`text can't be turned into tokens without it`,
  ),
  CTX8007: entry(
    "warning",
    "rope_theta missing",
    message`${"file"} has no rope_theta`,
    message`Hugging Face silently takes 10,000 then; write it into the file`,
  ),
  CTX8008: entry(
    "warning",
    "nothing to merge",
    message`merge has no effect: no stage trains an adapter`,
    message`full training writes whole weights anyway`,
  ),
  CTX8009: entry(
    "warning",
    "config.json surprises",
    message`${"file"}: ${"problem"}`,
    message`the base model is read as ${"base"}`,
  ),
  CTX8010: entry("error", "vocabulary and tokenizer", message`${"problem"}`, message`${"hint"}`),
} as const;
