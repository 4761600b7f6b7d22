import { closest } from "../diagnostics/suggest.ts";
import type { Host } from "../host.ts";
import {
  type Family,
  isComputed,
  knownConfig,
  knownModels,
  type ModelReading,
  modelFromConfig,
  newModel,
  readModelConfig,
} from "../model/index.ts";
import { joinPath } from "../path.ts";
import type { PlanModel, PlanTokenizer } from "../plan.ts";
import { isCall, numberArgument, type TypedCall } from "../types/typed.ts";
import { showNumber, showTokens } from "../values/show.ts";
import { ADAPTER, MERGE_ADAPTER } from "../weights/index.ts";
import { reportFindings } from "./model_findings.ts";
import type { Reader } from "./reader.ts";
import { removal } from "./removal.ts";

/** The base model's configuration; undefined when it can't be had, which has been reported. */
export function lowerModel(reader: Reader): PlanModel | undefined {
  const { lowering } = reader;
  if (!reader.has("from") && !reader.has("new")) {
    if (!reader.section) {
      const hint = 'write model { from = "…" }';
      lowering.report.add("CTX2005", reader.at("from"), { block: "the recipe", name: "model", hint });
    } else if (!reader.section.unread) {
      const values = {
        problem: "says neither from nor new",
        hint: 'from = "…" names a checkpoint, new = llama(…) starts one',
      };
      lowering.report.add("CTX8004", reader.at("from"), values);
    }
    return undefined;
  }
  reader.trace("from", "/model/from");
  reader.trace("new", "/model");
  if (reader.has("new")) return asWritten(startModel(reader), reader);
  const from = reader.text("from");
  if (from?.trim() === "") {
    const hint = 'from = "…" names a checkpoint, a folder or one of the Hub; new = llama(…) starts one';
    lowering.report.add("CTX8004", reader.at("from"), { problem: "has an empty name in from", hint });
    return undefined;
  }
  return from === undefined ? undefined : asWritten(readModel(from, reader), reader);
}

/**
 * The known model whose name is closest: one of the same numbers first, so that a misspelt Llama-3-8B is not taken for the
 * 3.1, and the owner's name and the Meta- of Meta-Llama left aside.
 */
function closestModel(from: string): string | undefined {
  const known = knownModels();
  const numbers = (name: string) =>
    baseName(name)
      .match(/\d+(?:\.\d+)?/g)
      ?.join(" ") ?? "";
  const alike = new Map(known.filter((name) => numbers(name) === numbers(from)).map((name) => [baseName(name), name]));
  const near = closest(baseName(from), alike.keys());
  return alike.get(baseName(from)) ?? (near === undefined ? closest(from, known) : alike.get(near));
}

function baseName(model: string): string {
  return model.slice(model.lastIndexOf("/") + 1).replace(/^Meta-/i, "");
}

/** A model with what the recipe knows better than its config.json. */
function asWritten(model: PlanModel | undefined, reader: Reader): PlanModel | undefined {
  return withContext(withWindow(model, reader), reader);
}

/** A checkpoint that was trained at another length than its config.json says, or than is known of its like. */
function withContext(model: PlanModel | undefined, reader: Reader): PlanModel | undefined {
  const setting = reader.setting("context");
  if (!model || !setting) return model;
  const tokens = reader.number("context");
  if (tokens === undefined) return model;
  if (model.initialize) {
    const values = { name: "context", hint: "a new model takes it as an argument: llama(context: …)" };
    reader.lowering.report.add("CTX3017", reader.at("context"), values, { fixes: [removal(setting)] });
    return model;
  }
  reader.trace("context", "/model/context");
  const { promised_context: known, ...rest } = model;
  const promised = known ?? model.context;
  if (promised !== tokens) {
    const from = `as the recipe says; config.json promises ${showTokens(promised)}`;
    reader.note("context", showTokens(tokens), from);
  }
  return { ...rest, context: tokens, ...(promised !== tokens && { promised_context: promised }) };
}

