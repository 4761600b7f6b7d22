import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { NativeEngine, NativeSlot } from "../engine/addon.ts";
import { loadWeights } from "../engine/load_weights.ts";
import { readSafetensors } from "../engine/safetensors.ts";
import { writeTensors } from "../export/shards.ts";
import { messageOf } from "../run/failure.ts";
import { readJson, retireFolder, sha256, writeFailure, writeFolder, writeSynced } from "../run/files.ts";

/** Where in the run a checkpoint was taken. */
export interface CheckpointState {
  version: 1;
  stage: string;
  stage_index: number;
  /** Optimizer steps of the stage that are done. */
  step: number;
  /** Optimizer steps of the run that are done. */
  global_step: number;
  /** AdamW's own count, which goes on over stages that carry the optimizer's state. */
  adam_step: number;
  /** SHA-256 of plan.json. */
  plan_sha256: string;
  /** SHA-256 of each file of the folder. */
  files: { [name: string]: string };
}

export interface Checkpoint {
  folder: string;
  state: CheckpointState;
}

/** Checkpoints that are kept. */
const KEPT = 2;

/** File of the folder → what of each trained parameter it holds. */
const SLOTS: { [file: string]: NativeSlot } = { weights: "value", adam_m: "adam_m", adam_v: "adam_v" };

/**
 * Saves all trained parameters and AdamW's moments in fp32: `<checkpoints>/<stage>-<step>/` with `weights`, `adam_m`
 * and `adam_v` as safetensors, and `state.json`. The folder appears whole or not at all; older ones go afterwards.
 *
 * @throws Failure when it cannot be written; what was saved before is untouched then.
 */
export async function saveCheckpoint(
  checkpoints: string,
  engine: Pick<NativeEngine, "save" | "parameters">,
  at: Omit<CheckpointState, "version" | "files">,
): Promise<string> {
  const trained = engine.parameters().filter((parameter) => parameter.trainable);
  const folder = join(checkpoints, checkpointName(at.stage_index, at.step));
  try {
    await writeFolder(folder, async (aside) => {
      for (const [file, slot] of Object.entries(SLOTS)) {
        const tensors = trained.map(({ name, shape }) => ({
          name,
          parameter: name,
          slot,
          dtype: "F32" as const,
          shape,
        }));
        await writeTensors(engine, aside, tensors, file, Number.POSITIVE_INFINITY);
      }
      const files: CheckpointState["files"] = {};
      for (const name of readdirSync(aside)) files[name] = await sha256(join(aside, name));
      const state: CheckpointState = { version: 1, ...at, files };
      writeSynced(join(aside, "state.json"), `${JSON.stringify(state, null, 2)}\n`);
    });
  } catch (error) {
    throw writeFailure(folder, error);
  }
  for (const name of checkpointNames(checkpoints).slice(0, -KEPT)) {
    retireFolder(join(checkpoints, name));
  }
  return folder;
}

/** Loads what `saveCheckpoint` saved into an engine with the same trained parameters. */
export async function loadCheckpoint(
  checkpoint: Checkpoint,
  engine: Pick<NativeEngine, "load">,
  moments: boolean,
): Promise<void> {
  for (const [file, slot] of Object.entries(SLOTS)) {
    if (slot !== "value" && !moments) continue;
    await loadWeights(engine, await readSafetensors(join(checkpoint.folder, `${file}.safetensors`)), slot, true);
  }
}

/**
 * The newest checkpoint whose every byte is as it was saved, or null. A damaged one (bad disk, edited by hand) is passed
 * over with a note for the user.
 */
export async function newestCheckpoint(checkpoints: string, note: (text: string) => void): Promise<Checkpoint | null> {
  for (const name of checkpointNames(checkpoints).reverse()) {
    const folder = join(checkpoints, name);
    try {
      const state = readState(folder, name);
      for (const [file, sum] of Object.entries(state.files)) {
        if ((await sha256(join(folder, file))) !== sum) throw new Error(`the checksum of ${file} differs`);
      }
      return { folder, state };
    } catch (error) {
      note(`${folder} is damaged (${messageOf(error)}); going back to the one before`);
    }
  }
  return null;
}

function readState(folder: string, name: string): CheckpointState {
  const state = readJson<CheckpointState>(join(folder, "state.json"));
  const { version, stage_index, step, global_step, adam_step, files } = state;
  const counts = [stage_index, step, global_step, adam_step];
  const complete = Object.keys(SLOTS).every((file) => typeof files?.[`${file}.safetensors`] === "string");
  if (version !== 1 || !counts.every((count) => Number.isInteger(count) && count >= 0) || !complete)
    throw new Error("state.json is not of this version");
  if (checkpointName(stage_index, step) !== name) throw new Error("state.json belongs to another checkpoint");
  return state;
}

/** Name of the folder of a checkpoint after `step` steps of stage number `stage`. */
export function checkpointName(stage: number, step: number): string {
  return `${String(stage).padStart(3, "0")}-${String(step).padStart(8, "0")}`;
}

/** In the order of the run. Leftovers of a killed save have other names. */
function checkpointNames(checkpoints: string): string[] {
  if (!existsSync(checkpoints)) return [];
  return readdirSync(checkpoints)
    .filter((name) => /^\d{3,}-\d{8,}$/.test(name))
    .sort();
}
