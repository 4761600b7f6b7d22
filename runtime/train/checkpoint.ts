import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { NativeEngine, NativeSlot } from "../engine/addon.ts";
import { readSafetensors } from "../engine/safetensors.ts";
import { writeTensors } from "../export/shards.ts";
import { messageOf } from "../run/failure.ts";
import { readJson, writeFailure, writeFolder, writeSynced } from "../run/files.ts";

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
  /** Size of each file of the folder, to tell a damaged checkpoint. */
  files: { [name: string]: number };
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
      const files = Object.fromEntries(readdirSync(aside).map((name) => [name, statSync(join(aside, name)).size]));
      const state: CheckpointState = { version: 1, ...at, files };
      writeSynced(join(aside, "state.json"), `${JSON.stringify(state, null, 2)}\n`);
    });
  } catch (error) {
    throw writeFailure(folder, error);
  }
  for (const name of checkpointNames(checkpoints).slice(0, -KEPT)) {
    rmSync(join(checkpoints, name), { recursive: true, force: true });
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
    await engine.load(await readSafetensors(join(checkpoint.folder, `${file}.safetensors`)), slot, true);
  }
}

/**
 * The newest checkpoint that is intact, or null. A damaged one (bad disk, edited by hand) is passed over with a note
 * for the user.
 */
export function newestCheckpoint(checkpoints: string, note: (text: string) => void): Checkpoint | null {
  for (const name of checkpointNames(checkpoints).reverse()) {
    const folder = join(checkpoints, name);
    const reason = damage(folder);
    if (reason === null) return { folder, state: readJson<CheckpointState>(join(folder, "state.json")) };
    note(`${folder} is damaged (${reason}); going back to the one before`);
  }
  return null;
}

function damage(folder: string): string | null {
  try {
    const state = readJson<CheckpointState>(join(folder, "state.json"));
    if (state.version !== 1 || typeof state.files !== "object") return "state.json is not of this version";
    for (const [name, size] of Object.entries(state.files)) {
      const path = join(folder, name);
      if (!existsSync(path)) return `${name} is missing`;
      if (statSync(path).size !== size) return `${name} has ${statSync(path).size} bytes instead of ${size}`;
    }
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function checkpointName(stage: number, step: number): string {
  return `${String(stage).padStart(3, "0")}-${String(step).padStart(8, "0")}`;
}

/** In the order of the run. Leftovers of a killed save have other names. */
function checkpointNames(checkpoints: string): string[] {
  if (!existsSync(checkpoints)) return [];
  return readdirSync(checkpoints)
    .filter((name) => /^\d{3,}-\d{8,}$/.test(name))
    .sort();
}