/** A checkpoint with another sliding window than its config.json says, or with none. */
function withWindow(model: PlanModel | undefined, reader: Reader): PlanModel | undefined {
  const setting = reader.setting("sliding_window");
  if (!model || !setting) return model;
  const tokens = reader.value("sliding_window");
  if (tokens === undefined) return model;
  if (model.initialize || !model.window) {
    const hint = model.initialize ? "a new model takes it as an argument: mistral(sliding_window: …)" : "it has none";
    const values = { name: "sliding_window", hint };
    reader.lowering.report.add("CTX3017", reader.at("sliding_window"), values, { fixes: [removal(setting)] });
    return model;
  }
  return { ...model, window: typeof tokens === "number" ? { ...model.window, tokens } : null };
}

/** Reads config.json from a folder beside the recipe, the Hub's cache, or the table of known models, in this order. */
function readModel(from: string, reader: Reader): PlanModel | undefined {
  const { host, folder, report } = reader.lowering;
  const local = joinPath(folder, from);
  const inFolder = host.readText(`${local}/config.json`);
  if (inFolder !== undefined) {
    return accept(readModelConfig(inFolder, from), `${from}/config.json`, reader, from);
  }
  const cached = host.hubFolder(from);
  const inCache = cached === undefined ? undefined : host.readText(`${cached}/config.json`);
  if (cached !== undefined && inCache !== undefined) {
    return accept(readModelConfig(inCache, from), `${cached}/config.json`, reader, cached);
  }
  const known = knownConfig(from);
  if (known) {
    reader.note("config", "as published", `config.json of ${from}, which ctx knows by heart`);
    return accept(modelFromConfig(known, from), `${from}/config.json`, reader, null);
  }
  report.add("CTX8001", reader.at("from"), { name: from, hint: whereToFind(from, local, host) });
  return undefined;
}

/** Of a model that is not found: the known one that may be meant, or where it was looked for, and how one of the Hub comes here. */
function whereToFind(from: string, local: string, host: Host): string {
  if (host.size(`${local}/${ADAPTER}`) !== undefined) return `${local} holds a LoRA adapter: ${MERGE_ADAPTER}`;
  const meant = closestModel(from);
  const absent = meant
    ? `did you mean ${meant}?`
    : `there is no ${local}/config.json, and it is not in the Hub's cache`;
  if (!/^\w[\w.-]*\/\w[\w.-]*$/.test(from)) return absent;
  const download = `hf download ${from} config.json`;
  return meant ? `${absent} Else fetch it from the Hub: ${download}` : `${absent}; from the Hub: ${download}`;
}

/** Reports what a config.json was found to hold and takes the model, if there is one. */
function accept(reading: ModelReading, file: string, reader: Reader, path: string | null): PlanModel | undefined {
  reportFindings(reading, file, reader);
  const { model } = reading;
  if (reading.training && model && !reader.has("context")) {
    const { context, promised_context: promised } = model;
    const from = `the training of ${reading.training.of} ended there (${reading.training.source}); config.json promises ${showTokens(promised!)}`;
    reader.note("context", showTokens(context), from);
  }
  // Of a model that is only planned the config is all that counts: no weights are read, nor any text.
  return model ? { ...model, path: isComputed(model.family) ? path : null } : undefined;
}

/** A trained tokenizer begins with these two: where a text begins, which attention needs as a place to rest, and where it ends. */
const TRAINED_SPECIALS = { bos_token_id: 0, eos_token_id: 1 };

