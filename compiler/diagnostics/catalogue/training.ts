import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX6xxx: method, optimizer, schedule, positions. */
export const training = {
  CTX6001: entry(
    "warning",
    "learning rate out of range",
    message`lr ${"lr"} is outside what has worked for ${"method"} training at this size`,
    message`published runs lie between ${"low"} and ${"high"}`,
  ),
  CTX6002: entry(
    "warning",
    "LoRA with frozen norms and embeddings",
    message`LoRA alone rarely learns a context ${"times"} times as long`,
    message`train norm and embed_tokens as well: no rank stands in for them (LongLoRA, table 2)`,
  ),
  CTX6003: entry(
    "error",
    "warmup too long",
    message`warmup takes ${"warmup"} steps, the stage has ${"steps"}`,
    message`the learning rate would never reach lr`,
  ),
  CTX6004: entry("error", "PoSE bounds", message`${"problem"}`, message`${"hint"}`),
  CTX6005: entry(
    "warning",
    "PoSE sees too little",
    message`${"rows"} rows of ${"length"} in a context of ${"context"} meet each distance about ${"times"} times`,
    message`more steps, more rows or a shorter context`,
  ),
  CTX6006: entry(
    "error",
    "optimizer state does not fit",
    message`stage ${"stage"} trains other parameters than ${"previous"}, so its moments can't be carried over`,
    message`write optimizer_state = reset`,
  ),
  CTX6007: entry(
    "warning",
    "learning rate jumps",
    message`lr rises ${"times"}-fold from ${"previous"} to ${"stage"} without warmup`,
    message`add warmup to the schedule or lower lr`,
  ),
  CTX6008: entry("error", "adapter does not fit", message`${"problem"}`, message`${"hint"}`),
  CTX6009: entry(
    "warning",
    "warmup of no step",
    message`a warmup of ${"share"} of ${"steps"} steps is no step at all`,
    message`the first step takes the full lr`,
  ),
  CTX6010: entry(
    "warning",
    "restart without warmup",
    message`stage ${"stage"} starts with moments at zero and the full lr of ${"lr"}`,
    message`add warmup: runs that did without had at most ${"calm"} at this size`,
  ),
  CTX6011: entry(
    "warning",
    "rank below published ones",
    message`rank ${"rank"} is low for ${"change"}`,
    message`published adapters for longer contexts have rank ${"least"} or more`,
  ),
  CTX6012: entry(
    "warning",
    "PoSE over short documents",
    message`stage ${"stage"} skips positions in rows of ${"length"}, but ${"share"} of the tokens of ${"name"} are in documents that long`,
    message`with documents = mask only a skip within a document is seen`,
  ),
} as const;
