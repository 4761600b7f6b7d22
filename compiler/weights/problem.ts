import type { PlanModel } from "../plan.ts";
import { differencesOf } from "./differences.ts";
import { type StoredTensor, shown, shownShape, type WantedTensor, type WeightsFault, weightsFaults } from "./faults.ts";
import { CONVERT } from "./header.ts";

/** What is wrong with a file or a folder of weights, in words. */
export interface WeightsProblem {
  /** The file, or the folder where several are at fault. */
  readonly file: string;
  readonly problem: string;
  readonly hint: string;
}

/** Where tensors were looked for. */
export interface WeightsPlace {
  readonly folder: string;
  /** The file that would name a tensor that is missing: the weights' own, or the index of several. */
  readonly list: string;
}

/** Faults that are told one by one; of the others only how many there are. */
const SHOWN = 3;

const FITTING = "config.json and the weights don't belong together: copy both from the same model";
const RENAME = "save the whole model by itself (save_pretrained of a …ForCausalLM), or rename the tensors";
const UNTIED =
  'write "tie_word_embeddings": true into config.json if the output shares the embedding; else download the weights anew';
const ANEW = "a part of the model is not there: download the weights, or save them, anew";

/**
 * Holds the tensors of a base model against its config.json.
 *
 * @returns one problem for all that is wrong; null where every parameter is there
 */
export function weightsProblem(
  place: WeightsPlace,
  model: PlanModel,
  tensors: readonly StoredTensor[],
): WeightsProblem | null {
  const { clauses, renamed, faults, left } = differencesOf(model, tensors);
  if (faults.length === 0) return null;
  const file = fileOf(place, faults);
  if (faults.length === 1) return { file, problem: oneFault(faults[0]!, file), hint: hintOf(faults, false) };
  const causes = clauses.map((clause, k) => `${k === 0 ? "it calls for" : "for"} ${clause}`);
  const parts = [...causes, ...someFaults(left, file)];
  const what = clauses.length > 0 ? "do not fit config.json" : verdict(faults);
  const problem = `${faults.length} tensors ${what}: ${parts.join("; ")}`;
  return { file, problem, hint: renamed ? RENAME : hintOf(left, clauses.length > 0) };
}

/** Holds the tensors of a file against those that something else than a config.json calls for: `by`. */
export function tensorsProblem(
  file: string,
  by: string,
  wanted: readonly WantedTensor[],
  tensors: readonly StoredTensor[],
): Omit<WeightsProblem, "hint"> | null {
  const faults = weightsFaults(wanted, tensors);
  if (faults.length === 0) return null;
  const one = faults.length === 1 ? "1 tensor does" : `${faults.length} tensors do`;
  return { file, problem: `${one} not fit ${by}: ${someFaults(faults, file).join("; ")}` };
}

function fileOf({ folder, list }: WeightsPlace, faults: readonly WeightsFault[]): string {
  const files = new Set(faults.map((fault) => (fault.kind === "missing" ? list : fault.stored.file)));
  return files.size === 1 ? [...files][0]! : folder;
}

function oneFault(fault: WeightsFault, file: string): string {
  const name = shown(fault.name);
  switch (fault.kind) {
    case "missing":
      return `no tensor ${name} ${shownShape(fault.wanted)}, which config.json calls for`;
    case "shape":
      return `tensor ${name}${within(fault, file)} has shape ${shownShape(fault.stored.shape)}, and config.json calls for ${shownShape(fault.wanted)}`;
    case "dtype":
      return `tensor ${name}${within(fault, file)} has dtype ${fault.stored.dtype}, which is not read`;
    case "foreign":
      return `tensor ${name}${within(fault, file)} is not part of the model that config.json describes`;
  }
}

/** The file of a fault, where the message is about a folder. */
function within(fault: WeightsFault, file: string): string {
  if (fault.kind === "missing" || fault.stored.file === file) return "";
  return ` in ${fault.stored.file.slice(fault.stored.file.lastIndexOf("/") + 1)}`;
}

function verdict(faults: readonly WeightsFault[]): string {
  if (faults.every(({ kind }) => kind === "dtype")) return "have a dtype that is not read";
  if (faults.every(({ kind }) => kind === "missing")) return "that config.json calls for are missing";
  return "do not fit config.json";
}

/**
 * @param left what keys of config.json do not explain
 * @param explained whether some explain the rest
 */
function hintOf(left: readonly WeightsFault[], explained: boolean): string {
  if (left.length === 0) return `${FITTING}, or write into config.json what the weights have`;
  if (left.length === 1 && left[0]!.kind === "missing" && left[0]!.name === "lm_head.weight") return UNTIED;
  const all = (kind: WeightsFault["kind"]) => left.every((fault) => fault.kind === kind);
  if (all("missing")) return ANEW;
  if (explained) return FITTING;
  if (all("dtype"))
    return `${CONVERT}${left.length > 1 ? "; weights that were quantized must be loaded and saved without it" : ""}`;
  return FITTING;
}

/** The first few, those of several layers that are alike told as one. */
function someFaults(faults: readonly WeightsFault[], file: string): string[] {
  const groups = new Map<string, WeightsFault[]>();
  for (const fault of faults) {
    const key = alike(fault);
    const group = groups.get(key);
    if (group) group.push(fault);
    else groups.set(key, [fault]);
  }
  const all = [...groups.values()];
  const told = all.slice(0, SHOWN).map((group) => groupWords(group, file));
  const more = all.slice(SHOWN).reduce((sum, { length }) => sum + length, 0);
  return more > 0 ? [...told, `and ${more} more`] : told;
}

function alike(fault: WeightsFault): string {
  const name = fault.name.replace(/^model\.layers\.\d+\./, "model.layers.*.");
  const found = fault.kind === "missing" ? [] : [fault.stored.dtype, fault.stored.shape];
  return JSON.stringify([fault.kind, name, ...found, "wanted" in fault ? fault.wanted : null]);
}

function groupWords(group: readonly WeightsFault[], file: string): string {
  const [fault] = group as [WeightsFault];
  const others = group.length - 1;
  const more = others === 0 ? "" : ` (and in ${others} other ${others === 1 ? "layer" : "layers"})`;
  const name = `${shown(fault.name)}${within(fault, file)}${more}`;
  switch (fault.kind) {
    case "missing":
      return `no ${shown(fault.name)} ${shownShape(fault.wanted)}${more}`;
    case "shape":
      return `${name} is ${shownShape(fault.stored.shape)}, not ${shownShape(fault.wanted)}`;
    case "dtype":
      return `${name} is ${fault.stored.dtype}`;
    case "foreign":
      return `${name} has no place there`;
  }
}