/** `new = llama(…)`, `mistral(…)`, `qwen2(…)`, `qwen3(…)`: random weights. */
function startModel(reader: Reader): PlanModel | undefined {
  const { report } = reader.lowering;
  const call = reader.call("new");
  if (!call) return undefined;
  const tokenizer = reader.call("tokenizer");
  const vocab = numberArgument(call, "vocab") ?? (tokenizer && numberArgument(tokenizer, "vocab"));
  if (vocab === undefined && reader.failed("tokenizer")) return undefined;
  if (vocab === undefined) {
    // With from as well, which of the two is meant is not known.
    if (reader.has("from")) return undefined;
    const hint = `write tokenizer = bpe(vocab: …), or vocab in ${call.name}(…)`;
    report.add("CTX8005", call.at, { problem: "the vocabulary's size is unknown", hint });
    return undefined;
  }
  try {
    return newModel({ ...newArguments(call, vocab), ...(tokenizer ? TRAINED_SPECIALS : {}) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report.add("CTX8005", call.at, { problem: error.message, hint: "change the sizes so that they divide" });
    return undefined;
  }
}

function newArguments(call: TypedCall, vocab: number) {
  const size = (name: string) => numberArgument(call, name);
  const optional = (key: string, value: number | undefined) => (value === undefined ? {} : { [key]: value });
  return {
    family: call.name as Family,
    vocab,
    layers: size("layers") ?? 1,
    hidden: size("hidden") ?? 2,
    heads: size("heads") ?? 1,
    context: size("context") ?? 1,
    tie: call.arguments.get("tie")?.value === true,
    ...optional("kv_heads", size("kv_heads")),
    ...optional("head_dim", size("head_dim")),
    ...optional("intermediate", size("intermediate")),
    ...optional("theta", size("theta")),
    ...optional("rms_norm_eps", size("rms_norm_eps")),
    ...optional("std", size("std")),
    ...optional("window", size("sliding_window")),
  };
}

/** Where token ids come from: a file, training on the sources, or nowhere known yet. */
export function lowerTokenizer(reader: Reader, model: PlanModel | undefined): PlanTokenizer {
  const value = reader.value("tokenizer");
  if (isCall(value) && model) checkTrainedVocabulary(value, model, reader);
  if (isCall(value)) return { kind: "bpe", path: null, vocab: numberArgument(value, "vocab") ?? null };
  if (typeof value === "string") {
    if (model) needTokenizer(value, reader, "tokenizer");
    return { kind: "file", path: value, vocab: null };
  }
  if (model?.initialize && !reader.has("tokenizer")) {
    const hint = "write tokenizer = bpe(vocab: …) to train one, or name a tokenizer.json";
    reader.lowering.report.add("CTX2005", reader.at("new"), { block: "a new model", name: "a tokenizer", hint });
  }
  if (!model || model.path === null) return { kind: "none", path: null, vocab: null };
  const path = `${model.path}/tokenizer.json`;
  reader.note("tokenizer", path, "the model's folder");
  needTokenizer(path, reader, "from");
  return { kind: "file", path, vocab: null };
}

/** A trained tokenizer gives a new model its vocabulary, and can give none to a checkpoint, whose weights know their own. */
function checkTrainedVocabulary(tokenizer: TypedCall, model: PlanModel, reader: Reader): void {
  const { report } = reader.lowering;
  if (!model.initialize) {
    const problem = "a checkpoint's weights belong to its own vocabulary, not to one that is trained now";
    const setting = reader.setting("tokenizer");
    const fixes = setting ? [removal(setting)] : [];
    const hint = "remove it: the tokenizer in the model's folder is taken";
    report.add("CTX8010", reader.at("tokenizer"), { problem, hint }, { fixes });
    return;
  }
  const made = numberArgument(tokenizer, "vocab");
  const at = reader.call("new")?.arguments.get("vocab")?.at;
  if (made === undefined || !at || made === model.vocab_size) return;
  const sizes = `the model has ${showNumber(model.vocab_size)} entries, the tokenizer ${showNumber(made)}`;
  const fewer = model.vocab_size < made;
  const hint = fewer
    ? "tokens would have no entry: leave vocab out of the new model"
    : "the rest is never read nor trained";
  const fixes = [{ title: `vocab: ${made}`, safety: "review" as const, edits: [{ ...at, text: String(made) }] }];
  report.add("CTX8010", at, { problem: sizes, hint }, { severity: fewer ? "error" : "warning", fixes });
}

function needTokenizer(path: string, reader: Reader, name: string): void {
  const { host, folder, report } = reader.lowering;
  if (host.size(joinPath(folder, path)) === undefined) report.add("CTX8006", reader.at(name), { path });
}
