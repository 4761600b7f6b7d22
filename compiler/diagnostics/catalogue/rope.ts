import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX3xxx: the frequency table. */
export const rope = {
  CTX3001: entry(
    "warning",
    "pairs leave the trained arc",
    message`at ${"length"} tokens ${"pairs"} of ${"all"} rotary pairs turn past what the base model has seen`,
    message`${"advice"}`,
  ),
  CTX3002: entry(
    "warning",
    "theta far above the bound",
    message`theta ${"theta"} is ${"times"} times what ${"length"} tokens need`,
    message`${"needed"} suffices; a larger theta slows learning down`,
  ),
  CTX3003: entry(
    "info",
    "result depends on the path",
    message`ntk_dynamic gives another theta when a stage is added or removed before this one`,
    message`say which stage it starts from: previous = ${"stage"}`,
  ),
  CTX3004: entry(
    "error",
    "scaled twice",
    message`the base model already scales RoPE by ${"base"}, and this replaces it unsaid`,
    message`original = ${"original"} says that the new table starts from the unscaled one`,
    { lowerable: true },
  ),
  CTX3005: entry(
    "error",
    "factor too small",
    message`factor ${"factor"} stretches ${"original"} tokens to ${"reach"}, short of ${"length"}`,
    message`${"length"} ÷ ${"original"} = ${"scale"}`,
    { lowerable: true },
  ),
  CTX3006: entry(
    "warning",
    "factor larger than the length asks for",
    message`factor ${"factor"} is made for ${"reach"} tokens, this stage has ${"length"}`,
    message`${"length"} ÷ ${"original"} = ${"scale"}`,
  ),
  CTX3007: entry(
    "warning",
    "attention temperature",
    message`attention_factor ${"given"} differs from the published ${"published"}`,
    message`YaRN multiplies cos and sin by 0.1 ln(factor) + 1`,
  ),
  CTX3008: entry(
    "info",
    "angles in float32",
    message`at ${"length"} tokens Hugging Face's float32 angles are off by up to ${"error"} rad`,
    message`this engine computes them in float64; a server that does not will read other positions`,
  ),
  CTX3009: entry(
    "warning",
    "theta falls",
    message`theta falls from ${"before"} to ${"after"} while the length does not`,
    message`what ${"previous"} learned about far positions would have to be learned again`,
  ),
  CTX3010: entry(
    "warning",
    "interpolated too strongly",
    message`neighbouring tokens are only ${"angle"} rad apart in the fastest pair`,
    message`below 1/8 rad short-range accuracy falls; yarn keeps the fast pairs`,
  ),
  CTX3011: entry(
    "error",
    "frequency not usable",
    message`the frequency of pair ${"pair"} is ${"value"}`,
    message`frequencies are finite, not negative, and radians per token`,
  ),
  CTX3012: entry(
    "error",
    "factors of the wrong length",
    message`${"name"} has ${"given"} factors, the model has ${"pairs"} rotary pairs`,
    message`give one factor for each pair`,
  ),
  CTX3013: entry("error", "no table", message`no frequency table can be made of this`, message`${"problem"}`),
  CTX3014: entry(
    "error",
    "original length missing",
    message`${"file"} scales RoPE without original_max_position_embeddings`,
    message`Hugging Face silently takes the whole context then; write the trained length into the file`,
  ),
  CTX3015: entry(
    "warning",
    "no Hugging Face form",
    message`no rope_parameters of Hugging Face reproduce this table`,
    message`the exported config.json can't carry it, and loading it elsewhere will give wrong positions`,
  ),
  CTX3016: entry(
    "warning",
    "factors fall",
    message`${"name"} falls from ${"before"} to ${"after"} at pair ${"pair"}`,
    message`published factors are at least 1 and never fall towards the slow pairs`,
  ),
  CTX3017: entry(
    "error",
    "setting without effect",
    message`${"name"} changes nothing in any stage`,
    message`${"hint"}`,
    { lowerable: true },
  ),
  CTX3018: entry(
    "warning",
    "window hides the context",
    message`at ${"length"} tokens every layer still attends to the last ${"window"} alone`,
    message`sliding_window = none in the model block trains attention over the whole length`,
  ),
  CTX3019: entry(
    "warning",
    "YaRN counts from the wrong length",
    message`YaRN counts from ${"promised"} tokens, but Qwen3 was trained at ${"trained"}`,
    message`original = ${"trained"} gives the published tables`,
  ),
} as const;
