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
  CTX8011: entry(
    "error",
    "RoPE type not known",
    message`${"file"}: ${"problem"}`,
    message`transformers stops with a KeyError, and ctx makes no table of it`,
  ),
  CTX8012: entry(
    "error",
    "two RoPE types",
    message`${"file"}: ${"problem"}`,
    message`leave rope_type alone, and remove type; ctx reads ${"base"}`,
    { lowerable: true },
  ),
  CTX8013: entry(
    "error",
    "theta hidden by rope_scaling",
    message`${"file"}: ${"problem"}`,
    message`write rope_theta at the top level too; ctx reads ${"base"}, as transformers does`,
    { lowerable: true },
  ),
  CTX8014: entry(
    "error",
    "two thetas",
    message`${"file"}: ${"problem"}`,
    message`write the one that the model was trained with in both places; ctx reads ${"base"}`,
    { lowerable: true },
  ),
  CTX8015: entry(
    "warning",
    "rope_parameters hidden by rope_scaling",
    message`${"file"}: ${"problem"}`,
    message`write the same in both, or remove one; ctx reads ${"base"}`,
  ),
  CTX8016: entry(
    "warning",
    "RoPE key ignored",
    message`${"file"}: ${"problem"}`,
    message`ctx passes it over too, and reads ${"base"}`,
  ),
  CTX8017: entry(
    "warning",
    "factor and lengths disagree",
    message`${"file"}: ${"problem"}`,
    message`ctx takes ${"context"} for the trained length, and reads ${"base"}`,
  ),
  CTX8018: entry(
    "warning",
    "trained length unseen by transformers 4",
    message`${"file"}: ${"problem"}`,
    message`write it at the top level too; ctx reads ${"base"}, and writes both`,
  ),
  CTX8019: entry(
    "warning",
    "RoPE that changes with each text",
    message`${"file"}: ${"problem"}`,
    message`ctx freezes it at ${"context"}, which is ${"base"}`,
  ),
  CTX8020: entry(
    "warning",
    "exported model not readable everywhere",
    message`the exported config.json is not for ${"consumer"}: ${"problem"}`,
    message`load it with another library, or choose a method that all of them know`,
  ),
  CTX8021: entry(
    "info",
    "vLLM takes a longer context",
    message`vLLM will take ${"served"} tokens for the longest sequence of the exported model`,
    message`it multiplies max_position_embeddings by the factor of ${"method"}; start it with --max-model-len ${"length"}`,
  ),
  CTX8022: entry(
    "warning",
    "exported context shrinks",
    message`the exported model will say that it reads ${"length"} tokens, where ${"before"} were trained before`,
    message`the last stage's table was trained with no longer rows`,
  ),
  CTX8023: entry(
    "warning",
    "trained length doubtful",
    message`${"file"}: theta ${"theta"} is made for far longer texts than max_position_embeddings = ${"context"}`,
    message`only ${"turning"} of ${"all"} pairs finish a turn; every length here is counted from it, so see whether it is right`,
  ),
  CTX8024: entry(
    "error",
    "RoPE of another architecture",
    message`${"file"}: ${"problem"}`,
    message`ctx turns every pair of each head, in all layers alike`,
  ),
  CTX8025: entry(
    "error",
    "factors of the wrong length in config.json",
    message`${"file"}: ${"problem"}`,
    message`ctx makes no table of it; write one factor for each pair`,
  ),
} as const;
