import { message } from "../message.ts";
import { entry } from "./entry.ts";

/** CTX5xxx: sources, mix, held-out text. */
export const data = {
  CTX5001: entry(
    "error",
    "mix does not add up",
    message`the mix adds up to ${"sum"}`,
    message`shares must add up to 100%`,
  ),
  CTX5002: entry("error", "unknown source", message`there is no source ${"name"}`, message`${"hint"}`),
  CTX5003: entry(
    "warning",
    "source unused",
    message`nothing reads source ${"name"}`,
    message`it is in no mix, no haystack and no evaluation`,
  ),
  CTX5004: entry(
    "error",
    "evaluated on training text",
    message`${"what"} reads source ${"name"}, which is trained on in full`,
    message`set holdout on the source, such as holdout = 10%`,
    { lowerable: true },
  ),
  CTX5005: entry("error", "haystack", message`${"name"} can't be a haystack`, message`${"hint"}`),
  CTX5006: entry(
    "error",
    "source without text",
    message`source ${"name"} ${"problem"}`,
    message`a source has files or synthesize`,
  ),
  CTX5007: entry("error", "no such files", message`${"pattern"} matches no file`, message`looked in ${"folder"}`),
  CTX5008: entry(
    "warning",
    "text read more than once",
    message`${"who"} reads ${"name"} about ${"epochs"} times`,
    message`the files hold about ${"have"} tokens, it takes ${"need"}`,
  ),
  CTX5009: entry(
    "warning",
    "evaluation text among the training text",
    message`${"file"} is trained on by source ${"name"} and evaluated too`,
    message`its perplexity will look better than it is`,
  ),
  CTX5010: entry(
    "error",
    "format unknown",
    message`the format of ${"file"} can't be told from its name`,
    message`set format to one of ${"choices"}`,
  ),
  CTX5011: entry(
    "error",
    "part of data in a stage",
    message`${"name"} can't change from stage to stage`,
    message`set it in the data block at the top level; a stage may change mix`,
  ),
  CTX5012: entry(
    "error",
    "filter not understood",
    message`this filter can't be carried out`,
    message`a filter bounds the length of a document: tokens >= 4Ki, tokens < 1Mi, or both joined by and`,
  ),
  CTX5013: entry(
    "error",
    "empty filter",
    message`no document has ${"min"} or more and ${"max"} or fewer tokens`,
    message`the bounds cross`,
  ),
  CTX5014: entry(
    "error",
    "column not applicable",
    message`${"name"} needs columns, but ${"format"} files have none`,
    message`columns exist in jsonl, jsonl.zst and parquet`,
  ),
  CTX5015: entry(
    "error",
    "nothing held out",
    message`source ${"name"} has too few documents to hold one out for ${"what"}: one in ${"every"} of ${"documents"} is none`,
    message`${"hint"}`,
  ),
  CTX5016: entry(
    "warning",
    "holdout rounded",
    message`holdout ${"share"} is carried out as one document in ${"every"}`,
    message`${"held"} is held out`,
  ),
  CTX5017: entry(
    "error",
    "setting without effect",
    message`${"name"} has no effect in source ${"source"}`,
    message`${"reason"}`,
  ),
  CTX5018: entry(
    "error",
    "no chat template",
    message`source ${"name"} holds chats, but ${"tokenizer"} has no chat template`,
    message`a chat becomes text by the template of the model's tokenizer`,
  ),
  CTX5019: entry(
    "error",
    "rows too short for the questions",
    message`a row of source ${"name"} takes at least ${"least"} tokens, one of stage ${"stage"} has ${"length"}`,
    message`${"hint"}`,
  ),
  CTX5020: entry("error", "file not readable", message`${"file"} ${"problem"}`, message`${"hint"}`),
  CTX5021: entry(
    "warning",
    "documents too short for the rows",
    message`stage ${"stage"} packs rows of ${"length"} out of documents of at most about ${"longest"} tokens`,
    message`${"share"} of its tokens are in documents of ${"half"} or more; ${"consequence"}`,
  ),
  CTX5022: entry(
    "warning",
    "share of long documents",
    message`about ${"share"} of the tokens of stage ${"stage"} are in documents of ${"half"} or more`,
    message`${"evidence"}`,
  ),
  CTX5023: entry(
    "info",
    "what a filter keeps",
    message`the filter of ${"name"} keeps ${"documents"} of the documents, and ${"tokens"} of the tokens`,
    message`estimated from ${"looked"} documents, the longest of about ${"longest"} tokens`,
  ),
  CTX5024: entry(
    "warning",
    "long documents dropped",
    message`stage ${"stage"} leaves out ${"share"} of the tokens of ${"name"}`,
    message`overflow = drop takes no document of more than ${"length"}`,
  ),
  CTX5025: entry(
    "warning",
    "nothing to learn in a chat",
    message`${"silent"} of ${"seen"} chats of ${"name"} have no word of the assistant`,
    message`with loss = assistant such a chat teaches nothing; ${"where"}`,
    { lowerable: true },
  ),
  CTX5026: entry(
    "warning",
    "evaluation text under another name",
    message`${"file"} holds the same text as ${"other"}, which source ${"name"} trains on`,
    message`its perplexity will look better than it is`,
  ),
} as const;
