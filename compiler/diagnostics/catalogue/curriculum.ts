import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX4xxx: stages, lengths, tokens, evaluation of a stage. */
export const curriculum = {
  CTX4001: entry(
    "warning",
    "lengths fall",
    message`stage ${"stage"} is shorter than ${"previous"} before it`,
    message`${"length"} comes after ${"before"}`,
  ),
  CTX4002: entry(
    "warning",
    "jump too large",
    message`${"before"} to ${"length"} is a jump of ${"times"} times in ${"tokens"} tokens`,
    message`published jumps beyond 8 times used at least ${"needed"} for a model of this size`,
  ),
  CTX4003: entry(
    "error",
    "tokens do not add up",
    message`${"steps"} steps of ${"batch"} × ${"length"} are ${"product"} tokens, not ${"tokens"}`,
    message`steps, batch, length and tokens contradict each other`,
  ),
  CTX4004: entry(
    "error",
    "no budget",
    message`stage ${"stage"} sets neither steps nor tokens`,
    message`give one of them`,
  ),
  CTX4005: entry(
    "error",
    "no stage",
    message`the recipe has no stage`,
    message`add stage NAME { length = …  steps = … } or a curriculum`,
  ),
  CTX4006: entry(
    "error",
    "curriculum and stages",
    message`a curriculum makes the stages itself, so none can stand beside it`,
    message`this stage is written out`,
  ),
  CTX4007: entry(
    "error",
    "previous stage",
    message`${"name"} can't be the previous stage of ${"stage"}`,
    message`${"hint"}`,
  ),
  CTX4008: entry(
    "error",
    "context not covered",
    message`rows of ${"length"} do not make a model for ${"context"}: there ${"pairs"} of ${"all"} rotary pairs would turn past what training shows`,
    message`stretch the table that far, as by method = yarn(factor: scale), or let positions skip by pose(…)`,
    { lowerable: true },
  ),
  CTX4009: entry(
    "error",
    "context too short",
    message`context ${"context"} is below the row length ${"length"}`,
    message`positions of a row must fit into the context`,
  ),
  CTX4010: entry(
    "warning",
    "evaluated beyond the target",
    message`${"what"} is measured at ${"length"}, beyond the longest context of ${"longest"}`,
    message`no stage trains positions that far`,
  ),
  CTX4011: entry(
    "error",
    "gate without its measure",
    message`the gate asks for ${"measure"}, but ${"problem"}`,
    message`${"hint"}`,
  ),
  CTX4012: entry(
    "warning",
    "tokens below one step",
    message`${"tokens"} tokens are less than one step of ${"step"}`,
    message`the stage takes one whole step: batch × length = ${"batch"} × ${"length"}`,
  ),
  CTX4013: entry(
    "error",
    "lengths must rise",
    message`the lengths of a curriculum must rise`,
    message`${"after"} follows ${"before"}`,
  ),
  CTX4014: entry(
    "error",
    "needle does not fit",
    message`a needle does not fit into ${"length"} tokens`,
    message`question, answer and some text around them take at least ${"least"}`,
  ),
  CTX4015: entry(
    "info",
    "nothing between stages",
    message`${"stages"} about ${"time"}, and ${"lack"}`,
    message`${"hint"}`,
  ),
  CTX4016: entry(
    "warning",
    "too little text to evaluate",
    message`${"what"} at ${"length"} needs more text than there is`,
    message`${"text"} to about ${"have"} tokens`,
  ),
  CTX4017: entry(
    "info",
    "tokens rounded up",
    message`stage ${"stage"} takes ${"taken"} tokens, ${"more"} more than it is given`,
    message`whole steps of ${"step"}: ${"steps"} of them`,
  ),
  CTX4018: entry(
    "info",
    "context not shown",
    message`stage ${"stage"} promises ${"context"}, ${"times"} times the ${"shown"} that the longest row shows its table`,
    message`${"hint"}`,
  ),
} as const;
